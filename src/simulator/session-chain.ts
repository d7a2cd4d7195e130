/** Steps of a session; all but `end` emit an event. */
export const STEP = {
  home: 0,
  search: 1,
  list: 2,
  filter: 3,
  promotion: 4,
  promotionClick: 5,
  click: 6,
  view: 7,
  reviews: 8,
  wish: 9,
  share: 10,
  add: 11,
  remove: 12,
  cart: 13,
  checkout: 14,
  coupon: 15,
  payment: 16,
  order: 17,
  refund: 18,
  rating: 19,
  end: 20,
} as const
export const STEP_COUNT = 21

/** Hidden intent of a session. The first {@link OWN_INTENTS} begin by themselves. */
export const INTENT = {
  browse: 0,
  bargain: 1,
  research: 2,
  buy: 3,
  /** Back to a cart left behind in an earlier session. */
  resume: 4,
  bot: 5,
  /** A refund or a rating, days after an order. */
  aftercare: 6,
} as const
export const OWN_INTENTS = 4

/** Unit of time within a session, in ms. */
export const TICK_MS = 5000
/** A session is over after this many ticks (40 min). */
export const SESSION_TICKS = 480
/** A session that ends here leaves a cart behind. */
export const ABANDONED_FROM: readonly number[] = [
  STEP.add,
  STEP.cart,
  STEP.checkout,
  STEP.coupon,
  STEP.payment,
]
/** Chance that a cart left behind brings the shopper back, by the session's intent. */
export const RESUME_CHANCE: readonly number[] = [0.15, 0.2, 0.2, 0.35, 0, 0, 0]
/** The way back takes from 1 h to 20 h, in ticks, all equally likely. */
export const RESUME_TICKS_MIN = 720
export const RESUME_TICKS_MAX = 14_400

export interface SessionChain {
  /** `next[step * STEP_COUNT + next]`: chance that `next` follows. Rows sum to 1. */
  readonly next: Float64Array
  /** Chance to begin at a step. Sums to 1. */
  readonly start: Float64Array
  /** Mean ticks spent on a step; the ticks are uniform from 1 to 2 × mean − 1. */
  readonly dwell: Uint8Array
}

type Row = Partial<Record<keyof typeof STEP, number>>

/** Weights of what tells the intents apart. */
interface Traits {
  readonly search: number
  readonly filter: number
  readonly promotion: number
  readonly reviews: number
  readonly wish: number
  readonly share: number
  readonly add: number
  readonly cart: number
  readonly checkout: number
  readonly coupon: number
  readonly pay: number
  readonly leave: number
}

const BROWSE: Traits = {
  search: 0.001,
  filter: 0.03,
  promotion: 0.12,
  reviews: 0.03,
  wish: 0.05,
  share: 0.03,
  add: 0.012,
  cart: 0.4,
  checkout: 0.2,
  coupon: 0.05,
  pay: 0.65,
  leave: 0.16,
}
const BARGAIN: Traits = {
  search: 0.001,
  filter: 0.25,
  promotion: 0.6,
  reviews: 0.04,
  wish: 0.05,
  share: 0.02,
  add: 0.016,
  cart: 0.45,
  checkout: 0.2,
  coupon: 0.8,
  pay: 0.7,
  leave: 0.15,
}
const RESEARCH: Traits = {
  search: 0.001,
  filter: 0.5,
  promotion: 0.02,
  reviews: 0.6,
  wish: 0.1,
  share: 0.03,
  add: 0.012,
  cart: 0.45,
  checkout: 0.2,
  coupon: 0.1,
  pay: 0.7,
  leave: 0.14,
}
const BUY: Traits = {
  search: 0.9,
  filter: 0.15,
  promotion: 0.01,
  reviews: 0.05,
  wish: 0.01,
  share: 0.01,
  add: 0.5,
  cart: 0.8,
  checkout: 0.75,
  coupon: 0.15,
  pay: 0.9,
  leave: 0.08,
}
const RESUME: Traits = {
  search: 0.15,
  filter: 0.05,
  promotion: 0.03,
  reviews: 0.15,
  wish: 0.01,
  share: 0.01,
  add: 0.4,
  cart: 0.9,
  checkout: 0.75,
  coupon: 0.2,
  pay: 0.85,
  leave: 0.1,
}
const BOT_ROWS: Record<string, Row> = {
  home: { home: 0.2, list: 0.5, view: 0.3 },
  list: { list: 0.2, view: 0.78, end: 0.02 },
  view: { view: 0.7, list: 0.25, home: 0.03, end: 0.02 },
}
/** Mean ticks: idlers skim, researchers read, buyers know what they want. */
const QUICK: Row = { view: 3, list: 2, reviews: 4, checkout: 8, payment: 8, cart: 3 }
const SLOW: Row = { view: 9, list: 4, filter: 3, reviews: 12, checkout: 7, payment: 7, cart: 5 }
const DECIDED: Row = { view: 5, list: 3, reviews: 6, checkout: 6, payment: 6, cart: 3 }

