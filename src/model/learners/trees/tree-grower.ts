import type { Random } from '../../random.ts'
import type { GrowingTrees } from './growing-trees.ts'
import { HistogramPool } from './histogram-pool.ts'
import { Split, type SplitRules } from './tree-split.ts'
import type { HistogramLayout, Statistic } from './tree-statistic.ts'
import { MISSING } from './cut-codes.ts'
import type { TreeTable } from './tree-table.ts'

export interface GrowthRules extends SplitRules {
  /** Splits between root and leaf at most. */
  readonly depthMax: number
  /** Where it is finite, the leaf that gains most is split next. */
  readonly leavesMax: number
  /** How many inputs, drawn anew, are looked at for each split. */
  readonly inputsPerSplit: number
}

/** What one tree is grown on. */
export interface GrowthTask {
  /** Reordered: afterwards each leaf's rows lie together. */
  readonly rows: Uint32Array<ArrayBuffer>
  /** Inputs that splits may ask for. */
  readonly inputs: Uint32Array
  readonly random: Random
}

/** A leaf of a grown tree: its rows are `rows[start]` to `rows[end - 1]` of the task. */
export interface Leaf {
  readonly node: number
  readonly start: number
  readonly end: number
  readonly sums: Float64Array
}

interface OpenNode extends Leaf {
  readonly depth: number
  histogram: Float64Array<ArrayBuffer> | null
  split: Split | null
}

/** Rows of both children, while a node is divided. */
interface Children {
  readonly left: OpenNode
  readonly right: OpenNode
}

/**
 * Grows trees by histograms (Ke et al. 2017, "LightGBM"): of two children the smaller is summed up,
 * the other is its parent less the smaller. Where a split looks at few of the inputs, histograms are
 * not kept, and only those inputs are summed.
 */
export class TreeGrower {
  private readonly table: TreeTable
  private readonly statistic: Statistic
  private readonly rules: GrowthRules
  /** Of each input: where its part of a histogram begins, and its number of codes. */
  private readonly layout: HistogramLayout
  private readonly codes: Uint16Array
  private readonly pool: HistogramPool | null
  /** Of nodes for which none is kept. */
  private readonly histogram: Float64Array<ArrayBuffer>
  private readonly moved: Uint32Array<ArrayBuffer>

  constructor(table: TreeTable, statistic: Statistic, rules: GrowthRules) {
    this.table = table
    this.statistic = statistic
    this.rules = rules
    this.moved = new Uint32Array(table.count)
    this.codes = Uint16Array.from(table.cuts, (cuts) => cuts.length + 2)
    const bases = new Uint32Array(table.width)
    for (let i = 1; i < table.width; i++) bases[i] = bases[i - 1] + this.codes[i - 1]
    this.layout = { columns: table.columns, bases }
    const total = this.codes.reduce((sum, codes) => sum + codes, 0)
    this.histogram = new Float64Array(total * statistic.channels)
    const kept = 2 * rules.inputsPerSplit > table.width
    this.pool = kept ? new HistogramPool(this.histogram.length) : null
  }

  /** Adds a tree; the values of its leaves are left to the caller. */
  grow(trees: GrowingTrees, task: GrowthTask): Leaf[] {
    const { rules } = this
    const root = this.open(trees.begin(), { start: 0, end: task.rows.length, depth: 0 }, task)
    this.sumUp(root, task)
    this.search(root, task)
    const frontier = [root]
    const leaves: Leaf[] = []
    while (frontier.length > 0) {
      const node = takeNext(frontier, Number.isFinite(rules.leavesMax))
      const full = leaves.length + frontier.length + 2 > rules.leavesMax
      const children = node.split === null || full ? null : this.divide(trees, node, task)
      if (children === null) {
        this.release(node)
        leaves.push(node)
        continue
      }
      this.sumUpChildren(node, children, task)
      for (const child of [children.left, children.right]) this.search(child, task)
      frontier.push(children.right, children.left)
    }
    return leaves
  }

  private open(
    node: number,
    { start, end, depth }: { start: number; end: number; depth: number },
    { rows }: GrowthTask,
  ): OpenNode {
    this.statistic.gather(rows, start, end)
    const sums = this.statistic.total()
    return { node, start, end, depth, sums, histogram: null, split: null }
  }

  private divisible({ depth, sums, start, end }: OpenNode): boolean {
    const { depthMax, weightMin } = this.rules
    return depth < depthMax && end - start > 1 && this.statistic.weight(sums) >= 2 * weightMin
  }

