import { isbot } from 'isbot'
import { expect, test } from 'vitest'
import { FrameDecoder } from '../../src/event/decoder.ts'
import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import { Random } from '../../src/simulator/random.ts'
import { Shop } from '../../src/simulator/shop.ts'
import type { ShopEvent } from '../../src/simulator/shop.ts'

const DAY = 86_400_000
const startTime = Date.UTC(2026, 0, 1)

test('the same seed gives the same stream, in time order', () => {
  const a = new Shop({ seed: 7, shoppers: 50, startTime })
  const b = new Shop({ seed: 7, shoppers: 50, startTime })
  let last = startTime
  for (let i = 0; i < 2000; i++) {
    const event = a.next()
    expect(event).toEqual(b.next())
    expect(event.time).toBeGreaterThanOrEqual(last)
    last = event.time
  }
})

test('the decoder accepts every message, and a bot is one by its user agent', () => {
  const events = take(new Shop({ seed: 3, shoppers: 1500, startTime }), 40_000)
  const decoder = new FrameDecoder({ shardCount: 1, limits: DEFAULT_LIMITS })
  const rejected: string[] = []
  for (let from = 0; from < events.length; from += 1000) {
    const batch = events.slice(from, from + 1000).map((event) => event.message)
    const sink = {
      writers: [new RecordWriter()],
      accepted: () => undefined,
      rejected: (_: number, code: string, reason: string) => rejected.push(`${code} ${reason}`),
    }
    const receivedAt = events[events.length - 1].time
    const request = { route: 'import', receivedAt, userAgent: '' } as const
    expect(decoder.decode(Buffer.from(JSON.stringify({ batch })), request, sink).error).toBeNull()
  }
  expect(rejected).toEqual([])
  for (const { message, isBot, truth } of events) {
    const { userAgent } = message.context as { userAgent: string }
    expect(isbot(userAgent)).toBe(isBot)
    if (isBot) expect(truth).toBe(0)
  }
  expect(events.some((event) => event.isBot && event.isOrder)).toBe(false)
})

test('a device has only its anonymous id until it logs in, and both ids after', () => {
  const known = new Set<unknown>()
  let identifies = 0
  for (const { message } of take(new Shop({ seed: 5, shoppers: 800, startTime }), 40_000)) {
    const { type, anonymousId, userId } = message
    const joins = type === 'identify' || type === 'alias'
    expect(typeof anonymousId).toBe('string')
    if (type === 'identify') {
      identifies++
      expect(message.traits).toHaveProperty('email')
    }
    if (joins) known.add(anonymousId)
    expect(userId !== undefined, String(anonymousId)).toBe(known.has(anonymousId))
  }
  expect(identifies).toBeGreaterThan(100)
})

test('orders add up, and a product keeps its price and brand', () => {
  const products = new Map<unknown, string>()
  const orders = new Set<unknown>()
  let refunds = 0
  for (const { message } of take(new Shop({ seed: 9, shoppers: 800, startTime }), 80_000)) {
    const properties = (message.properties ?? {}) as Order
    if (message.event === 'Product Viewed') {
      const { product_id: id, price, brand } = properties
      const facts = `${price} ${brand}`
      expect(products.get(id) ?? facts).toBe(facts)
      products.set(id, facts)
    }
    if (message.event === 'Order Refunded') {
      refunds++
      expect(orders.has(properties.order_id)).toBe(true)
    }
    if (message.event !== 'Order Completed') continue
    expect(orders.has(properties.order_id)).toBe(false)
    orders.add(properties.order_id)
    const sum = properties.products.reduce((total, line) => total + line.price * line.quantity, 0)
    expect(properties.subtotal).toBeCloseTo(sum, 2)
    expect(properties.revenue).toBeCloseTo(sum - (properties.discount ?? 0), 2)
    expect(properties.total).toBeCloseTo(properties.revenue + properties.shipping, 2)
    expect(properties.currency).toBe('EUR')
  }
  expect(orders.size).toBeGreaterThan(200)
  expect(refunds).toBeGreaterThan(3)
})

