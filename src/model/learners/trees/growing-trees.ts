import { MISSING } from './cut-codes.ts'
import type { TreeTable } from './tree-table.ts'
import type { SplitChoice } from './tree-split.ts'

export const LEAF = -1

/**
 * Trees while they are grown, one after the other in flat arrays. A node's children lie side by side,
 * after it; nodes of a tree lie together, its root first.
 */
export class GrowingTrees {
  readonly roots: number[] = []
  /** Numbers in a leaf. */
  readonly leafSize: number
  length = 0
  /** What the node asks for, or {@link LEAF}. */
  inputs: Int32Array<ArrayBuffer> = new Int32Array(NODES_START)
  /** Codes up to this go left. */
  thresholds = new Uint8Array(NODES_START)
  missingLeft = new Uint8Array(NODES_START)
  /** The left child; the right one is the next node. */
  children = new Uint32Array(NODES_START)
  gains = new Float32Array(NODES_START)
  values: Float32Array<ArrayBuffer>

  constructor(leafSize: number) {
    this.leafSize = leafSize
    this.values = new Float32Array(NODES_START * leafSize)
  }

  /** @returns the root's node */
  begin(): number {
    this.roots.push(this.length)
    return this.add()
  }

  /** @returns the left child */
  split(node: number, split: SplitChoice): number {
    const left = this.add()
    this.add()
    this.inputs[node] = split.input
    this.thresholds[node] = split.threshold
    this.missingLeft[node] = split.missingLeft ? 1 : 0
    this.gains[node] = split.gain
    this.children[node] = left
    return left
  }

  /** Forgets all trees but the first `count`. */
  truncate(count: number): void {
    if (count >= this.roots.length) return
    this.length = this.roots[count]
    this.roots.length = count
  }

  /** The leaf that a row of a table falls into. */
  leafOf(tree: number, { columns }: TreeTable, row: number): number {
    const { inputs, thresholds, missingLeft, children } = this
    let node = this.roots[tree]
    for (let input = inputs[node]; input !== LEAF; input = inputs[node]) {
      const code = columns[input][row]
      const left = code === MISSING ? missingLeft[node] === 1 : code <= thresholds[node]
      node = left ? children[node] : children[node] + 1
    }
    return node
  }

  private add(): number {
    if (this.length === this.inputs.length) this.grow()
    this.inputs[this.length] = LEAF
    this.gains[this.length] = 0
    return this.length++
  }

  private grow(): void {
    this.inputs = enlarge(this.inputs, new Int32Array(2 * this.inputs.length))
    this.thresholds = enlarge(this.thresholds, new Uint8Array(2 * this.thresholds.length))
    this.missingLeft = enlarge(this.missingLeft, new Uint8Array(2 * this.missingLeft.length))
    this.children = enlarge(this.children, new Uint32Array(2 * this.children.length))
    this.gains = enlarge(this.gains, new Float32Array(2 * this.gains.length))
    this.values = enlarge(this.values, new Float32Array(2 * this.values.length))
  }
}

const NODES_START = 1_024

function enlarge<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