  /** Fills a node's histogram from its rows, if histograms are kept and there is room for one. */
  private sumUp(node: OpenNode, { rows, inputs }: GrowthTask): void {
    if (this.pool === null || !this.divisible(node)) return
    node.histogram = this.pool.take()
    if (node.histogram === null) return
    this.statistic.gather(rows, node.start, node.end)
    this.addRows(node.histogram, inputs)
  }

  /** Fills the parts that some inputs have of a histogram from the gathered rows. */
  private addRows(histogram: Float64Array, inputs: Uint32Array): void {
    const { channels } = this.statistic
    for (const input of inputs) {
      const base = this.layout.bases[input]
      histogram.fill(0, base * channels, (base + this.codes[input]) * channels)
    }
    this.statistic.add(histogram, inputs, this.layout)
  }

  private subtract(from: Float64Array, what: Float64Array, inputs: Uint32Array): void {
    const { channels } = this.statistic
    for (const input of inputs) {
      const start = this.layout.bases[input] * channels
      const end = start + this.codes[input] * channels
      for (let i = start; i < end; i++) from[i] -= what[i]
    }
  }

  private sumUpChildren(parent: OpenNode, { left, right }: Children, task: GrowthTask): void {
    const leftSmaller = left.end - left.start <= right.end - right.start
    const [smaller, larger] = leftSmaller ? [left, right] : [right, left]
    if (parent.histogram === null || !this.divisible(larger)) {
      this.release(parent)
      this.sumUp(smaller, task)
      this.sumUp(larger, task)
      return
    }
    const wanted = this.divisible(smaller)
    const histogram = this.pool?.take() ?? null
    if (histogram === null) {
      this.release(parent)
      this.sumUp(larger, task)
      return
    }
    this.statistic.gather(task.rows, smaller.start, smaller.end)
    this.addRows(histogram, task.inputs)
    this.subtract(parent.histogram, histogram, task.inputs)
    larger.histogram = parent.histogram
    parent.histogram = null
    smaller.histogram = histogram
    if (!wanted) this.release(smaller)
  }

  private release(node: OpenNode): void {
    if (node.histogram === null) return
    this.pool?.give(node.histogram)
    node.histogram = null
  }

  /** Finds the best split of a node, or none. */
  private search(node: OpenNode, task: GrowthTask): void {
    if (!this.divisible(node)) return
    const { statistic, rules, codes } = this
    const looked = drawInputs(task, rules.inputsPerSplit)
    const histogram = node.histogram ?? this.histogram
    if (node.histogram === null) {
      statistic.gather(task.rows, node.start, node.end)
      this.addRows(histogram, looked)
    }
    const best = new Split(rules.gainMin)
    for (const input of looked) {
      const part = { histogram, base: this.layout.bases[input], codes: codes[input], input, rules }
      statistic.scan(part, node.sums, best)
    }
    if (best.input >= 0) node.split = best
  }

  /** Reorders a node's rows, left ones first, both in their order; null where one side is empty. */
  private divide(trees: GrowingTrees, node: OpenNode, task: GrowthTask): Children | null {
    const { split, start, end } = node
    if (split === null) return null
    const { rows } = task
    const { moved } = this
    const column = this.table.columns[split.input]
    const { threshold, missingLeft } = split
    let left = start
    let right = 0
    for (let i = start; i < end; i++) {
      const row = rows[i]
      const code = column[row]
      if (code === MISSING ? missingLeft : code <= threshold) rows[left++] = row
      else moved[right++] = row
    }
    rows.set(moved.subarray(0, right), left)
    if (left === start || right === 0) return null
    const child = trees.split(node.node, split)
    const depth = node.depth + 1
    return {
      left: this.open(child, { start, end: left, depth }, task),
      right: this.open(child + 1, { start: left, end, depth }, task),
    }
  }
}

/** The last node, or the one whose split gains most. */
function takeNext(frontier: OpenNode[], best: boolean): OpenNode {
  let at = frontier.length - 1
  if (best) {
    for (let i = at - 1; i >= 0; i--) {
      if ((frontier[i].split?.gain ?? 0) > (frontier[at].split?.gain ?? 0)) at = i
    }
  }
  return frontier.splice(at, 1)[0]
}

/** Some of the inputs, drawn anew: they come first afterwards. */
function drawInputs({ inputs, random }: GrowthTask, count: number): Uint32Array {
  if (count >= inputs.length) return inputs
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random.next() * (inputs.length - i))
    const drawn = inputs[j]
    inputs[j] = inputs[i]
    inputs[i] = drawn
  }
  return inputs.subarray(0, count)
}
