import { LEAF_WORD, treeDepths, type Forest } from './forest.ts'
import { codeOf } from './tree-table.ts'

/** Rows scored together: their codes stay in the nearest cache while all trees look at them. */
const BLOCK_ROWS = 256
/** No threshold and no code is above it. */
const CODE_MAX = 255

/**
 * Sums a forest's leaves. A row's values become codes once; from then on a step down a tree is two
 * loads and a subtraction without a branch: `child + (threshold < code)`. A leaf is its own child, so
 * that all rows take as many steps as the tree is deep, four rows at a time.
 *
 * A missing value must go left in some nodes and right in others: each input has two codes, of which
 * one is 0 for a missing value and the other 255, and a node asks for the one it needs.
 */
export class ForestScorer {
  private readonly forest: Forest
  private readonly depths: Uint16Array
  /** Two words a node: code asked for << 8 | threshold; left child, or the leaf itself. */
  private readonly nodes: Int32Array
  /** Of each leaf's node, where its numbers begin. */
  private readonly places: Uint32Array
  private readonly used: Uint32Array
  private readonly codes: Uint8Array
  private readonly sums: Float64Array

  constructor(forest: Forest) {
    this.forest = forest
    this.depths = treeDepths(forest)
    const inputs = forest.cuts.map((_, input) => input)
    this.used = Uint32Array.from(inputs.filter((input) => forest.cuts[input].length > 0))
    const nodeCount = forest.nodes.length / 2
    this.nodes = new Int32Array(2 * nodeCount)
    this.places = new Uint32Array(nodeCount)
    this.layOut()
    this.codes = new Uint8Array(BLOCK_ROWS * Math.max(1, 2 * this.used.length))
    this.sums = new Float64Array(BLOCK_ROWS * forest.scores)
  }

  /** Calls `take` for each block of rows with their sums, `scores` a row, and the block's first row. */
  score(
    rows: Float32Array,
    count: number,
    take: (sums: Float64Array, first: number, size: number) => void,
  ): void {
    const { scores, leafSize, roots } = this.forest
    for (let first = 0; first < count; first += BLOCK_ROWS) {
      const size = Math.min(BLOCK_ROWS, count - first)
      this.encode(rows, first, size)
      this.sums.fill(0, 0, size * scores)
      for (let tree = 0; tree < roots.length; tree++) {
        if (leafSize > 1) this.addLeaves(tree, size)
        else this.addLeaf(tree, size)
      }
      take(this.sums, first, size)
    }
  }

  private layOut(): void {
    const { nodes, leafSize, width } = this.forest
    const columns = new Uint32Array(width)
    this.used.forEach((input, i) => (columns[input] = 2 * i))
    for (let node = 0; node < this.places.length; node++) {
      const word = nodes[2 * node]
      if (word === LEAF_WORD) {
        this.nodes[2 * node] = CODE_MAX
        this.nodes[2 * node + 1] = node
        this.places[node] = nodes[2 * node + 1] * leafSize
      } else {
        const column = columns[word >>> 9] + ((word >>> 8) & 1)
        this.nodes[2 * node] = (column << 8) | (word & 0xff)
        this.nodes[2 * node + 1] = nodes[2 * node + 1]
      }
    }
  }

  /** Column 2i has 255 for a missing value, column 2i + 1 has 0. */
  private encode(rows: Float32Array, first: number, size: number): void {
    const { used, codes, forest } = this
    const { width, cuts } = forest
    const stride = 2 * used.length
    for (let i = 0; i < used.length; i++) {
      const input = used[i]
      const inputCuts = cuts[input]
      let from = first * width + input
      let to = 2 * i
      for (let row = 0; row < size; row++) {
        const code = codeOf(inputCuts, rows[from])
        codes[to] = code === 0 ? CODE_MAX : code
        codes[to + 1] = code
        from += width
        to += stride
      }
    }
  }

  /** One number a leaf. */
  private addLeaf(tree: number, size: number): void {
    const { nodes, codes, places, sums } = this
    const { values, scores } = this.forest
    const root = this.forest.roots[tree]
    const depth = this.depths[tree]
    const stride = 2 * this.used.length
    let at = tree % scores
    let row = 0
    let o = 0
    for (; row + 4 <= size; row += 4) {
      const o1 = o + stride
      const o2 = o1 + stride
      const o3 = o2 + stride
      let a = root
      let b = root
      let c = root
      let d = root
      for (let level = 0; level < depth; level++) {
        const testA = nodes[a << 1]
        const testB = nodes[b << 1]
        const testC = nodes[c << 1]
        const testD = nodes[d << 1]
        a = nodes[(a << 1) + 1] + (((testA & 255) - codes[o + (testA >>> 8)]) >>> 31)
        b = nodes[(b << 1) + 1] + (((testB & 255) - codes[o1 + (testB >>> 8)]) >>> 31)
        c = nodes[(c << 1) + 1] + (((testC & 255) - codes[o2 + (testC >>> 8)]) >>> 31)
        d = nodes[(d << 1) + 1] + (((testD & 255) - codes[o3 + (testD >>> 8)]) >>> 31)
      }
      sums[at] += values[places[a]]
      sums[at + scores] += values[places[b]]
      sums[at + 2 * scores] += values[places[c]]
      sums[at + 3 * scores] += values[places[d]]
      at += 4 * scores
      o = o3 + stride
    }
    for (; row < size; row++) {
      sums[at] += values[places[this.walk(root, depth, o)]]
      at += scores
      o += stride
    }
  }

  /** All scores in each leaf. */
  private addLeaves(tree: number, size: number): void {
    const { places, sums } = this
    const { values, scores } = this.forest
    const root = this.forest.roots[tree]
    const depth = this.depths[tree]
    const stride = 2 * this.used.length
    for (let row = 0; row < size; row++) {
      const place = places[this.walk(root, depth, row * stride)]
      for (let k = 0; k < scores; k++) sums[row * scores + k] += values[place + k]
    }
  }

  private walk(root: number, depth: number, at: number): number {
    const { nodes, codes } = this
    let node = root
    for (let level = 0; level < depth; level++) {
      const test = nodes[node << 1]
      node = nodes[(node << 1) + 1] + (((test & 255) - codes[at + (test >>> 8)]) >>> 31)
    }
    return node
  }
}
