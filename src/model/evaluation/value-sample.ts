import { rankScores, type Ranking } from './ranking.ts'
import type { Sample } from './sample.ts'

/**
 * - `mae`, `mse`, `rmse`: of predicted − actual; `bias`: its mean
 * - `r2`: 1 − squared error / variance; NaN where the actual values do not vary
 * - `pearson`, `spearman`: NaN where either side does not vary; ties have their mean rank
 */
export const VALUE_METRICS = ['rmse', 'mae', 'mse', 'r2', 'pearson', 'spearman', 'bias'] as const
export type ValueMetric = (typeof VALUE_METRICS)[number]

/** And `poissonDeviance`: its mean, `2·(y·ln(y/µ) − y + µ)`, with µ kept above 1e-6. */
export type CountMetric = ValueMetric | 'poissonDeviance'

const MEAN_MIN = 1e-6

export interface ValueRows {
  readonly predicted: Float32Array
  readonly actual: Float32Array
  readonly weights: Float32Array | null
}

/** Positions are rows; both sides are sorted once. */
export function valueSample(rows: ValueRows): Sample<ValueMetric> {
  const { predicted, actual } = rows
  const byPredicted = rankScores(predicted)
  const byActual = rankScores(actual)
  const ranks: readonly [Float64Array, Float64Array] = [
    new Float64Array(actual.length),
    new Float64Array(actual.length),
  ]
  return {
    ...frame(rows),
    measure: (weights) => {
      meanRanks(byPredicted, weights, ranks[0])
      meanRanks(byActual, weights, ranks[1])
      const { covariance, first, second } = comoments(predicted, actual, weights)
      const ranked = comoments(ranks[0], ranks[1], weights)
      return {
        ...errorMetrics(rows, weights, second),
        pearson: correlation(covariance, first, second),
        spearman: correlation(ranked.covariance, ranked.first, ranked.second),
      }
    },
  }
}

/** As {@link valueSample}, and the deviance; `actual` is never negative. */
export function countSample(rows: ValueRows): Sample<CountMetric> {
  const sample = valueSample(rows)
  const deviances = Float64Array.from(rows.actual, (y, i) => {
    const mean = Math.max(MEAN_MIN, rows.predicted[i])
    return 2 * ((y > 0 ? y * Math.log(y / mean) : 0) - y + mean)
  })
  return {
    ...sample,
    measure: (weights) => {
      let sum = 0
      let total = 0
      for (let i = 0; i < deviances.length; i++) {
        sum += weights[i] * deviances[i]
        total += weights[i]
      }
      return { ...sample.measure(weights), poissonDeviance: sum / total }
    },
  }
}

function frame({ actual, weights }: ValueRows): Omit<Sample<never>, 'measure'> {
  const count = actual.length
  return {
    count,
    weights: weights === null ? new Float64Array(count).fill(1) : Float64Array.from(weights),
    strata: count === 0 ? [] : [Uint32Array.from({ length: count }, (_, i) => i)],
  }
}

function errorMetrics({ predicted, actual }: ValueRows, weights: Float64Array, spread: number) {
  let total = 0
  let sum = 0
  let absolute = 0
  let squares = 0
  for (let i = 0; i < actual.length; i++) {
    const error = predicted[i] - actual[i]
    const weight = weights[i]
    total += weight
    sum += weight * error
    absolute += weight * Math.abs(error)
    squares += weight * error * error
  }
  const mse = squares / total
  const r2 = spread > 0 ? 1 - squares / spread : Number.NaN
  return { mae: absolute / total, mse, rmse: Math.sqrt(mse), r2, bias: sum / total }
}

/** Weighted sums of squares about the means, and of products. */
function comoments(a: ArrayLike<number>, b: ArrayLike<number>, weights: Float64Array) {
  let total = 0
  let sumA = 0
  let sumB = 0
  for (let i = 0; i < weights.length; i++) {
    total += weights[i]
    sumA += weights[i] * a[i]
    sumB += weights[i] * b[i]
  }
  const [meanA, meanB] = [sumA / total, sumB / total]
  let first = 0
  let second = 0
  let covariance = 0
  for (let i = 0; i < weights.length; i++) {
    const [x, y] = [a[i] - meanA, b[i] - meanB]
    first += weights[i] * x * x
    second += weights[i] * y * y
    covariance += weights[i] * x * y
  }
  return { first, second, covariance }
}

function correlation(covariance: number, first: number, second: number): number {
  const spread = Math.sqrt(first * second)
  return spread > 0 ? Math.max(-1, Math.min(1, covariance / spread)) : Number.NaN
}

/** Mean rank of each row, where a row of weight w stands for w rows; shifted alike for all. */
function meanRanks({ order, ends }: Ranking, weights: Float64Array, out: Float64Array): void {
  let below = 0
  let at = 0
  for (const end of ends) {
    let group = 0
    for (let i = at; i < end; i++) group += weights[order[i]]
    for (; at < end; at++) out[order[at]] = below + group / 2
    below += group
  }
}
