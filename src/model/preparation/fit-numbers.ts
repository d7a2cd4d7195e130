import { quantile, sortedValues, type RawRows } from './column-values.ts'
import type { PreparationOptions } from './options.ts'
import type { NumberTransform } from './plan.ts'
import { signedLog } from './transform-number.ts'

const SKEWNESS_LOGARITHMIC = 2
/** Columns missing less often than this, or present less often, have no input for "is missing". */
const MISSING_SHARE_MIN = 0.002

export interface NumberFacts {
  /** No two rows have different values. */
  readonly constant: boolean
  readonly missingShare: number
  readonly transform: NumberTransform
}

export interface NumberOptions extends Pick<PreparationOptions, 'clipShare' | 'fill'> {
  /** On a logarithmic scale whatever its skew; false: where that makes it less skewed. */
  readonly logarithmic: boolean
}

/** What the rows say of a column of numbers. */
export function fitNumber(raw: RawRows, column: number, options: NumberOptions): NumberFacts {
  const sorted = sortedValues(raw, column)
  const [low, high] = clipLimits(sorted, options.clipShare)
  const plain = moments(raw, column, { low, high, logarithmic: false })
  let { mean, deviation } = plain
  let logarithmic = false
  if (options.logarithmic || Math.abs(plain.skewness) > SKEWNESS_LOGARITHMIC) {
    const onLogarithms = moments(raw, column, { low, high, logarithmic: true })
    if (options.logarithmic || Math.abs(onLogarithms.skewness) < Math.abs(plain.skewness)) {
      logarithmic = true
      mean = onLogarithms.mean
      deviation = onLogarithms.deviation
    }
  }
  const constant = !(deviation > 1e-6 * Math.max(1e-30, Math.abs(mean)))
  const scale = constant ? 0 : 1 / deviation
  const middle = sorted.length === 0 ? 0 : quantile(sorted, 0.5)
  const shown = logarithmic ? signedLog(middle) : middle
  const fill = options.fill === 'mean' ? 0 : (shown - mean) * scale
  const transform = { logarithmic, low, high, fill, mean, scale }
  return { constant, missingShare: 1 - plain.present / raw.count, transform }
}

/** Whether it is worth an input that a value is missing. */
export function tellsByMissing(missingShare: number): boolean {
  return missingShare > MISSING_SHARE_MIN && missingShare < 1 - MISSING_SHARE_MIN
}

/** A column that clipping would make constant is not clipped. */
function clipLimits(sorted: Float32Array, share: number): [number, number] {
  if (sorted.length === 0) return [0, 0]
  const low = quantile(sorted, share)
  const high = quantile(sorted, 1 - share)
  return low < high ? [low, high] : [sorted[0], sorted[sorted.length - 1]]
}

interface Shape {
  readonly low: number
  readonly high: number
  readonly logarithmic: boolean
}

interface Moments {
  readonly present: number
  readonly mean: number
  readonly deviation: number
  readonly skewness: number
}

function moments(raw: RawRows, column: number, shape: Shape): Moments {
  const { rows, width, count } = raw
  let present = 0
  let sum = 0
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + column]
    if (x - x !== 0) continue
    present++
    sum += shaped(x, shape)
  }
  const mean = present === 0 ? 0 : sum / present
  let second = 0
  let third = 0
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + column]
    if (x - x !== 0) continue
    const off = shaped(x, shape) - mean
    second += off * off
    third += off * off * off
  }
  const deviation = present === 0 ? 0 : Math.sqrt(second / present)
  return {
    present,
    mean,
    deviation,
    skewness: deviation === 0 ? 0 : third / present / deviation ** 3,
  }
}

function shaped(x: number, { low, high, logarithmic }: Shape): number {
  const clipped = x < low ? low : x > high ? high : x
  return logarithmic ? signedLog(clipped) : clipped
}
