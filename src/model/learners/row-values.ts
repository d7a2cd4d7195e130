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

/**
 * Writes the scalar product of a row with each of the rows in `data`. Four at a time, so that no sum waits
 * for the one before it.
 */
export function productsWith(row: Float64Array, data: Float64Array, products: Float64Array): void {
  const width = row.length
  const count = products.length
  const fours = count - (count % 4)
  for (let first = 0, at = 0; first < fours; first += 4, at += 4 * width) {
    let [a, b, c, d] = [0, 0, 0, 0]
    for (let i = 0; i < width; i++) {
      const value = row[i]
      a += value * data[at + i]
      b += value * data[at + width + i]
      c += value * data[at + 2 * width + i]
      d += value * data[at + 3 * width + i]
    }
    products[first] = a
    products[first + 1] = b
    products[first + 2] = c
    products[first + 3] = d
  }
  for (let other = fours; other < count; other++) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += row[i] * data[other * width + i]
    products[other] = sum
  }
}

/** Some of the rows, in the given order. */
export function takeRows(rows: Float32Array, width: number, chosen: Uint32Array): Float32Array {
  const taken = new Float32Array(chosen.length * width)
  for (let i = 0; i < chosen.length; i++) {
    taken.set(rows.subarray(chosen[i] * width, (chosen[i] + 1) * width), i * width)
  }
  return taken
}

/** Of each row, the sum of its squares. */
export function squaresOf(data: Float64Array, width: number): Float64Array {
  const squares = new Float64Array(data.length / width)
  data.forEach((value, i) => {
    squares[Math.floor(i / width)] += value * value
  })
  return squares
}
