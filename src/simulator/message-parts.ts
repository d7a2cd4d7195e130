import { sitePage } from './catalogue.ts'
import type { Category, Page, Product } from './catalogue.ts'
import { STEP } from './session-chain.ts'
import type { CartLine, Order, Session, Shopper } from './shopper.ts'
import { placeOf, scatter } from './visit-context.ts'

export type Properties = Record<string, unknown>

const HOME = sitePage('/')
const SEARCH = sitePage('/search')
const CART = sitePage('/cart')
const CHECKOUT = sitePage('/checkout')
const THANKS = sitePage('/thank-you')
export const ACCOUNT = sitePage('/account')
const COUPON_RATES: Readonly<Record<string, number>> = {
  WELCOME10: 0.1,
  WEEKLY15: 0.15,
  COMEBACK10: 0.1,
}
export const PROMOTIONS = [
  'spring-sale',
  'two-for-one',
  'new-arrivals',
  'clearance',
  'free-shipping',
]
const PAYMENTS = ['card', 'paypal', 'invoice', 'apple pay']
const NAMES_FIRST = [
  'Ada',
  'Ben',
  'Clara',
  'David',
  'Emil',
  'Frida',
  'Greta',
  'Hugo',
  'Ines',
  'Jonas',
  'Klara',
  'Leo',
  'Mara',
  'Nils',
  'Olga',
  'Paul',
]
const NAMES_LAST = [
  'Adler',
  'Bauer',
  'Conti',
  'Dubois',
  'Egger',
  'Fuchs',
  'Garcia',
  'Huber',
  'Ivanov',
  'Jansen',
  'Keller',
  'Lopez',
  'Meyer',
  'Novak',
  'Olsen',
  'Peeters',
]

export function pageOf(session: Session, step: number, catalogue: readonly Category[]): Page {
  switch (step) {
    case STEP.home:
    case STEP.promotion:
    case STEP.promotionClick:
      return HOME
    case STEP.search:
      return SEARCH
    case STEP.list:
    case STEP.filter:
    case STEP.click:
      return catalogue[session.category].page
    case STEP.remove:
    case STEP.cart:
      return CART
    case STEP.checkout:
    case STEP.coupon:
    case STEP.payment:
      return CHECKOUT
    case STEP.order:
      return THANKS
    case STEP.refund:
    case STEP.rating:
      return ACCOUNT
    default:
      return session.product?.page ?? HOME
  }
}

export function contextWith(session: Session, page: Page): Properties {
  const { context } = session
  if (context === null) return { page }
  const { userAgent, locale, device, os, location, campaign } = context
  if (campaign === undefined) return { userAgent, locale, page, device, os, location }
  return { userAgent, locale, page, campaign, device, os, location }
}

export function traitsOf(shopper: Shopper): Properties {
  const hash = scatter(shopper.index + 104_729)
  const first = NAMES_FIRST[hash & 15]
  const last = NAMES_LAST[(hash >>> 4) & 15]
  const { location, locale } = placeOf(shopper.index)
  return {
    name: `${first} ${last}`,
    email: `${first}.${last}.${shopper.index}@mail.example`.toLowerCase(),
    country: location.country,
    city: location.city,
    language: locale.slice(0, 2),
  }
}

export function productOf(product: Product): Properties {
  const { id, name, category, brand, price } = product
  return { product_id: id, name, category, brand, price, currency: 'EUR' }
}

export function clickOf(product: Product, position: number): Properties {
  const { id, name, category, brand, price } = product
  return { product_id: id, name, category, brand, price, currency: 'EUR', position }
}

export function lineOf(line: CartLine): Properties {
  const { id, category, brand, price } = line.product
  return { product_id: id, category, brand, price, quantity: line.quantity }
}

export function promotionOf(session: Session): Properties {
  const name = PROMOTIONS[session.promotion]
  return { promotion_id: `promo-${session.promotion}`, name, position: 1 }
}

export function refundOf(session: Session): Properties {
  const { order } = session
  if (order === null) return {}
  return {
    order_id: order.id,
    total: order.total,
    currency: 'EUR',
    products: order.lines.map(lineOf),
  }
}

/** A cart belongs to one checkout until it is ordered. */
export function checkoutIdOf(session: Session): string {
  return `checkout-${session.shopper.index}-${session.cart[0].product.id}`
}

export function paymentOf(shopper: Shopper): string {
  return PAYMENTS[scatter(shopper.index + 31) % PAYMENTS.length]
}

export function discountOf(session: Session): number {
  const rate = COUPON_RATES[session.coupon]
  return rate === undefined ? 0 : cents(valueOf(session.cart) * rate)
}

export function valueOf(cart: readonly CartLine[]): number {
  let sum = 0
  for (const { product, quantity } of cart) sum += product.price * quantity
  return sum
}

export function cents(value: number): number {
  return Math.round(value * 100) / 100
}

/** Days after an order until what is left of it in the budget is earned again, at least half a day. */
export function restDays(order: Order, budget: number): number {
  return Math.min(10, Math.max(0.5, order.total / budget))
}
