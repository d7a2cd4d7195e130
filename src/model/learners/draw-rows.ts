import type { Random } from '../random.ts'

/** All of `count` rows, or `most` of them drawn without replacement, in ascending order. */
export function drawRows(count: number, most: number, random: Random): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, row) => row)
  if (count <= most) return rows
  random.shuffle(rows)
  return rows.slice(0, most).sort()
}

/** Draws rows with a chance in proportion to their weights; null: all alike. */
export class WeightedDraw {
  readonly count: number
  private readonly sums: Float64Array | null

  constructor(count: number, weights: ArrayLike<number> | null) {
    this.count = count
    this.sums = weights === null ? null : new Float64Array(count)
    let sum = 0
    for (let row = 0; row < count && this.sums !== null && weights !== null; row++) {
      sum += weights[row]
      this.sums[row] = sum
    }
  }

  draw(random: Random): number {
    const { count, sums } = this
    if (sums === null) return Math.floor(random.next() * count)
    const sought = random.next() * sums[count - 1]
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle] > sought) high = middle
      else low = middle + 1
    }
    return low
  }

  /** `size` rows (at most all), none twice. */
  drawDistinct(size: number, random: Random): Uint32Array {
    if (2 * size >= this.count) return drawHeaviest(this, Math.min(size, this.count), random)
    const drawn = new Set<number>()
    const attemptsMax = 50 * size
    for (let i = 0; i < attemptsMax && drawn.size < size; i++) drawn.add(this.draw(random))
    return Uint32Array.from(drawn)
  }

  /** Weight of a row. */
  weight(row: number): number {
    if (this.sums === null) return 1
    return row === 0 ? this.sums[0] : this.sums[row] - this.sums[row - 1]
  }
}

/** Efraimidis, Spirakis, Weighted random sampling with a reservoir (2006): the largest u^(1/w). */
function drawHeaviest(draw: WeightedDraw, size: number, random: Random): Uint32Array {
  const keys = Float64Array.from({ length: draw.count }, (_, row) => {
    return Math.log(1 - random.next()) / Math.max(Number.MIN_VALUE, draw.weight(row))
  })
  const rows = Uint32Array.from(keys, (_, row) => row)
  rows.sort((a, b) => keys[b] - keys[a] || a - b)
  return rows.slice(0, size)
}
