/** `out = a × b`, row by row. */
export interface Product {
  /** Rows of `inner` numbers. */
  readonly a: Float32Array
  /** `inner × columns`. */
  readonly b: Float32Array
  /** Rows of `columns` numbers. */
  readonly out: Float32Array
  readonly inner: number
  readonly columns: number
}

/**
 * Of the first `rows`, two at a time and four columns at a time, so that each number that is read is
 * used more than once. A number of `out` is summed in the same order whatever is beside it.
 */
export function multiply(product: Product, rows: number): void {
  const paired = rows - (rows % 2)
  for (let row = 0; row < paired; row += 2) multiplyTwo(product, row)
  if (paired < rows) multiplyOne(product, paired)
}

function multiplyTwo(product: Product, row: number): void {
  const { a, b, out, inner, columns } = product
  const first = row * inner
  const second = first + inner
  let to = row * columns
  let j = 0
  for (; j + 4 <= columns; j += 4, to += 4) {
    let a0 = 0
    let a1 = 0
    let a2 = 0
    let a3 = 0
    let b0 = 0
    let b1 = 0
    let b2 = 0
    let b3 = 0
    for (let i = 0, p = j; i < inner; i++, p += columns) {
      const x = a[first + i]
      const y = a[second + i]
      const w0 = b[p]
      const w1 = b[p + 1]
      const w2 = b[p + 2]
      const w3 = b[p + 3]
      a0 += x * w0
      a1 += x * w1
      a2 += x * w2
      a3 += x * w3
      b0 += y * w0
      b1 += y * w1
      b2 += y * w2
      b3 += y * w3
    }
    out[to] = a0
    out[to + 1] = a1
    out[to + 2] = a2
    out[to + 3] = a3
    out[to + columns] = b0
    out[to + columns + 1] = b1
    out[to + columns + 2] = b2
    out[to + columns + 3] = b3
  }
  for (; j < columns; j++, to++) {
    out[to] = oneNumber(product, row, j)
    out[to + columns] = oneNumber(product, row + 1, j)
  }
}

function multiplyOne(product: Product, row: number): void {
  const { a, b, out, inner, columns } = product
  const first = row * inner
  let to = row * columns
  let j = 0
  for (; j + 4 <= columns; j += 4, to += 4) {
    let a0 = 0
    let a1 = 0
    let a2 = 0
    let a3 = 0
    for (let i = 0, p = j; i < inner; i++, p += columns) {
      const x = a[first + i]
      a0 += x * b[p]
      a1 += x * b[p + 1]
      a2 += x * b[p + 2]
      a3 += x * b[p + 3]
    }
    out[to] = a0
    out[to + 1] = a1
    out[to + 2] = a2
    out[to + 3] = a3
  }
  for (; j < columns; j++, to++) out[to] = oneNumber(product, row, j)
}

function oneNumber({ a, b, inner, columns }: Product, row: number, column: number): number {
  let sum = 0
  for (let i = 0; i < inner; i++) sum += a[row * inner + i] * b[i * columns + column]
  return sum
}
