/** Values of an input are told apart by at most this many cuts; a missing value takes a code of its own. */
export const CUTS_MAX = 253

/** The code of a missing value. */
export const MISSING = 0

/** Cuts as {@link codeOf} searches them: filled up with +Infinity to a power of two, one at least. */
export function padCuts(cuts: Float32Array): Float32Array {
  const padded = new Float32Array(2 ** Math.ceil(Math.log2(cuts.length + 1))).fill(Infinity)
  padded.set(cuts)
  return padded
}

/** A binary search that adds comparisons rather than branch on them: values are in no order. */
export function codeOf(padded: Float32Array, value: number): number {
  if (Number.isNaN(value)) return MISSING
  let below = 0
  for (let half = padded.length >>> 1; half > 0; half >>>= 1) {
    below += half * +(padded[below + half - 1] < value)
  }
  return below + 1
}
