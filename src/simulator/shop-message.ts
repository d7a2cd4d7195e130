import { landingPage } from './catalogue.ts'
import type { Category, Page, Product } from './catalogue.ts'
import type { Random } from './random.ts'
import { INTENT, STEP } from './session-chain.ts'
import {
  ACCOUNT,
  PROMOTIONS,
  cents,
  checkoutIdOf,
  clickOf,
  contextWith,
  discountOf,
  lineOf,
  pageOf,
  paymentOf,
  productOf,
  promotionOf,
  refundOf,
  traitsOf,
  valueOf,
} from './message-parts.ts'
import type { Properties } from './message-parts.ts'
import { EXTRA } from './shopper.ts'
import type { Session } from './shopper.ts'
import { TimestampText } from './timestamp-text.ts'
import { bringsCoupon, contextOf, scatter, sourceOf } from './visit-context.ts'

/** Names of the track events; '' is a page. By step. */
const NAMES = [
  '',
  'Products Searched',
  'Product List Viewed',
  'Product List Filtered',
  'Promotion Viewed',
  'Promotion Clicked',
  'Product Clicked',
  'Product Viewed',
  '',
  'Product Added to Wishlist',
  'Product Shared',
  'Product Added',
  'Product Removed',
  'Cart Viewed',
  'Checkout Started',
  'Coupon Applied',
  'Payment Info Entered',
  'Order Completed',
  'Order Refunded',
  'Product Reviewed',
]
const COUPONS = ['WELCOME10', 'WEEKLY15', 'COMEBACK10']
const CHANNELS = ['email', 'whatsapp', 'instagram', 'copied link']
/** Free from this many EUR. */
const SHIPPING_FREE_FROM = 60
const SHIPPING = 4.9

/**
 * Writes the Segment messages of sessions, and moves a session's product and cart along.
 *
 * Messages share parts (context of a visit, pages): read them, don't change them.
 */
export class MessageWriter {
  private readonly catalogue: readonly Category[]
  private readonly random: Random
  private readonly prefix: string
  private readonly clock = new TimestampText()
  private count = 0

  constructor(catalogue: readonly Category[], random: Random, seed: number) {
    this.catalogue = catalogue
    this.random = random
    this.prefix = `sim-${seed}-`
  }

  /** The message of the session's next step. */
  step(session: Session, time: number): Record<string, unknown> {
    const step = session.nextStep
    const first = session.context === null
    const properties = this.properties(session, step)
    const page = first ? this.landing(session) : pageOf(session, step, this.catalogue)
    const { shopper, device, anonymousId } = session
    const known = (shopper.identified & (1 << device)) !== 0
    const messageId = this.prefix + this.count++
    const context = contextWith(session, page)
    const timestamp = this.clock.text(time)
    const event = NAMES[step]
    if (event === '') {
      const name = step === STEP.home ? 'Home' : 'Reviews'
      const type = 'page'
      if (!known) return { type, name, messageId, anonymousId, context, properties, timestamp }
      const { userId } = session
      return { type, name, messageId, anonymousId, userId, context, properties, timestamp }
    }
    const type = 'track'
    if (!known) return { type, event, messageId, anonymousId, context, properties, timestamp }
    const { userId } = session
    return { type, event, messageId, anonymousId, userId, context, properties, timestamp }
  }

  /** One of the messages of a log-in: an alias, an identify or a group call. */
  extra(session: Session, extra: number, time: number): Record<string, unknown> {
    const { shopper, anonymousId, userId } = session
    const page = session.context === null ? this.landing(session) : ACCOUNT
    const messageId = this.prefix + this.count++
    const context = contextWith(session, page)
    const timestamp = this.clock.text(time)
    const shared = { messageId, anonymousId, userId, context, timestamp }
    if (extra === EXTRA.alias) return { type: 'alias', previousId: anonymousId, ...shared }
    if (extra === EXTRA.identify) return { type: 'identify', traits: traitsOf(shopper), ...shared }
    const group = scatter(shopper.index) % 200
    const traits = { name: `Company ${group}` }
    return { type: 'group', groupId: `company-${group}`, traits, ...shared }
  }

  /** Makes the visit's context; the first page has the referrer. */
  private landing(session: Session): Page {
    const { shopper, device, intent } = session
    const source = sourceOf(intent, this.random)
    session.context = contextOf(shopper, { device, campaign: source.campaign })
    const page = pageOf(session, session.nextStep, this.catalogue)
    return source.domain === '' ? page : landingPage(page.path, source.referrer, source.domain)
  }

