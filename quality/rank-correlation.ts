import { valueMetrics } from '../src/model/evaluation/metrics.ts'

/** Spearman's, ties at their mean rank. */
export function rankCorrelation(a: Float32Array, b: Float32Array): number {
  return valueMetrics(ranks(a), ranks(b)).pearson
}

function ranks(values: Float32Array): Float64Array {
  const order = [...values.keys()].sort((i, j) => values[i] - values[j])
  const out = new Float64Array(values.length)
  for (let start = 0; start < order.length;) {
    let end = start + 1
    while (end < order.length && values[order[end]] === values[order[start]]) end++
    for (let i = start; i < end; i++) out[order[i]] = (start + end - 1) / 2
    start = end
  }
  return out
}
