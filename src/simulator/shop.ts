import { createCatalogue } from './catalogue.ts'
import { DAY, Habits } from './habits.ts'
import { OrderChance } from './order-chance.ts'
import { Random } from './random.ts'
import {
  ABANDONED_FROM,
  INTENT,
  OWN_INTENTS,
  RESUME_CHANCE,
  RESUME_TICKS_MAX,
  RESUME_TICKS_MIN,
  SESSION_TICKS,
  STEP,
  STEP_COUNT,
  TICK_MS,
  sessionChains,
} from './session-chain.ts'
import { restDays } from './message-parts.ts'
import { MessageWriter } from './shop-message.ts'
import { EXTRA, LOGIN, REST_FACTOR, createSession, createShopper } from './shopper.ts'
import type { LeftCart, Session, Shopper } from './shopper.ts'
import { TimeQueue } from './time-queue.ts'

const RETURN_MIN_MS = RESUME_TICKS_MIN * TICK_MS
const RETURN_MAX_MS = RESUME_TICKS_MAX * TICK_MS

export interface ShopOptions {
  readonly seed: number
  /** Bots included. */
  readonly shoppers: number
  /** ms since 1970. */
  readonly startTime: number
}

export interface ShopEvent {
  /** A Segment message. Parts of it are shared between messages: read only. */
  readonly message: Record<string, unknown>
  /**
   * Chance of an order within 24 h after this event, given all that is true of the shopper by now:
   * kind, habits and the intent of each open session. No knowledge of what is drawn later.
   */
  readonly truth: number
  /** ms since 1970. */
  readonly time: number
  /** 0 to shoppers − 1. */
  readonly shopper: number
  readonly isOrder: boolean
  readonly isBot: boolean
}

/**
 * A simulated shop: an endless stream of Segment messages in time order, the same for a seed.
 *
 * Sessions of a shopper begin as a Poisson process with an intensity for each hour of the week,
 * lower while the shopper rests from an order. Each is an independent semi-Markov chain of the
 * intent it began with; two of one shopper may overlap. One that leaves a cart behind may bring the
 * shopper back within 1 h to 20 h; an order calls that off. Without an order in between, the
 * intensity depends on time alone; so the chance of no order within 24 h is the product of
 * (1 − chance) over the open sessions and the carts left behind, and exp(−expected sessions that will
 * begin and lead to an order by then). The chances count the time a session takes, the rest's
 * end within the horizon, and the way back to a cart. The hidden state includes when an open
 * session's next step comes, but at its own event only the present step; of a cart left behind only
 * when, with which intent, and that the shopper has not come back to it so far.
 *
 * Approximated: the expected number is interpolated linearly between minutes of the week; its
 * relative error is below 1e-4.
 */
export class Shop {
  private readonly random: Random
  private readonly chains = sessionChains()
  private readonly chance = new OrderChance(this.chains)
  private readonly habits = new Habits(this.chance)
  private readonly writer: MessageWriter
  /** Next candidate session of each shopper, at the intensity without rest. */
  private readonly starts = new TimeQueue<Shopper>()
  private readonly steps = new TimeQueue<Session>()

  constructor(options: ShopOptions) {
    this.random = new Random(options.seed)
    this.writer = new MessageWriter(createCatalogue(), this.random, options.seed)
    for (let index = 0; index < options.shoppers; index++) {
      const shopper = createShopper(index, this.random)
      this.starts.push(this.nextStart(shopper, options.startTime), shopper)
    }
  }

  /** The next event; the caller paces. A shop without shoppers has none: it throws. */
  next(): ShopEvent {
    for (;;) {
      if (this.steps.time <= this.starts.time) {
        const time = this.steps.time
        const session = this.steps.pop()
        if (session === undefined) throw new RangeError('a shop needs at least one shopper')
        if (!session.cancelled) return this.emit(session, time)
        continue
      }
      const time = this.starts.time
      const shopper = this.starts.pop()
      if (shopper === undefined) continue
      this.starts.push(this.nextStart(shopper, time), shopper)
      if (time < shopper.restUntil && this.random.next() >= REST_FACTOR) continue
      return this.emit(this.begin(shopper), time)
    }
  }

