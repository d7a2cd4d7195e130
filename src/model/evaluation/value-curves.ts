import { quantile, sortedValues } from '../preparation/column-values.ts'
import { Random } from '../random.ts'
import { equalParts } from './equal-parts.ts'
import { rankScores } from './ranking.ts'

const POINTS = 400
const BINS = 15
const HISTOGRAM_BINS = 40
/** Share of the residuals at each end that the histogram's range leaves out; they count in its ends. */
const TAIL = 0.005

/** Rows of about equally high predictions. */
export interface ValueBin {
  readonly meanPrediction: number
  readonly meanActual: number
  /** Between them lie eight of ten actual values. */
  readonly low: number
  readonly high: number
  readonly rows: number
}

export interface ValueCurves {
  /** Predicted and actual value of some rows, drawn at random. */
  readonly points: readonly (readonly [number, number])[]
  readonly bins: readonly ValueBin[]
  /** Shares of rows by predicted − actual, from the lowest to the highest. */
  readonly residuals: {
    readonly from: number
    readonly to: number
    readonly shares: readonly number[]
  }
}

export function valueCurves(
  predicted: Float32Array,
  actual: Float32Array,
  seed: number,
): ValueCurves | null {
  if (actual.length === 0) return null
  const residuals = predicted.map((value, row) => value - actual[row])
  return {
    points: drawPoints(predicted, actual, seed),
    bins: binsOf(predicted, actual),
    residuals: histogramOf(residuals),
  }
}

function drawPoints(
  predicted: Float32Array,
  actual: Float32Array,
  seed: number,
): [number, number][] {
  const rows = Uint32Array.from({ length: actual.length }, (_, row) => row)
  if (rows.length > POINTS) new Random(seed).shuffle(rows)
  return Array.from(rows.subarray(0, POINTS), (row) => [predicted[row], actual[row]])
}

function binsOf(predicted: Float32Array, actual: Float32Array): ValueBin[] {
  const { order, ends } = rankScores(predicted)
  const bins: ValueBin[] = []
  let start = 0
  for (const end of equalParts(ends, BINS)) {
    const rows = order.subarray(start, end)
    const values = Float32Array.from(rows, (row) => actual[row]).sort()
    bins.push({
      meanPrediction: mean(Float32Array.from(rows, (row) => predicted[row])),
      meanActual: mean(values),
      low: quantile(values, 0.1),
      high: quantile(values, 0.9),
      rows: rows.length,
    })
    start = end
  }
  return bins.reverse()
}

function histogramOf(residuals: Float32Array): ValueCurves['residuals'] {
  const sorted = sortedValues({ rows: residuals, width: 1, count: residuals.length }, 0)
  const [low, high] = [quantile(sorted, TAIL), quantile(sorted, 1 - TAIL)]
  const [from, to] = low < high ? [low, high] : [low - 0.5, low + 0.5]
  const shares = Array.from({ length: HISTOGRAM_BINS }, () => 0)
  for (const residual of residuals) {
    const bin = Math.floor(((residual - from) / (to - from)) * HISTOGRAM_BINS)
    shares[Math.max(0, Math.min(HISTOGRAM_BINS - 1, bin))] += 1 / residuals.length
  }
  return { from, to, shares }
}

function mean(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
