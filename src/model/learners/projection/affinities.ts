import { NearestRows } from '../neighbours/nearest-rows.ts'
import type { Pace } from '../pace.ts'
import { readRow } from '../row-values.ts'

/** Neighbours looked at, as a multiple of the perplexity. */
const NEIGHBOURS_PER_PERPLEXITY = 3
const BISECTIONS_MAX = 60
const ENTROPY_TOLERANCE = 1e-5

/** How much each row has to do with its neighbours; both ways alike, and 1 in all. */
export interface Affinities {
  /** Of row `i`, the pairs from `starts[i]` to `starts[i + 1]`. */
  readonly starts: Uint32Array
  readonly others: Uint32Array
  readonly shares: Float64Array
}

/**
 * Gaussian affinities whose widths give each row the same perplexity, of the nearest rows alone: van der
 * Maaten, Accelerating t-SNE using tree-based algorithms (2014). The pace counts one a row.
 */
export async function findAffinities(
  { rows, width }: { readonly rows: Float32Array; readonly width: number },
  perplexity: number,
  pace: Pace,
): Promise<Affinities> {
  const count = rows.length / width
  const most = Math.min(count - 1, Math.ceil(NEIGHBOURS_PER_PERPLEXITY * perplexity))
  const nearest = new NearestRows(rows, width, most)
  const row = new Float64Array(width)
  const others = Array.from({ length: count }, () => new Map<number, number>())
  for (let i = 0; i < count && (await pace.reached(i)); i++) {
    readRow(rows, i * width, row)
    nearest.find(row, i)
    const squared = nearest.squared.subarray(0, nearest.found)
    const shares = sharesOf(squared, Math.log(Math.min(perplexity, nearest.found)))
    shares.forEach((share, k) => {
      const other = nearest.rows[k]
      addShare(others[i], other, share / (2 * count))
      addShare(others[other], i, share / (2 * count))
    })
  }
  return flatten(others)
}

function addShare(shares: Map<number, number>, other: number, share: number): void {
  shares.set(other, (shares.get(other) ?? 0) + share)
}

/** Bisects the precision until the shares have the entropy. */
function sharesOf(squared: Float64Array, entropy: number): Float64Array {
  const nearest = squared[0]
  const shares = new Float64Array(squared.length)
  let [low, high] = [0, Number.POSITIVE_INFINITY]
  let precision = 1 / Math.max(1e-12, mean(squared) - nearest)
  for (let i = 0; i < BISECTIONS_MAX; i++) {
    let sum = 0
    let weighted = 0
    for (let k = 0; k < squared.length; k++) {
      const distance = squared[k] - nearest
      shares[k] = Math.exp(-precision * distance)
      sum += shares[k]
      weighted += precision * distance * shares[k]
    }
    for (let k = 0; k < shares.length; k++) shares[k] /= sum
    const difference = Math.log(sum) + weighted / sum - entropy
    if (Math.abs(difference) < ENTROPY_TOLERANCE) break
    if (difference > 0) low = precision
    else high = precision
    precision = Number.isFinite(high) ? (low + high) / 2 : 2 * precision
  }
  return shares
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function flatten(others: readonly Map<number, number>[]): Affinities {
  const starts = new Uint32Array(others.length + 1)
  others.forEach((own, i) => {
    starts[i + 1] = starts[i] + own.size
  })
  const pairs = others.flatMap((own) => [...own].sort(([a], [b]) => a - b))
  return {
    starts,
    others: Uint32Array.from(pairs, ([other]) => other),
    shares: Float64Array.from(pairs, ([, share]) => share),
  }
}
