import { Random } from '../random.ts'
import type { Sample } from './sample.ts'

/** A metric with its interval; null where it has no value. */
export interface Metric {
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
}
export type Metrics<K extends string = string> = Readonly<Record<K, Metric>>

export interface BootstrapOptions {
  readonly seed: number
  readonly resamples: number
  /** Share of resamples inside the interval. */
  readonly confidence: number
}

export const BOOTSTRAP_DEFAULTS: BootstrapOptions = { seed: 1, resamples: 1_000, confidence: 0.95 }

/** Draws in all, so that many rows do not take minutes; fewer resamples make the interval coarser. */
const DRAWS_MAX = 100_000_000
const RESAMPLES_MIN = 100
/** A class with more rows is drawn row by row. */
const POISSON_ROWS_MIN = 20_000

/**
 * Metrics with percentile bootstrap intervals (Efron 1979; Efron and Tibshirani, An Introduction to
 * the Bootstrap, 1993, chapter 13): rows are drawn again with replacement, within each class. A row
 * drawn n times counts n times, so nothing is sorted twice. Of many rows fewer resamples are taken,
 * and each row's count is drawn on its own from a Poisson distribution of mean 1, in order of memory
 * (Oza and Russell, Online Bagging and Boosting, 2001; Chamandy et al., Estimating Uncertainty for
 * Massive Data Streams, 2012).
 */
export function measureWithIntervals<K extends string>(
  sample: Sample<K>,
  given: Partial<BootstrapOptions> = {},
): Metrics<K> {
  const options = { ...BOOTSTRAP_DEFAULTS, ...given }
  const values = sample.measure(sample.weights)
  const names = Object.keys(values) as K[]
  const drawn = sample.count === 0 ? [] : resample(sample, options)
  const entries = names.map((name) => {
    const value = finite(values[name])
    const spread = Float64Array.from(drawn, (one) => one[name]).filter((x) => x === x)
    return [
      name,
      value === null ? NO_METRIC : { value, ...percentiles(spread, options.confidence) },
    ]
  })
  return Object.fromEntries(entries) as Metrics<K>
}

/** Metrics alone. */
export function measure<K extends string>(sample: Sample<K>): Record<K, number | null> {
  const values = Object.entries<number>(sample.measure(sample.weights))
  return Object.fromEntries(values.map(([name, value]) => [name, finite(value)])) as Record<
    K,
    number | null
  >
}

const NO_METRIC: Metric = { value: null, low: null, high: null }

function resample<K extends string>(
  sample: Sample<K>,
  { seed, resamples }: BootstrapOptions,
): Record<K, number>[] {
  const random = new Random(seed)
  const affordable = Math.max(RESAMPLES_MIN, Math.floor(DRAWS_MAX / sample.count))
  const weights = new Float64Array(sample.count)
  return Array.from({ length: Math.min(resamples, affordable) }, () => {
    weights.fill(0)
    for (const positions of sample.strata) draw(sample.weights, positions, { random, weights })
    return sample.measure(weights)
  })
}

interface Drawing {
  readonly random: Random
  readonly weights: Float64Array
}

function draw(given: Float64Array, positions: Uint32Array, drawing: Drawing): void {
  if (positions.length > POISSON_ROWS_MIN) return drawPoisson(given, positions, drawing)
  const { random, weights } = drawing
  for (let n = positions.length; n > 0; n--) {
    const position = positions[Math.floor(random.next() * positions.length)]
    weights[position] += given[position]
  }
}

function drawPoisson(
  given: Float64Array,
  positions: Uint32Array,
  { random, weights }: Drawing,
): void {
  for (let i = 0; i < positions.length; i++) {
    const drawn = random.next()
    let times = 0
    while (drawn >= POISSON_BELOW[times]) times++
    weights[positions[i]] = times * given[positions[i]]
  }
}

/** Probability of a count of at most 0, 1, 2 … under a mean of 1; the last is above any draw. */
const POISSON_BELOW = poissonBelow()

function poissonBelow(): Float64Array {
  const below = new Float64Array(16)
  let probability = Math.exp(-1)
  let sum = 0
  for (let times = 0; times < below.length; times++) {
    sum += probability
    below[times] = sum
    probability /= times + 1
  }
  return below.with(-1, 2)
}

function percentiles(
  values: Float64Array,
  confidence: number,
): { readonly low: number | null; readonly high: number | null } {
  if (values.length === 0) return { low: null, high: null }
  values.sort()
  const tail = (1 - confidence) / 2
  return { low: between(values, tail), high: between(values, 1 - tail) }
}

function between(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.min(sorted.length - 1, below + 1)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
}

function finite(value: number): number | null {
  return value - value === 0 ? value : null
}
