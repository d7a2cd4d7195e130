import { rankingMetrics, valueMetrics } from '../src/model/evaluation/metrics.ts'
import { countValues } from './protocol.ts'

/** Predicted counts against actual ones, in the order of COUNT_COLUMNS. */
export function judgeCounts(predicted: Float32Array, actual: Float32Array): number[] {
  const returned = Uint8Array.from(actual, (count) => Number(count > 0))
  const { rocAuc } = rankingMetrics(predicted, returned)
  const total = sum(predicted) / sum(actual) - 1
  return countValues(valueMetrics(predicted, actual), rocAuc, total)
}

/** An order without a scale: only its AUC means something. */
export function judgeOrder(scores: Float32Array, actual: Float32Array): (number | null)[] {
  const auc = judgeCounts(scores, actual)[3]
  return [null, null, null, auc, null]
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}
