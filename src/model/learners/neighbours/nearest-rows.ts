import { squaredDistance } from '../row-values.ts'

/** After so many inputs a sum is compared with the farthest of the nearest. */
const BLOCK = 8

/**
 * The rows nearest to a row, found by comparing all: with some tens of inputs a tree of rows skips too
 * few to pay. A row is left as soon as a part of its distance is too large. Of equals the earlier row.
 */
export class NearestRows {
  private readonly values: Float32Array
  private readonly width: number
  private readonly most: number
  /** After {@link find}: nearest first, `found` of them. */
  readonly rows: Uint32Array
  readonly squared: Float64Array
  found = 0

  constructor(values: Float32Array, width: number, most: number) {
    this.values = values
    this.width = width
    this.most = most
    this.rows = new Uint32Array(most)
    this.squared = new Float64Array(most).fill(Number.POSITIVE_INFINITY)
  }

  /** Leaves out the row `except`; -1: none. */
  find(row: Float64Array, except: number): void {
    const { values, width, most, squared } = this
    this.found = 0
    const count = values.length / width
    let limit = Number.POSITIVE_INFINITY
    for (let other = 0, at = 0; other < count; other++, at += width) {
      const distance = this.within(row, at, limit)
      if (distance >= limit || other === except) continue
      this.insert(other, distance)
      if (this.found === most) limit = squared[most - 1]
    }
  }

  /** Squared distance, or any number from `limit` on when it is larger than that. */
  private within(row: Float64Array, at: number, limit: number): number {
    const { values, width } = this
    if (width <= BLOCK) return squaredDistance(row, values, at)
    let sum = 0
    for (let start = 0; start < width; start += BLOCK) {
      const end = Math.min(width, start + BLOCK)
      for (let i = start; i < end; i++) {
        const difference = row[i] - values[at + i]
        sum += difference * difference
      }
      if (sum >= limit) return sum
    }
    return sum
  }

  private insert(row: number, distance: number): void {
    const { rows, squared, most } = this
    let place = Math.min(this.found, most - 1)
    while (place > 0 && squared[place - 1] > distance) {
      squared[place] = squared[place - 1]
      rows[place] = rows[place - 1]
      place--
    }
    squared[place] = distance
    rows[place] = row
    this.found = Math.min(most, this.found + 1)
  }
}
