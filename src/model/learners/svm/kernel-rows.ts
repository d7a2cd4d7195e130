import { productsWith, readRow } from '../row-values.ts'
import { squaresOf } from '../row-values.ts'

/** Memory for rows of the kernel. */
const CACHE_BYTES_MAX = 256 * 2 ** 20

/**
 * Rows of the kernel `e^(-gamma × squared distance)` between all rows, made when asked for. Keeps as many
 * as fit into {@link CACHE_BYTES_MAX}; the one that was not asked for the longest goes first. A row is
 * good until two others were asked for.
 */
export class KernelRows {
  private readonly width: number
  private readonly count: number
  private readonly data: Float64Array
  private readonly squares: Float64Array
  private readonly products: Float64Array
  private readonly gamma: number
  private readonly kept = new Map<number, Float32Array>()
  private readonly most: number

  constructor(rows: Float32Array, width: number, gamma: number) {
    this.width = width
    this.count = rows.length / width
    this.data = new Float64Array(rows.length)
    for (let row = 0; row < this.count; row++) {
      readRow(rows, row * width, this.data.subarray(row * width, (row + 1) * width))
    }
    this.squares = squaresOf(this.data, width)
    this.products = new Float64Array(this.count)
    this.gamma = gamma
    this.most = Math.max(3, Math.floor(CACHE_BYTES_MAX / (4 * this.count)))
  }

  row(index: number): Float32Array {
    const known = this.kept.get(index)
    if (known !== undefined) {
      this.kept.delete(index)
      this.kept.set(index, known)
      return known
    }
    const row = this.space()
    this.compute(index, row)
    this.kept.set(index, row)
    return row
  }

  private space(): Float32Array {
    if (this.kept.size < this.most) return new Float32Array(this.count)
    const [oldest] = this.kept
    this.kept.delete(oldest[0])
    return oldest[1]
  }

  private compute(index: number, row: Float32Array): void {
    const { width, data, squares, products, gamma, count } = this
    productsWith(data.subarray(index * width, (index + 1) * width), data, products)
    for (let other = 0; other < count; other++) {
      const squared = squares[index] + squares[other] - 2 * products[other]
      row[other] = Math.exp(-gamma * Math.max(0, squared))
    }
    row[index] = 1
  }
}