test('truth is calibrated against the orders that follow', () => {
  const shoppers = 8000
  const outcomes = outcomesOf(new Shop({ seed: 11, shoppers, startTime }), {
    shoppers,
    events: 600_000,
  })
  const { truth, ordered } = outcomes
  const base = mean(ordered)
  expect(base, `base rate ${base}`).toBeGreaterThan(0.05)
  expect(base).toBeLessThan(0.15)
  const auc = areaUnderCurve(outcomes)
  expect(auc, `ROC AUC ${auc}`).toBeGreaterThan(0.85)
  expect(auc).toBeLessThan(0.95)
  for (const [from, to] of [
    [0, 0.03],
    [0.03, 0.1],
    [0.1, 0.3],
    [0.3, 0.6],
    [0.6, 0.8],
    [0.8, 1.01],
  ]) {
    const inBin = (i: number): boolean => truth[i] >= from && truth[i] < to
    expectNoBias(outcomes, shoppers, { name: `truth from ${from}`, weight: inBin })
  }
  expectNoBias(outcomes, shoppers, { name: 'all', weight: () => true })
})

interface Order {
  readonly order_id: string
  readonly product_id: string
  readonly price: number
  readonly brand: string
  readonly subtotal: number
  readonly revenue: number
  readonly discount?: number
  readonly shipping: number
  readonly total: number
  readonly currency: string
  readonly products: readonly { readonly price: number; readonly quantity: number }[]
}

interface Outcomes {
  readonly truth: Float64Array
  /** 1 where an order followed within 24 h. */
  readonly ordered: Float64Array
  readonly shopper: Int32Array
}

function take(shop: Shop, count: number): ShopEvent[] {
  return Array.from({ length: count }, () => shop.next())
}

/** Of all events but those of the last day, whose outcome is not known. */
function outcomesOf(shop: Shop, size: { shoppers: number; events: number }): Outcomes {
  const truth = new Float64Array(size.events)
  const time = new Float64Array(size.events)
  const shopper = new Int32Array(size.events)
  const isOrder = new Uint8Array(size.events)
  for (let i = 0; i < size.events; i++) {
    const event = shop.next()
    truth[i] = event.truth
    time[i] = event.time
    shopper[i] = event.shopper
    isOrder[i] = event.isOrder ? 1 : 0
  }
  const ordered = new Float64Array(size.events)
  const nextOrder = new Float64Array(size.shoppers).fill(Infinity)
  for (let i = size.events - 1; i >= 0; i--) {
    ordered[i] = nextOrder[shopper[i]] - time[i] <= DAY ? 1 : 0
    if (isOrder[i] === 1) nextOrder[shopper[i]] = time[i]
  }
  const known = time.findIndex((at) => at >= time[size.events - 1] - DAY)
  return { truth: truth.subarray(0, known), ordered: ordered.subarray(0, known), shopper }
}

/** The mean of outcome − truth over some events lies within 3.5 of its bootstrap errors, by shopper. */
function expectNoBias(
  { truth, ordered, shopper }: Outcomes,
  shoppers: number,
  part: { name: string; weight: (i: number) => boolean },
): void {
  const excess = new Float64Array(shoppers)
  const events = new Float64Array(shoppers)
  for (let i = 0; i < truth.length; i++) {
    if (!part.weight(i)) continue
    excess[shopper[i]] += ordered[i] - truth[i]
    events[shopper[i]]++
  }
  const active = [...events.keys()].filter((i) => events[i] > 0)
  expect(active.length, part.name).toBeGreaterThan(100)
  const random = new Random(1)
  const biasOf = (pick: (i: number) => number): number => {
    let sum = 0
    let count = 0
    for (let i = 0; i < active.length; i++) {
      const at = active[pick(i)]
      sum += excess[at]
      count += events[at]
    }
    return sum / count
  }
  const bias = biasOf((i) => i)
  let variance = 0
  for (let round = 0; round < 100; round++) {
    variance += (biasOf(() => random.integer(active.length)) - bias) ** 2 / 100
  }
  const error = Math.sqrt(variance)
  expect(error, part.name).toBeLessThan(0.03)
  expect(Math.abs(bias), `${part.name}: bias ${bias} ± ${error}`).toBeLessThan(3.5 * error)
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** ROC AUC of the truth, in 10,000 bins. */
function areaUnderCurve({ truth, ordered }: Outcomes): number {
  const hits = new Float64Array(10_001)
  const misses = new Float64Array(10_001)
  truth.forEach((p, i) => (ordered[i] === 1 ? hits : misses)[Math.floor(p * 10_000)]++)
  let below = 0
  let area = 0
  for (let bin = 0; bin < hits.length; bin++) {
    area += hits[bin] * (below + misses[bin] / 2)
    below += misses[bin]
  }
  return area / (below * hits.reduce((sum, n) => sum + n, 0))
}
