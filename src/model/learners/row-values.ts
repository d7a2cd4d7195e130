/** Inputs are held within this: squares of it still fit into 32 bits when some hundred are added. */
const INPUT_MAX = 1e18

/** Reads a row for a learner of the form `dense`: what is missing counts as 0, the mean. */
export function readRow(rows: Float32Array, at: number, row: Float64Array): void {
  for (let i = 0; i < row.length; i++) {
    const value = rows[at + i]
    row[i] = Number.isNaN(value) ? 0 : Math.min(INPUT_MAX, Math.max(-INPUT_MAX, value))
  }
}

/** Of a row and another that starts at `at`. */
export function squaredDistance(
  row: Float64Array,
  others: Float32Array | Float64Array,
  at: number,
): number {
  let sum = 0
  for (let i = 0; i < row.length; i++) {
    const difference = row[i] - others[at + i]
    sum += difference * difference
  }
  return sum
}

/** Some of the rows, in the given order. */
export function takeRows(rows: Float32Array, width: number, chosen: Uint32Array): Float32Array {
  const taken = new Float32Array(chosen.length * width)
  for (let i = 0; i < chosen.length; i++) {
    taken.set(rows.subarray(chosen[i] * width, (chosen[i] + 1) * width), i * width)
  }
  return taken
}
