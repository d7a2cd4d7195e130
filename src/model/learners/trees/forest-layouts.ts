import { LEAF_WORD, treeDepths, type Forest } from './forest.ts'

/** Trees of up to this depth are filled up to perfect ones. */
export const PERFECT_DEPTH_MAX = 8
/** No code is above it: as a threshold it sends all rows left. */
const CODE_MAX = 255

/** Rows as codes, row by row, and what leaves are added to, row by row. */
export interface CodedBlock {
  readonly codes: Uint8Array
  /** Codes a row. */
  readonly stride: number
  readonly size: number
  readonly sums: Float64Array
}

/** Nodes laid out for speed. */
export interface TreeLayout {
  /** Adds a tree's leaves to the sums of a block. */
  add(tree: number, block: CodedBlock): void
}

/** @param columns of each input: where its codes are, that for nodes where missing values go right */
export function layOut(forest: Forest, columns: Uint32Array): TreeLayout {
  const depths = treeDepths(forest)
  const tests = testsOf(forest, columns)
  const flat = depths.every((depth) => depth <= PERFECT_DEPTH_MAX)
  return flat && forest.leafSize === 1
    ? new PerfectTrees(forest, tests, depths)
    : new LinkedTrees(forest, tests, depths)
}

/** Of each node: column << 8 | threshold. */
function testsOf({ nodes }: Forest, columns: Uint32Array): Int32Array {
  return Int32Array.from({ length: nodes.length / 2 }, (_, node) => {
    const word = nodes[2 * node]
    if (word === LEAF_WORD) return CODE_MAX
    return ((columns[word >>> 9] + ((word >>> 8) & 1)) << 8) | (word & 0xff)
  })
}

/**
 * Shallow trees of one number a leaf, as perfect binary trees: the children of node i are 2i + 1 and
 * 2i + 2, so that a step is two loads and no branch. Four rows go down side by side.
 */
class PerfectTrees implements TreeLayout {
  private readonly scores: number
  private readonly depths: Uint16Array
  /** Of each tree: its first test and its first leaf. */
  private readonly starts: Uint32Array
  private readonly tests: Int32Array
  private readonly values: Float32Array

  constructor(forest: Forest, tests: Int32Array, depths: Uint16Array) {
    this.scores = forest.scores
    this.depths = depths
    this.starts = new Uint32Array(depths.length)
    let total = 0
    depths.forEach((depth, tree) => {
      this.starts[tree] = total
      total += 2 ** depth
    })
    this.tests = new Int32Array(total).fill(CODE_MAX)
    this.values = new Float32Array(total)
    depths.forEach((_, tree) => this.fill(forest, tests, tree))
  }

  add(tree: number, { codes, stride, size, sums }: CodedBlock): void {
    const { tests, values, scores } = this
    const depth = this.depths[tree]
    const start = this.starts[tree]
    const leaves = start + 1 - (1 << depth)
    let at = tree % scores
    let row = 0
    let o = 0
    for (; row + 4 <= size; row += 4) {
      const o1 = o + stride
      const o2 = o1 + stride
      const o3 = o2 + stride
      let a = 0
      let b = 0
      let c = 0
      let d = 0
      for (let level = 0; level < depth; level++) {
        const testA = tests[start + a]
        const testB = tests[start + b]
        const testC = tests[start + c]
        const testD = tests[start + d]
        a = 2 * a + 1 + (((testA & 255) - codes[o + (testA >>> 8)]) >>> 31)
        b = 2 * b + 1 + (((testB & 255) - codes[o1 + (testB >>> 8)]) >>> 31)
        c = 2 * c + 1 + (((testC & 255) - codes[o2 + (testC >>> 8)]) >>> 31)
        d = 2 * d + 1 + (((testD & 255) - codes[o3 + (testD >>> 8)]) >>> 31)
      }
      sums[at] += values[leaves + a]
      sums[at + scores] += values[leaves + b]
      sums[at + 2 * scores] += values[leaves + c]
      sums[at + 3 * scores] += values[leaves + d]
      at += 4 * scores
      o = o3 + stride
    }
    for (; row < size; row++) {
      let a = 0
      for (let level = 0; level < depth; level++) {
        const test = tests[start + a]
        a = 2 * a + 1 + (((test & 255) - codes[o + (test >>> 8)]) >>> 31)
      }
      sums[at] += values[leaves + a]
      at += scores
      o += stride
    }
  }

  /** Rows that reach a leaf above the last level go on to the left. */
  private fill(forest: Forest, tests: Int32Array, tree: number): void {
    const start = this.starts[tree]
    const inner = 2 ** this.depths[tree] - 1
    const open: [node: number, place: number][] = [[forest.roots[tree], 0]]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [node, place] = next
      const child = forest.nodes[2 * node + 1]
      if (forest.nodes[2 * node] === LEAF_WORD) {
        let last = place
        while (last < inner) last = 2 * last + 1
        this.values[start + last - inner] = forest.values[child]
      } else {
        this.tests[start + place] = tests[node]
        open.push([child, 2 * place + 1], [child + 1, 2 * place + 2])
      }
    }
  }
}

/**
 * Trees of any depth and size of leaf. A leaf is its own child, so that all rows take as many steps
 * as the tree is deep, without a branch.
 */
class LinkedTrees implements TreeLayout {
  private readonly forest: Forest
  private readonly depths: Uint16Array
  /** Two words a node: test; left child, or the leaf itself. */
  private readonly nodes: Int32Array
  /** Of each leaf's node, where its numbers begin. */
  private readonly places: Uint32Array

  constructor(forest: Forest, tests: Int32Array, depths: Uint16Array) {
    this.forest = forest
    this.depths = depths
    this.nodes = new Int32Array(2 * tests.length)
    this.places = new Uint32Array(tests.length)
    tests.forEach((test, node) => {
      const next = forest.nodes[2 * node + 1]
      const leaf = forest.nodes[2 * node] === LEAF_WORD
      this.nodes[2 * node] = test
      this.nodes[2 * node + 1] = leaf ? node : next
      this.places[node] = leaf ? next * forest.leafSize : 0
    })
  }

  add(tree: number, block: CodedBlock): void {
    const { codes, stride, size } = block
    const { nodes } = this
    const root = this.forest.roots[tree]
    const depth = this.depths[tree]
    let o = 0
    for (let row = 0; row < size; row += 4) {
      const o1 = row + 1 < size ? o + stride : o
      const o2 = row + 2 < size ? o1 + stride : o
      const o3 = row + 3 < size ? o2 + stride : o
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
      this.addLeaf(tree, a, { row, block })
      if (row + 1 < size) this.addLeaf(tree, b, { row: row + 1, block })
      if (row + 2 < size) this.addLeaf(tree, c, { row: row + 2, block })
      if (row + 3 < size) this.addLeaf(tree, d, { row: row + 3, block })
      o = o3 + stride
    }
  }

  private addLeaf(
    tree: number,
    node: number,
    { row, block }: { row: number; block: CodedBlock },
  ): void {
    const { values, scores, leafSize } = this.forest
    const place = this.places[node]
    if (leafSize === 1) {
      block.sums[row * scores + (tree % scores)] += values[place]
      return
    }
    for (let k = 0; k < leafSize; k++) block.sums[row * scores + k] += values[place + k]
  }
}
