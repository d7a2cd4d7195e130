import { layOut, type TreeLayout } from './forest-layouts.ts'
import type { Forest } from './forest.ts'
import { codeOf, padCuts } from './cut-codes.ts'

/** Rows scored together: their codes stay in the nearest cache while all trees look at them. */
const BLOCK_ROWS = 1_024
const CODE_MAX = 255

/**
 * Sums a forest's leaves. A row's values become codes once; from then on a step down a tree compares
 * whole numbers, without a branch.
 *
 * A missing value must go left in some nodes and right in others: each input has two codes, of which
 * one is 0 for a missing value and the other 255, and a node asks for the one it needs.
 */
export class ForestScorer {
  private readonly forest: Forest
  private readonly layout: TreeLayout
  /** Inputs that nodes ask for. */
  private readonly used: Uint32Array
  private readonly cuts: readonly Float32Array[]
  private readonly codes: Uint8Array
  private readonly sums: Float64Array

  constructor(forest: Forest) {
    this.forest = forest
    const inputs = forest.cuts.map((_, input) => input)
    this.used = Uint32Array.from(inputs.filter((input) => forest.cuts[input].length > 0))
    this.cuts = Array.from(this.used, (input) => padCuts(forest.cuts[input]))
    const columns = new Uint32Array(forest.width)
    this.used.forEach((input, i) => (columns[input] = 2 * i))
    this.layout = layOut(forest, columns)
    this.codes = new Uint8Array(BLOCK_ROWS * Math.max(1, 2 * this.used.length))
    this.sums = new Float64Array(BLOCK_ROWS * forest.scores)
  }

  /** Calls `take` for each block of rows with their sums, `scores` a row, and the block's first row. */
  score(
    rows: Float32Array,
    count: number,
    take: (sums: Float64Array, first: number, size: number) => void,
  ): void {
    const { codes, sums, layout, forest } = this
    const stride = 2 * this.used.length
    for (let first = 0; first < count; first += BLOCK_ROWS) {
      const size = Math.min(BLOCK_ROWS, count - first)
      this.encode(rows, first, size)
      sums.fill(0, 0, size * forest.scores)
      const block = { codes, stride, size, sums }
      for (let tree = 0; tree < forest.roots.length; tree++) layout.add(tree, block)
      take(sums, first, size)
    }
  }

  /** Column 2i has 255 for a missing value, column 2i + 1 has 0. */
  private encode(rows: Float32Array, first: number, size: number): void {
    const { used, codes, cuts } = this
    const { width } = this.forest
    const stride = 2 * used.length
    for (let i = 0; i < used.length; i++) {
      const padded = cuts[i]
      let from = first * width + used[i]
      let to = 2 * i
      for (let row = 0; row < size; row++) {
        const code = codeOf(padded, rows[from])
        codes[to] = code === 0 ? CODE_MAX : code
        codes[to + 1] = code
        from += width
        to += stride
      }
    }
  }
}
