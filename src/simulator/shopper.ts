import { BRAND_NAMES, CATEGORY_COUNT } from './catalogue.ts'
import type { Product } from './catalogue.ts'
import { HABIT_COUNT } from './habits.ts'
import { INTENT, OWN_INTENTS } from './session-chain.ts'
import type { Random } from './random.ts'

/** When a shopper logs in on a device. */
export const LOGIN = { never: 0, atStart: 1, atCheckout: 2 } as const

/** One product in a cart. */
export interface CartLine {
  readonly product: Product
  quantity: number
}

/** One visit, or one to come (`nextStep` −1 until it starts). */
export interface Session {
  readonly shopper: Shopper
  readonly intent: number
  readonly device: number
  readonly anonymousId: string
  readonly userId: string
  /** Chance that this session leads to an order after now. */
  chance: number
  /** The step to emit next, and its tick since the start. */
  nextStep: number
  nextTick: number
  category: number
  product: Product | null
  cart: CartLine[]
  /** The visit's share of the message context, made at its first event. */
  context: SessionContext | null
  /** Messages still due before the next step: bits of {@link EXTRA}. */
  extras: number
  promotion: number
  coupon: string
  /** The order that a refund or a rating is about. */
  order: Order | null
  cancelled: boolean
}

/** A cart that a session of this intent left behind; `back` is the session that will return to it. */
export interface LeftCart {
  readonly at: number
  readonly intent: number
  back: Session | null
}

export const EXTRA = { alias: 1, identify: 2, group: 4 } as const

export interface Order {
  readonly id: string
  readonly total: number
  readonly lines: readonly CartLine[]
}

export interface SessionContext {
  readonly userAgent: string
  readonly locale: string
  readonly device: { readonly type: string }
  readonly os: { readonly name: string }
  readonly location: { readonly country: string; readonly city: string }
  readonly campaign: Campaign | undefined
}

export interface Campaign {
  readonly source: string
  readonly medium: string
  readonly name: string
}

export interface Shopper {
  readonly index: number
  readonly isBot: boolean
  /** Sessions a day. */
  readonly rate: number
  /** Sessions a day by own intent. */
  readonly rates: Float64Array
  readonly habit: number
  /** Favourite categories, the dearest first. */
  readonly tastes: readonly number[]
  readonly brand: string
  /** Place in the price range of a category, 0 to 1. */
  readonly priceLevel: number
  /** EUR a day; an order is followed by a rest until it is earned again. */
  readonly budget: number
  readonly login: number
  readonly deviceCount: number
  /** Part of the orders that are refunded later. */
  readonly refundChance: number
  readonly joinsGroup: boolean
  readonly usesAlias: boolean
  /** Bit per device. */
  identified: number
  /** Until then sessions are rarer, by {@link REST_FACTOR}; ms since 1970. */
  restUntil: number
  /** Sessions that may still order. */
  readonly open: Session[]
  /** Carts that may bring the shopper back. */
  leftCarts: LeftCart[]
}

/** Sessions while a shopper rests from an order, relative to the usual. */
export const REST_FACTOR = 0.6

interface Type {
  readonly share: number
  readonly rate: number
  readonly intents: readonly number[]
  readonly login: readonly [never: number, atStart: number]
  readonly priceLevel: number
  readonly tastes: readonly number[]
}

