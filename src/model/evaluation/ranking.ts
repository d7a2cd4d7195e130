const DIGIT_BITS = 11
const DIGITS = 1 << DIGIT_BITS
const PASSES = 3

/** Rows by score, the highest first. */
export interface Ranking {
  /** Row at each position; equal scores stand in order of their rows. */
  readonly order: Uint32Array
  /** Position after the last of each group of equal scores. */
  readonly ends: Uint32Array
}

/**
 * Ranks scores in linear time (radix sort over the bits of a float, 11 at a time). −0 equals 0; NaN
 * comes last.
 */
export function rankScores(scores: Float32Array): Ranking {
  const keys = descendingKeys(scores)
  let order = Uint32Array.from({ length: scores.length }, (_, i) => i)
  let spare = new Uint32Array(scores.length)
  for (let pass = 0; pass < PASSES; pass++) {
    const shift = pass * DIGIT_BITS
    const places = startOfDigits(keys, shift)
    for (const row of order) spare[places[(keys[row] >>> shift) & (DIGITS - 1)]++] = row
    ;[order, spare] = [spare, order]
  }
  return { order, ends: groupEnds(keys, order) }
}

/** Whole numbers that are smaller the higher a score is. */
function descendingKeys(scores: Float32Array): Uint32Array {
  const values = scores.map((score) => (score === score ? score + 0 : Number.NEGATIVE_INFINITY))
  const keys = new Uint32Array(values.buffer)
  for (let i = 0; i < keys.length; i++) {
    const bits = keys[i]
    keys[i] = bits >>> 31 === 1 ? bits : ~bits & 0x7fffffff
  }
  return keys
}

function startOfDigits(keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(DIGITS + 1)
  for (const key of keys) starts[((key >>> shift) & (DIGITS - 1)) + 1]++
  for (let digit = 1; digit < DIGITS; digit++) starts[digit] += starts[digit - 1]
  return starts
}

function groupEnds(keys: Uint32Array, order: Uint32Array): Uint32Array {
  const ends = new Uint32Array(order.length)
  let groups = 0
  for (let i = 1; i <= order.length; i++) {
    if (i === order.length || keys[order[i]] !== keys[order[i - 1]]) ends[groups++] = i
  }
  return ends.subarray(0, groups)
}

/** Values in the order of a ranking. */
export function inOrder(values: Float32Array, { order }: Ranking): Float32Array {
  return Float32Array.from(order, (row) => values[row])
}
