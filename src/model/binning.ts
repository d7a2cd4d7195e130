import { quantile, sortedValues, type RawRows } from './preparation/column-values.ts'

/**
 * Edges that cut the finite values of a column into at most `bins` parts of about equally many rows;
 * a value belongs below an edge that it equals. With few different values each has a part of its own.
 */
export function binEdges(raw: RawRows, column: number, bins: number): Float32Array {
  const sorted = sortedValues(raw, column)
  if (sorted.length === 0) return new Float32Array(0)
  const different = differentValues(sorted, bins)
  const cuts =
    different ?? Float32Array.from({ length: bins - 1 }, (_, i) => quantile(sorted, (i + 1) / bins))
  const highest = sorted[sorted.length - 1]
  return cuts.filter((cut, i) => cut < highest && (i === 0 || cut > cuts[i - 1]))
}

/** The part that a value belongs to, from 0 to the number of edges. */
export function binOf(value: number, edges: Float32Array): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (edges[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Different values in rising order, null where there are more than `most`. */
export function differentValues(sorted: Float32Array, most: number): Float32Array | null {
  const values: number[] = []
  for (const value of sorted) {
    if (value === values.at(-1)) continue
    if (values.length === most) return null
    values.push(value)
  }
  return Float32Array.from(values)
}
