import type { Order } from './arma-polynomials.ts'

/** Share of a season in what is left of a series without its trend, above which it is differenced. */
const SEASON_MIN = 0.64
/** The 5 % limit of the KPSS test of a level. */
const KPSS_LIMIT = 0.463
const SEASONS_MIN = 2
const VALUES_MIN = 6

export function difference(values: Float64Array, lag: number): Float64Array {
  return values.slice(lag).map((value, i) => value - values[i])
}

export function differenceAll(
  values: Float64Array,
  { d, seasonalD, period }: Pick<Order, 'd' | 'seasonalD' | 'period'>,
): Float64Array {
  let rest = values
  for (let i = 0; i < seasonalD; i++) rest = difference(rest, period)
  for (let i = 0; i < d; i++) rest = difference(rest, 1)
  return rest
}

/** 1 where a season is strong: Wang, Smith, Hyndman, Characteristic-based clustering (2006). */
export function seasonalDifferences(values: Float64Array, period: number): number {
  if (period < 2 || values.length < SEASONS_MIN * period + VALUES_MIN) return 0
  return seasonStrength(values, period) > SEASON_MIN ? 1 : 0
}

/** As many (at most `most`) as it takes until the series keeps a level: Kwiatkowski and others (1992). */
export function plainDifferences(values: Float64Array, most: number): number {
  let rest = values
  for (let d = 0; d < most; d++) {
    if (rest.length < VALUES_MIN || kpss(rest) < KPSS_LIMIT) return d
    rest = difference(rest, 1)
  }
  return most
}

function seasonStrength(values: Float64Array, period: number): number {
  const trend = movingMean(values, period)
  const half = Math.floor(period / 2)
  const free = trend.map((level, i) => values[i + half] - level)
  const sums = new Float64Array(period)
  const counts = new Float64Array(period)
  free.forEach((value, i) => {
    sums[i % period] += value
    counts[i % period]++
  })
  const rest = free.map((value, i) => value - sums[i % period] / counts[i % period])
  const whole = varianceOf(free)
  return whole > 0 ? Math.max(0, 1 - varianceOf(rest) / whole) : 0
}

/** Centred over one season; with an even one both ends count half. */
function movingMean(values: Float64Array, period: number): Float64Array {
  const half = Math.floor(period / 2)
  const even = period % 2 === 0
  return Float64Array.from({ length: values.length - 2 * half }, (_, i) => {
    let sum = 0
    for (let k = 0; k <= 2 * half; k++) {
      sum += values[i + k] * (even && (k === 0 || k === 2 * half) ? 0.5 : 1)
    }
    return sum / period
  })
}

function kpss(values: Float64Array): number {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const rest = values.map((value) => value - mean)
  let sum = 0
  let squares = 0
  for (const value of rest) {
    sum += value
    squares += sum * sum
  }
  const lags = Math.floor(4 * (count / 100) ** 0.25)
  let variance = product(rest, 0)
  for (let lag = 1; lag <= lags; lag++) variance += 2 * (1 - lag / (lags + 1)) * product(rest, lag)
  return variance > 0 ? squares / (count * count * variance) : 0
}

function product(values: Float64Array, lag: number): number {
  let sum = 0
  for (let i = lag; i < values.length; i++) sum += values[i] * values[i - lag]
  return sum / values.length
}

function varianceOf(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
}