  private begin(shopper: Shopper): Session {
    const { random } = this
    const intent = shopper.isBot ? INTENT.bot : this.drawIntent(shopper)
    const device = shopper.deviceCount === 1 ? 0 : random.integer(shopper.deviceCount)
    const session = createSession(shopper, intent, device)
    const taste = random.next()
    session.category = shopper.tastes[taste < 0.6 ? 0 : taste < 0.88 ? 1 : 2]
    session.nextStep = this.draw(this.chains[intent].start, 0)
    session.chance = this.chance.after(intent, session.nextStep, 0)
    shopper.open.push(session)
    return session
  }

  private drawIntent(shopper: Shopper): number {
    let left = this.random.next() * shopper.rate
    for (let intent = 0; intent < OWN_INTENTS - 1; intent++) {
      left -= shopper.rates[intent]
      if (left < 0) return intent
    }
    return OWN_INTENTS - 1
  }

  private emit(session: Session, time: number): ShopEvent {
    const { shopper } = session
    if (session.nextStep < 0) this.resume(session)
    this.logIn(session)
    if (session.extras !== 0) return this.emitExtra(session, time)
    const step = session.nextStep
    const message = this.writer.step(session, time)
    const isOrder = step === STEP.order
    if (isOrder) this.complete(session, time)
    else session.chance = this.chance.after(session.intent, step, session.nextTick)
    const truth = this.truth(shopper, time)
    this.advance(session, time)
    return { message, truth, time, shopper: shopper.index, isOrder, isBot: shopper.isBot }
  }

  private emitExtra(session: Session, time: number): ShopEvent {
    const { shopper } = session
    const extra = session.extras & -session.extras
    session.extras ^= extra
    const message = this.writer.extra(session, extra, time)
    this.steps.push(time, session)
    const truth = this.truth(shopper, time)
    return { message, truth, time, shopper: shopper.index, isOrder: false, isBot: shopper.isBot }
  }

  /** Some log in as they arrive, some only to pay; on each device once. */
  private logIn(session: Session): void {
    const { shopper, device } = session
    const { login } = shopper
    if (login === LOGIN.never || (shopper.identified & (1 << device)) !== 0) return
    if (login === LOGIN.atCheckout && session.nextStep !== STEP.checkout) return
    shopper.identified |= 1 << device
    session.extras = EXTRA.identify
    if (shopper.usesAlias) session.extras |= EXTRA.alias
    if (shopper.joinsGroup) session.extras |= EXTRA.group
  }

  /** Draws what follows the step just emitted. */
  private advance(session: Session, time: number): void {
    const chain = this.chains[session.intent]
    const step = session.nextStep
    const next = this.draw(chain.next, step * STEP_COUNT)
    if (next === STEP.end) {
      close(session)
      if (ABANDONED_FROM.includes(step)) this.leaveCart(session, time)
      return
    }
    const ticks = 1 + this.random.integer(2 * chain.dwell[step] - 1)
    const tick = session.nextTick + ticks
    if (tick > SESSION_TICKS) return close(session)
    session.nextStep = next
    session.nextTick = tick
    session.chance = next === STEP.order ? 1 : this.chance.after(session.intent, next, tick)
    this.steps.push(time + ticks * TICK_MS, session)
  }

  /** Whether it brings the shopper back is drawn here, and known to nobody before it does. */
  private leaveCart(left: Session, time: number): void {
    const { random } = this
    const { shopper, intent } = left
    if (RESUME_CHANCE[intent] === 0) return
    shopper.leftCarts = shopper.leftCarts.filter((cart) => time < cart.at + RETURN_MAX_MS)
    const cart: LeftCart = { at: time, intent, back: null }
    shopper.leftCarts.push(cart)
    if (random.next() >= RESUME_CHANCE[intent]) return
    const session = createSession(left.shopper, INTENT.resume, left.device)
    session.category = left.category
    session.product = left.product
    session.cart = left.cart
    session.nextStep = -1
    cart.back = session
    const ticks = RESUME_TICKS_MIN + random.integer(RESUME_TICKS_MAX - RESUME_TICKS_MIN + 1)
    this.steps.push(time + ticks * TICK_MS, session)
  }