/** Window shoppers, bargain hunters, researchers, regular and loyal customers. */
const TYPES: readonly Type[] = [
  {
    share: 0.42,
    rate: 0.3,
    intents: [0.842, 0.1, 0.05, 0.008],
    login: [0.96, 0],
    priceLevel: 0.7,
    tastes: [1, 2, 3, 9],
  },
  {
    share: 0.18,
    rate: 0.3,
    intents: [0.46, 0.44, 0.08, 0.02],
    login: [0.6, 0.02],
    priceLevel: 0.2,
    tastes: [6, 5, 0, 7],
  },
  {
    share: 0.16,
    rate: 0.25,
    intents: [0.44, 0.1, 0.44, 0.02],
    login: [0.6, 0.02],
    priceLevel: 0.6,
    tastes: [9, 4, 8, 2],
  },
  {
    share: 0.16,
    rate: 0.3,
    intents: [0.45, 0.1, 0.17, 0.28],
    login: [0.01, 0.96],
    priceLevel: 0.45,
    tastes: [0, 4, 5, 7],
  },
  {
    share: 0.08,
    rate: 0.42,
    intents: [0.48, 0.05, 0.11, 0.36],
    login: [0, 1],
    priceLevel: 0.5,
    tastes: [7, 6, 0, 5],
  },
]
const SHARES = TYPES.map((type) => type.share)
const BOT_SHARE = 0.003
const BOT_TYPE: Type = { ...TYPES[0], rate: 1, login: [1, 0], intents: [1, 0, 0, 0] }

export function createShopper(index: number, random: Random): Shopper {
  const isBot = random.next() < BOT_SHARE
  const type = isBot ? BOT_TYPE : TYPES[random.choose(SHARES)]
  const rate = type.rate * (0.7 + 0.6 * random.next())
  const priceLevel = Math.min(0.95, Math.max(0.05, type.priceLevel + 0.5 * (random.next() - 0.5)))
  const login = loginOf(type, random)
  return {
    index,
    isBot,
    rate,
    rates: ratesOf(type, rate, random),
    habit: random.integer(HABIT_COUNT),
    tastes: tastesOf(type, random),
    brand: BRAND_NAMES[random.integer(BRAND_NAMES.length)],
    priceLevel,
    budget: 15 + 40 * priceLevel * (0.5 + random.next()),
    login,
    deviceCount: isBot || login !== LOGIN.atStart ? 1 : 1 + random.choose([0.6, 0.32, 0.08]),
    refundChance: 0.03 + 0.12 * random.next() ** 2,
    joinsGroup: login !== LOGIN.never && random.next() < 0.04,
    usesAlias: login !== LOGIN.never && random.next() < 0.03,
    identified: 0,
    restUntil: -Infinity,
    open: [],
    leftCarts: [],
  }
}

/** A session that begins now, or an aftercare or resumed one that is still to come. */
export function createSession(shopper: Shopper, intent: number, device: number): Session {
  return {
    shopper,
    intent,
    device,
    anonymousId: `anon-${shopper.index}-${device}`,
    userId: `shopper-${shopper.index}`,
    chance: 0,
    nextStep: 0,
    nextTick: 0,
    category: shopper.tastes[0],
    product: null,
    cart: [],
    context: null,
    extras: 0,
    promotion: 0,
    coupon: '',
    order: null,
    cancelled: false,
  }
}

/** The type's intents, with the chance to buy varied from shopper to shopper. */
function ratesOf(type: Type, rate: number, random: Random): Float64Array {
  const rates = new Float64Array(OWN_INTENTS)
  const vary = 0.75 + 0.5 * random.next()
  const buy = Math.min(0.85, type.intents[INTENT.buy] * vary)
  const others = (1 - buy) / (1 - type.intents[INTENT.buy])
  for (let i = 0; i < OWN_INTENTS; i++) {
    rates[i] = rate * (i === INTENT.buy ? buy : type.intents[i] * others)
  }
  return rates
}

function tastesOf(type: Type, random: Random): readonly number[] {
  const own = type.tastes[random.choose([0.4, 0.3, 0.2, 0.1])]
  const second = type.tastes[random.integer(type.tastes.length)]
  return [own, second, random.integer(CATEGORY_COUNT)]
}

function loginOf(type: Type, random: Random): number {
  const [never, atStart] = type.login
  return [LOGIN.never, LOGIN.atStart, LOGIN.atCheckout][
    random.choose([never, atStart, 1 - never - atStart])
  ]
}
