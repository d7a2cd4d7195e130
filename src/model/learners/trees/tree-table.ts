import type { Examples } from '../learner.ts'
import { CUTS_MAX, padCuts, codeOf } from './cut-codes.ts'

/** Cuts are found on at most this many rows, evenly spread. */
const CUT_ROWS_MAX = 200_000

/**
 * Rows as trees learn from them: each value one byte, column by column (Ke et al. 2017, "LightGBM").
 *
 * The code of a value is 1 + the number of its input's cuts below it, so that `x <= cuts[t - 1]` and
 * `code <= t` are the same question; a missing value is 0.
 */
export interface TreeTable {
  readonly count: number
  readonly width: number
  readonly columns: readonly Uint8Array[]
  /** Of each input, ascending; none where the input does not vary. */
  readonly cuts: readonly Float32Array[]
}

/** Cuts for each input: between all its values where they are few, else of about equal numbers of rows. */
export function findCuts({ rows, width, count }: Examples, cutsMax = CUTS_MAX): Float32Array[] {
  const step = Math.max(1, count / CUT_ROWS_MAX)
  const sample = new Float32Array(Math.ceil(count / step))
  return Array.from({ length: width }, (_, input) => {
    let known = 0
    for (let i = 0; i < sample.length; i++) {
      const value = rows[Math.min(count - 1, Math.floor(i * step)) * width + input]
      if (!Number.isNaN(value)) sample[known++] = value
    }
    return cutsBetween(sample.slice(0, known).sort(), cutsMax)
  })
}

export function codeRows(
  { rows, width, count }: Examples,
  cuts: readonly Float32Array[],
): TreeTable {
  const columns = cuts.map((inputCuts, input) => {
    const column = new Uint8Array(count)
    const padded = padCuts(inputCuts)
    for (let row = 0; row < count; row++) column[row] = codeOf(padded, rows[row * width + input])
    return column
  })
  return { count, width, columns, cuts }
}

/** A value that is frequent enough to fill a share of its own gets it; the others share the rest evenly. */
function cutsBetween(sorted: Float32Array, cutsMax: number): Float32Array {
  const { values, counts } = distinct(sorted)
  const cuts: number[] = []
  let left = sorted.length
  let filled = 0
  for (let i = 0; i < values.length - 1 && cuts.length < cutsMax; i++) {
    filled += counts[i]
    const share = left / (cutsMax + 1 - cuts.length)
    const few = values.length - i - 1 <= cutsMax - cuts.length
    if (!few && filled < share && counts[i + 1] < share) continue
    cuts.push(between(values[i], values[i + 1]))
    left -= filled
    filled = 0
  }
  return Float32Array.from(cuts)
}

function distinct(sorted: Float32Array): { values: number[]; counts: number[] } {
  const values: number[] = []
  const counts: number[] = []
  for (const value of sorted) {
    if (values.length === 0 || value > values[values.length - 1]) {
      values.push(value)
      counts.push(1)
    } else counts[counts.length - 1]++
  }
  return { values, counts }
}

/** A 32-bit number that `a` does not exceed and `b` does. */
function between(a: number, b: number): number {
  const middle = Math.fround(a / 2 + b / 2)
  return middle >= a && middle < b ? middle : a
}