  private resume(session: Session): void {
    const { shopper } = session
    shopper.leftCarts = shopper.leftCarts.filter((cart) => cart.back !== session)
    shopper.open.push(session)
    session.nextStep = this.draw(this.chains[INTENT.resume].start, 0)
    session.chance = this.chance.after(INTENT.resume, session.nextStep, 0)
  }

  /** What an order changes: no return to carts, a rest, perhaps a refund or a rating later. */
  private complete(session: Session, time: number): void {
    const { shopper, order } = session
    session.chance = 0
    for (const { back } of shopper.leftCarts) if (back !== null) back.cancelled = true
    shopper.leftCarts = []
    if (order === null) return
    shopper.restUntil = time + restDays(order, shopper.budget) * DAY
    const draw = this.random.next()
    if (draw < shopper.refundChance) this.later(session, STEP.refund, time)
    else if (draw < shopper.refundChance + 0.12) this.later(session, STEP.rating, time)
  }

  private later(ordered: Session, step: number, time: number): void {
    const session = createSession(ordered.shopper, INTENT.aftercare, ordered.device)
    session.nextStep = step
    session.order = ordered.order
    this.steps.push(time + Math.round((2 + 12 * this.random.next()) * DAY), session)
  }

  private truth(shopper: Shopper, time: number): number {
    if (shopper.isBot) return 0
    let none = Math.exp(-this.expected(shopper, time))
    for (const session of shopper.open) none *= 1 - session.chance
    for (const cart of shopper.leftCarts) none *= 1 - returnChance(cart, time) * this.chance.resume
    return 1 - none
  }

  /** Expected sessions that begin after now and have led to an order 24 h from now. */
  private expected(shopper: Shopper, time: number): number {
    const { habit, rates, restUntil } = shopper
    const end = time + DAY
    const share = time < restUntil ? REST_FACTOR : 1
    let sum = 0
    for (let intent = 0; intent < OWN_INTENTS; intent++) {
      let sessions = share * this.habits.expected(habit, intent, time)
      if (time < restUntil && restUntil < end) {
        const rested = this.habits.expectedBefore(habit, intent, end, end - restUntil)
        sessions += (1 - REST_FACTOR) * rested
      }
      sum += rates[intent] * sessions
    }
    return sum
  }

  /** Index drawn with these chances, which sum to 1; rounding never draws an impossible one. */
  private draw(chances: Float64Array, from: number): number {
    let left = this.random.next()
    let last = 0
    for (let i = 0; i < STEP_COUNT; i++) {
      const chance = chances[from + i]
      left -= chance
      if (left < 0) return i
      if (chance > 0) last = i
    }
    return last
  }

  private nextStart(shopper: Shopper, from: number): number {
    const { habit, rate } = shopper
    const maximum = this.habits.maximum(habit)
    let time = from
    do time += this.random.exponential((rate * maximum) / DAY)
    while (this.random.next() * maximum > this.habits.intensity(habit, time))
    return Math.ceil(time)
  }
}

/** Chance that the cart still brings its shopper back, who has not come so far. */
function returnChance({ at, intent }: LeftCart, time: number): number {
  const chance = RESUME_CHANCE[intent]
  const left = (at + RETURN_MAX_MS - time) / (RETURN_MAX_MS - RETURN_MIN_MS)
  const later = chance * Math.min(1, Math.max(0, left))
  return later / (1 - chance + later)
}

function close(session: Session): void {
  const { open } = session.shopper
  const at = open.indexOf(session)
  if (at >= 0) open.splice(at, 1)
}
