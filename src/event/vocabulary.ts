/**
 * The e-commerce vocabulary: Segment's e-commerce events v2, which RudderStack and PostHog share.
 * A record carries an event's index + 1, so names are only ever appended.
 */
export const EVENT_NAMES: readonly string[] = [
  'Products Searched',
  'Product List Viewed',
  'Product List Filtered',
  'Promotion Viewed',
  'Promotion Clicked',
  'Product Clicked',
  'Product Viewed',
  'Product Added',
  'Product Removed',
  'Cart Viewed',
  'Checkout Started',
  'Checkout Step Viewed',
  'Checkout Step Completed',
  'Payment Info Entered',
  'Order Completed',
  'Order Updated',
  'Order Refunded',
  'Order Cancelled',
  'Coupon Entered',
  'Coupon Applied',
  'Coupon Denied',
  'Coupon Removed',
  'Product Added to Wishlist',
  'Product Removed from Wishlist',
  'Wishlist Product Added to Cart',
  'Product Shared',
  'Cart Shared',
  'Product Reviewed',
]

/** Names of the first version of the vocabulary, and spellings seen in the wild. */
const ALIASES: Readonly<Record<string, string>> = {
  'Viewed Product': 'Product Viewed',
  'Viewed Product Category': 'Product List Viewed',
  'Viewed Product List': 'Product List Viewed',
  'Clicked Product': 'Product Clicked',
  'Added Product': 'Product Added',
  'Removed Product': 'Product Removed',
  'Viewed Cart': 'Cart Viewed',
  'Started Checkout': 'Checkout Started',
  'Viewed Checkout Step': 'Checkout Step Viewed',
  'Completed Checkout Step': 'Checkout Step Completed',
  'Entered Payment Info': 'Payment Info Entered',
  'Completed Order': 'Order Completed',
  'Updated Order': 'Order Updated',
  'Refunded Order': 'Order Refunded',
  'Cancelled Order': 'Order Cancelled',
  'Order Canceled': 'Order Cancelled',
  'Searched Products': 'Products Searched',
  'Viewed Promotion': 'Promotion Viewed',
  'Clicked Promotion': 'Promotion Clicked',
  'Entered Coupon': 'Coupon Entered',
  'Applied Coupon': 'Coupon Applied',
  'Denied Coupon': 'Coupon Denied',
  'Removed Coupon': 'Coupon Removed',
  'Added Product to Wishlist': 'Product Added to Wishlist',
  'Removed Product from Wishlist': 'Product Removed from Wishlist',
  'Shared Product': 'Product Shared',
  'Shared Cart': 'Cart Shared',
  'Reviewed Product': 'Product Reviewed',
}

const CODES: ReadonlyMap<string, number> = new Map([
  ...EVENT_NAMES.map((name, index) => [name.toLowerCase(), index + 1] as const),
  ...Object.entries(ALIASES).map(
    ([alias, name]) => [alias.toLowerCase(), EVENT_NAMES.indexOf(name) + 1] as const,
  ),
])
const EXACT: ReadonlyMap<string, number> = new Map(
  EVENT_NAMES.map((name, index) => [name, index + 1]),
)

/** The code of a name or of an alias, whatever its case; 0 for a custom name. */
export function eventCodeOf(name: string): number {
  return EXACT.get(name) ?? CODES.get(name.toLowerCase()) ?? 0
}

/** The canonical name of a code; '' for 0. */
export function eventNameOf(code: number): string {
  return EVENT_NAMES[code - 1] ?? ''
}
