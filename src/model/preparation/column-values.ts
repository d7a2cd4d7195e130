/** Raw rows to fit on; missing values are NaN. */
export interface RawRows {
  readonly width: number
  readonly count: number
  /** `count × width`, row by row. */
  readonly rows: Float32Array
}

/** Values of a column that quantiles are taken of, at most; more are passed over evenly. */
const SAMPLE_MAX = 200_000

/** Finite values of a column in ascending order: all, or an even sample of many. */
export function sortedValues({ rows, width, count }: RawRows, column: number): Float32Array {
  const step = Math.ceil(count / SAMPLE_MAX)
  const values = new Float32Array(Math.ceil(count / step))
  let kept = 0
  for (let row = 0; row < count; row += step) {
    const x = rows[row * width + column]
    if (x - x === 0) values[kept++] = x
  }
  return values.subarray(0, kept).sort()
}

/** The value below which a share of sorted values lies, between two where it falls so. */
export function quantile(sorted: Float32Array, share: number): number {
  const at = share * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.min(sorted.length - 1, below + 1)
  return sorted[below] + (at - below) * (sorted[above] - sorted[below])
}

/** Rows of each code from 0 to `codes` − 1; the last place has the missing ones. */
export function codeCounts(raw: RawRows, column: number, codes: number): Float64Array {
  const counts = new Float64Array(codes + 1)
  for (let row = 0; row < raw.count; row++) {
    counts[codeAt(raw.rows[row * raw.width + column], codes)]++
  }
  return counts
}

/** A raw value as a code; `codes` where it is missing or none. */
export function codeAt(value: number, codes: number): number {
  return value >= 0 && value < codes ? Math.floor(value) : codes
}
