import { fitArima } from './arima-model.ts'
import type { ArimaFit } from './arima-model.ts'
import type { Order } from './arma-polynomials.ts'
import { differenceAll, plainDifferences, seasonalDifferences } from './differencing.ts'
import type { Pace } from '../pace.ts'

const PLAIN_MAX = 3
const SEASONAL_MAX = 1
const DIFFERENCES_MAX = 2
/** Above this, the memory squared times the length, exact likelihoods take too long. */
const EXACT_WORK_MAX = 1.5e6
/** Models of which the best is taken, at most. */
export const MODELS_MAX = 60

/** Orders that are given; null: to be chosen. */
export interface WantedOrder {
  readonly p: number | null
  readonly d: number | null
  readonly q: number | null
  readonly seasonalP: number | null
  readonly seasonalD: number | null
  readonly seasonalQ: number | null
  readonly period: number
}

/** Whether models of a series are fitted by exact likelihood; the same for all, so that they compare. */
export function isExact(
  series: Float64Array,
  { p, q, seasonalP, seasonalQ, period }: WantedOrder,
): boolean {
  const plain = Math.max(PLAIN_MAX, p ?? 0, q ?? 0)
  const seasonal = period > 1 ? Math.max(SEASONAL_MAX, seasonalP ?? 0, seasonalQ ?? 0) : 0
  return (plain + period * seasonal) ** 2 * series.length <= EXACT_WORK_MAX
}

/** Differences by tests of the series; seasons only where there are some. */
export function chooseDifferences(
  series: Float64Array,
  { d, seasonalD, period }: WantedOrder,
): { readonly d: number; readonly seasonalD: number } {
  const seasonal = seasonalD ?? seasonalDifferences(series, period)
  const rest = differenceAll(series, { d: 0, seasonalD: seasonal, period })
  return { d: d ?? plainDifferences(rest, DIFFERENCES_MAX - seasonal), seasonalD: seasonal }
}

/**
 * The model of the least AICc (Hurvich, Tsai 1989) that a walk finds: from four models to whichever
 * neighbour is better, until none is: Hyndman, Khandakar, Automatic time series forecasting (2008).
 * The pace counts one a model.
 */
export async function searchOrder(
  series: Float64Array,
  wanted: WantedOrder,
  pace: Pace,
): Promise<{ readonly best: ArimaFit | null; readonly models: number }> {
  const walk = new Walk(series, wanted, pace)
  const { d, seasonalD } = chooseDifferences(series, wanted)
  const plain = { d, seasonalD, period: wanted.period, constant: d + seasonalD < DIFFERENCES_MAX }
  for (const [p, q] of [
    [0, 0],
    [2, 2],
    [1, 0],
    [0, 1],
  ]) {
    const seasonalP = Math.min(p, SEASONAL_MAX)
    const seasonalQ = Math.min(q, SEASONAL_MAX)
    await walk.look({ ...plain, p, q, seasonalP, seasonalQ })
  }
  let order: Order | null = null
  while (order !== walk.bestOrder && walk.bestOrder !== null) {
    order = walk.bestOrder
    for (const next of neighbours(order)) await walk.look(next)
  }
  return { best: walk.best, models: walk.models }
}

function neighbours(order: Order): Order[] {
  const { p, q, seasonalP, seasonalQ } = order
  const seasonal = [
    { seasonalP: seasonalP - 1 },
    { seasonalP: seasonalP + 1 },
    { seasonalQ: seasonalQ - 1 },
    { seasonalQ: seasonalQ + 1 },
    { seasonalP: seasonalP - 1, seasonalQ: seasonalQ - 1 },
    { seasonalP: seasonalP + 1, seasonalQ: seasonalQ + 1 },
    { seasonalP: seasonalP - 1, seasonalQ: seasonalQ + 1 },
    { seasonalP: seasonalP + 1, seasonalQ: seasonalQ - 1 },
  ]
  const plain = [
    { p: p - 1 },
    { p: p + 1 },
    { q: q - 1 },
    { q: q + 1 },
    { p: p - 1, q: q - 1 },
    { p: p + 1, q: q + 1 },
    { p: p - 1, q: q + 1 },
    { p: p + 1, q: q - 1 },
  ]
  return [...seasonal, ...plain, { constant: !order.constant }].map((change) => ({
    ...order,
    ...change,
  }))
}

class Walk {
  private readonly series: Float64Array
  private readonly wanted: WantedOrder
  private readonly pace: Pace
  private readonly exact: boolean
  private readonly seen = new Set<string>()
  best: ArimaFit | null = null
  bestOrder: Order | null = null

  constructor(series: Float64Array, wanted: WantedOrder, pace: Pace) {
    this.series = series
    this.wanted = wanted
    this.pace = pace
    this.exact = isExact(series, wanted)
  }

  get models(): number {
    return this.seen.size
  }

  /** Fits the nearest model that is allowed, unless it is known. */
  async look(near: Order): Promise<void> {
    const order = this.allowed(near)
    const key = JSON.stringify(order)
    const { seen, pace } = this
    if (seen.has(key) || seen.size >= MODELS_MAX || (pace.stopped && this.best !== null)) return
    seen.add(key)
    const goOn = () => pace.reached(seen.size - 1)
    const fit = await fitArima(this.series, order, { exact: this.exact, goOn })
    if (this.best === null || (fit.sound && (!this.best.sound || fit.aicc < this.best.aicc))) {
      this.best = fit
      this.bestOrder = order
    }
  }

  private allowed(order: Order): Order {
    const { wanted } = this
    const within = (value: number, most: number) => Math.min(most, Math.max(0, value))
    const seasonalMax =
      wanted.period > 1 && this.series.length > 2 * wanted.period ? SEASONAL_MAX : 0
    const withinSeason = wanted.period > 1 ? wanted.period - 1 : PLAIN_MAX
    const plainMax = Math.min(PLAIN_MAX, withinSeason, Math.floor(this.series.length / 8))
    return {
      ...order,
      p: wanted.p ?? within(order.p, plainMax),
      q: wanted.q ?? within(order.q, plainMax),
      seasonalP: wanted.seasonalP ?? within(order.seasonalP, seasonalMax),
      seasonalQ: wanted.seasonalQ ?? within(order.seasonalQ, seasonalMax),
      constant: order.constant && order.d + order.seasonalD < DIFFERENCES_MAX,
    }
  }
}