/** The chains of all intents, by {@link INTENT}. */
export function sessionChains(): readonly SessionChain[] {
  const aftercare = { refund: { end: 1 }, rating: { end: 1 } }
  return [
    chain(rowsOf(BROWSE), { home: 0.7, list: 0.25, view: 0.05 }, QUICK),
    chain(rowsOf(BARGAIN), { home: 0.08, promotionClick: 0.9, list: 0.02 }, QUICK),
    chain(rowsOf(RESEARCH), { home: 0.1, list: 0.05, view: 0.4, reviews: 0.45 }, SLOW),
    chain(rowsOf(BUY), { home: 0.005, view: 0.005, search: 0.99 }, DECIDED),
    chain(rowsOf(RESUME), { cart: 0.96, home: 0.02, view: 0.02 }, DECIDED),
    chain(BOT_ROWS, { home: 0.4, list: 0.3, view: 0.3 }, {}),
    chain(aftercare, { refund: 1 }, {}),
  ]
}

function rowsOf(t: Traits): Record<string, Row> {
  const end = t.leave
  return {
    home: { search: t.search, list: 0.35, promotion: t.promotion, view: 0.1, end },
    search: { list: 0.5, click: 0.3, search: 0.1, end: end * 0.6 },
    list: {
      filter: t.filter,
      click: 0.5,
      list: 0.12,
      search: t.search * 0.3,
      promotion: t.promotion * 0.3,
      end,
    },
    filter: { list: 0.2, click: 0.65, filter: 0.1, end: end * 0.5 },
    promotion: { promotionClick: t.promotion, list: 0.4, end },
    promotionClick: { list: 0.4, view: 0.5, end: end * 0.5 },
    click: { view: 1 },
    view: {
      reviews: t.reviews,
      wish: t.wish,
      share: t.share,
      add: t.add,
      list: 0.25,
      click: 0.15,
      search: t.search * 0.2,
      end,
    },
    reviews: { add: t.add * 1.5, list: 0.25, click: 0.2, end },
    wish: { list: 0.5, click: 0.2, end },
    share: { list: 0.5, click: 0.1, end },
    add: { cart: t.cart, list: 0.15, click: 0.05, end: end * 0.5 },
    remove: { list: 0.5, click: 0.2, end },
    cart: { checkout: t.checkout, remove: 0.08, list: 0.1, end: (1 - t.checkout) * 0.4 },
    checkout: { coupon: t.coupon * t.pay, payment: t.pay, cart: 0.03, end: 1 - t.pay },
    coupon: { payment: t.pay, end: (1 - t.pay) * 0.5 },
    payment: { order: 0.94, end: 0.06 },
    order: { end: 1 },
  }
}

function chain(rows: Record<string, Row>, start: Row, dwell: Row): SessionChain {
  const next = new Float64Array(STEP_COUNT * STEP_COUNT)
  for (const [name, step] of Object.entries(STEP)) {
    next.set(normalised(rows[name] ?? { end: 1 }), step * STEP_COUNT)
  }
  const ticks = new Uint8Array(STEP_COUNT).fill(2)
  for (const [name, step] of Object.entries(STEP))
    ticks[step] = dwell[name as keyof Row] ?? ticks[step]
  return { next, start: normalised(start), dwell: ticks }
}

function normalised(row: Row): Float64Array {
  const values = new Float64Array(STEP_COUNT)
  for (const [name, step] of Object.entries(STEP)) values[step] = row[name as keyof Row] ?? 0
  const sum = values.reduce((total, value) => total + value, 0)
  return values.map((value) => value / sum)
}