  private properties(session: Session, step: number): Properties {
    switch (step) {
      case STEP.search:
      case STEP.list:
      case STEP.filter:
        return this.listing(session, step)
      case STEP.promotion:
        session.promotion = this.random.integer(PROMOTIONS.length)
        return promotionOf(session)
      case STEP.promotionClick:
        return promotionOf(session)
      case STEP.click:
        session.product = this.pick(session)
        return clickOf(session.product, 1 + this.random.integer(24))
      case STEP.view:
        return productOf(session.product ?? this.choose(session))
      case STEP.wish:
        return productOf(this.current(session))
      case STEP.reviews:
        return { product_id: this.current(session).id, category: this.current(session).category }
      case STEP.share:
        return {
          share_via: CHANNELS[this.random.integer(CHANNELS.length)],
          ...productOf(this.current(session)),
        }
      case STEP.add:
        return this.add(session)
      case STEP.remove:
        return lineOf(session.cart.splice(this.random.integer(session.cart.length), 1)[0])
      default:
        return this.purchase(session, step)
    }
  }

  private listing(session: Session, step: number): Properties {
    const { tastes } = session.shopper
    session.product = null
    if (step !== STEP.filter && this.random.next() < 0.25)
      session.category = tastes[this.random.integer(3)]
    const category = this.catalogue[session.category].name
    if (step === STEP.search) return { query: category, category }
    if (step === STEP.list) return { list_id: `list-${category}`, category }
    const level = Math.floor(session.shopper.priceLevel * 4)
    const filters = [
      { type: 'price', value: `band-${level}` },
      { type: 'brand', value: session.shopper.brand },
    ]
    return { list_id: `list-${category}`, category, filters: filters.slice(this.random.integer(2)) }
  }

  private purchase(session: Session, step: number): Properties {
    const { cart, shopper } = session
    switch (step) {
      case STEP.cart:
        return {
          cart_id: `cart-${shopper.index}`,
          value: cents(valueOf(cart)),
          currency: 'EUR',
          products: cart.map(lineOf),
        }
      case STEP.checkout:
        return {
          checkout_id: checkoutIdOf(session),
          value: cents(valueOf(cart)),
          currency: 'EUR',
          products: cart.map(lineOf),
        }
      case STEP.coupon:
        session.coupon = this.coupon(session)
        return {
          checkout_id: checkoutIdOf(session),
          coupon: session.coupon,
          discount: discountOf(session),
        }
      case STEP.payment:
        return { checkout_id: checkoutIdOf(session), step: 3, payment_method: paymentOf(shopper) }
      case STEP.order:
        return this.order(session)
      case STEP.refund:
        return refundOf(session)
      case STEP.rating:
        return this.rating(session)
      default:
        return {}
    }
  }

  private add(session: Session): Properties {
    const product = this.current(session)
    const quantity = this.random.next() < 0.12 ? 2 : 1
    const line = session.cart.find((other) => other.product === product)
    if (line === undefined) session.cart.push({ product, quantity })
    else line.quantity += quantity
    return { cart_id: `cart-${session.shopper.index}`, ...productOf(product), quantity }
  }

  private order(session: Session): Properties {
    const { cart, shopper } = session
    const subtotal = cents(valueOf(cart))
    const discount = discountOf(session)
    const shipping = subtotal >= SHIPPING_FREE_FROM ? 0 : SHIPPING
    const revenue = cents(subtotal - discount)
    const total = cents(revenue + shipping)
    const id = `order-${this.prefix}${this.count}`
    session.order = { id, total, lines: cart }
    const properties: Properties = {
      order_id: id,
      checkout_id: checkoutIdOf(session),
      subtotal,
      shipping,
      revenue,
      total,
    }
    if (discount > 0) {
      properties.discount = discount
      properties.coupon = session.coupon
    }
    properties.currency = 'EUR'
    properties.payment_method = paymentOf(shopper)
    properties.products = cart.map(lineOf)
    return properties
  }

  private rating(session: Session): Properties {
    const product = session.order?.lines[0].product ?? this.current(session)
    const rating = 1 + Math.floor(5 * Math.sqrt(this.random.next()))
    return {
      product_id: product.id,
      category: product.category,
      brand: product.brand,
      rating: String(rating),
    }
  }

  private coupon(session: Session): string {
    if (session.intent === INTENT.resume) return COUPONS[2]
    return COUPONS[bringsCoupon(session.intent) ? 1 : 0]
  }

  private current(session: Session): Product {
    return session.product ?? this.choose(session)
  }

  private choose(session: Session): Product {
    const product = this.pick(session)
    session.product = product
    return product
  }

  /** Near the shopper's price level; of two candidates rather the favourite brand. */
  private pick(session: Session): Product {
    const { priceLevel, brand } = session.shopper
    const { products } = this.catalogue[session.category]
    const product = products[this.place(priceLevel, products.length)]
    return product.brand === brand ? product : products[this.place(priceLevel, products.length)]
  }

  private place(level: number, length: number): number {
    const { random } = this
    const at = level + 0.45 * (random.next() + random.next() - 1)
    return Math.min(length - 1, Math.max(0, Math.floor(at * length)))
  }
}
