import { Random } from './random.ts'
import {
  CHAINS,
  INTENTS,
  ORDER_CHANCE,
  ORDER_STEP,
  STEP_EVENTS,
  STEP_SECONDS,
} from './session-chain.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Chance that a session starts in an hour of the day, relative to the mean hour (UTC). */
const HOURLY = Array.from(
  { length: 24 },
  (_, hour) => 1 - 0.8 * Math.cos(((hour - 3) / 12) * Math.PI),
)
const HOURLY_MAX = Math.max(...HOURLY)
const CATEGORIES = ['shoes', 'dresses', 'coats', 'bags', 'sports', 'home', 'toys', 'books']
const BRANDS = ['Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir']

export interface ShopOptions {
  readonly seed: number
  readonly shoppers: number
  /** ms since 1970. */
  readonly startTime: number
}

export interface ShopEvent {
  readonly message: Record<string, unknown>
  /** Chance, given all hidden state, of an order within 24 h after this event. */
  readonly truth: number
  readonly time: number
  readonly shopper: number
  readonly isOrder: boolean
}

interface Session {
  readonly shopper: Shopper
  readonly intent: number
  step: number
  revenue: number
}

interface Shopper {
  readonly index: number
  /** Sessions a day. */
  readonly rate: number
  readonly intents: readonly number[]
  /** Orders a session, over the intents. */
  readonly orderRate: number
  readonly category: number
  readonly budget: number
  readonly open: Set<Session>
  identified: boolean
}

/**
 * A simulated shop: an endless stream of Segment messages in time order.
 *
 * Session starts are a Poisson process per shopper, modulated by the hour; sessions are independent
 * Markov chains (two of one shopper may overlap). Hence the chance of no order within 24 h is the
 * product over open sessions of (1 - chance) and exp(-orders expected from later sessions).
 * The delay from a session's start to its order (minutes) is left out at the horizon's end.
 */
export class Shop {
  private readonly random: Random
  private readonly queue = new TimeQueue<Shopper | Session>()
  private readonly options: ShopOptions
  private count = 0

  constructor(options: ShopOptions) {
    this.options = options
    this.random = new Random(options.seed)
    for (let index = 0; index < options.shoppers; index++) {
      const shopper = this.createShopper(index)
      this.queue.push(this.nextStart(shopper, options.startTime), shopper)
    }
  }

  /** The next event; the caller paces. */
  next(): ShopEvent {
    const time = this.queue.time
    const item = this.queue.pop()
    if ('step' in item) return this.emit(item, time)
    this.queue.push(this.nextStart(item, time), item)
    const intent = this.random.choose(item.intents)
    const session = { shopper: item, intent, step: 0, revenue: 0 }
    item.open.add(session)
    return this.emit(session, time)
  }

  private emit(session: Session, time: number): ShopEvent {
    const shopper = session.shopper
    const step = session.step
    const isOrder = step === ORDER_STEP
    const next = this.random.choose(CHAINS[session.intent][step])
    const truth = this.truth(shopper)
    const message = this.message(session, time)
    if (next >= STEP_EVENTS.length) {
      shopper.open.delete(session)
    } else {
      session.step = next
      this.queue.push(time + STEP_SECONDS * 1000, session)
    }
    return { message, truth, time, shopper: shopper.index, isOrder }
  }

  private truth(shopper: Shopper): number {
    // A whole day holds every hour once, so the intensity over the horizon is the daily rate.
    let none = Math.exp(-shopper.rate * shopper.orderRate)
    for (const session of shopper.open) none *= 1 - ORDER_CHANCE[session.intent][session.step]
    return 1 - none
  }

  private message(session: Session, time: number): Record<string, unknown> {
    const { shopper, step } = session
    const name = STEP_EVENTS[step]
    const price = Math.round(shopper.budget * (0.5 + this.random.next()) * 100) / 100
    if (step === 4) session.revenue += price
    if (step === 6) shopper.identified = true
    const product = this.random.integer(50)
    const category = CATEGORIES[shopper.category]
    const revenue = Math.round((session.revenue || price) * 100) / 100
    const properties: Record<string, unknown> = { category }
    if (step === 1) properties.query = category
    if (step === 3 || step === 4) {
      properties.product_id = `${category}-${product}`
      properties.brand = BRANDS[product % BRANDS.length]
      properties.price = price
      properties.quantity = 1
    }
    if (isOrderStep(step)) {
      properties.order_id = `order-${this.count}`
      properties.revenue = revenue
      properties.currency = 'EUR'
    }
    const track = step > 0
    return {
      type: track ? 'track' : 'page',
      ...(track ? { event: name } : { name: 'Home' }),
      messageId: `sim-${this.options.seed}-${this.count++}`,
      anonymousId: `anon-${shopper.index}`,
      ...(shopper.identified ? { userId: `shopper-${shopper.index}` } : {}),
      properties,
      timestamp: new Date(time).toISOString(),
    }
  }

  private nextStart(shopper: Shopper, from: number): number {
    let time = from
    do time += this.random.exponential((shopper.rate * HOURLY_MAX) / DAY)
    while (this.random.next() * HOURLY_MAX > HOURLY[Math.floor(time / HOUR) % 24])
    return time
  }

  private createShopper(index: number): Shopper {
    const random = this.random
    const buy = 0.6 * random.next() ** 3
    const research = 0.3 * random.next()
    const intents = [1 - buy - research, research, buy]
    const orderRate = INTENTS.reduce((sum, _, i) => sum + intents[i] * ORDER_CHANCE[i][0], 0)
    const rate = 0.05 + 0.5 * random.next() ** 2
    const category = random.integer(CATEGORIES.length)
    const budget = 10 + 90 * random.next()
    return { index, rate, intents, orderRate, category, budget, open: new Set(), identified: false }
  }
}

function isOrderStep(step: number): boolean {
  return step === ORDER_STEP
}

/** Binary heap by time. */
class TimeQueue<T> {
  private readonly heap: { readonly time: number; readonly item: T }[] = []

  get time(): number {
    return this.heap[0].time
  }

  push(time: number, item: T): void {
    const heap = this.heap
    const entry = { time, item }
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent].time <= time) break
      heap[at] = heap[parent]
      at = parent
    }
    heap[at] = entry
  }

  pop(): T {
    const heap = this.heap
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top.item
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1].time < heap[child].time) child++
      if (heap[child].time >= last.time) break
      heap[at] = heap[child]
      at = child
    }
    heap[at] = last
    return top.item
  }
}
