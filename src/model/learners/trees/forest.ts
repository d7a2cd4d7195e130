/**
 * Finished trees. They sum to `scores` numbers a row: each leaf holds all of them, or one, and then
 * tree t adds to score t % `scores`.
 */
export interface Forest {
  readonly width: number
  readonly scores: number
  readonly leafSize: number
  /** Of each input, ascending: those that nodes ask for. The last may be +Infinity. */
  readonly cuts: readonly Float32Array[]
  /** Total gain of the splits on each input. */
  readonly gains: Float32Array
  readonly roots: Uint32Array
  /**
   * Two words a node. Of a split: input << 9 | missing values go left << 8 | t, where the left child
   * takes `x <= cuts[t - 1]`; the left child's node, the right one following it. Of a leaf:
   * {@link LEAF_WORD}; its place in `values`.
   */
  readonly nodes: Uint32Array
  /** `leafSize` numbers a leaf. */
  readonly values: Float32Array
}

export const LEAF_WORD = 0xffff_ffff
export const INPUTS_MAX = 2 ** 22

/** Splits between root and leaf, of each tree. */
export function treeDepths({ roots, nodes }: Forest): Uint16Array {
  const depths = new Uint16Array(roots.length)
  const depthOf = new Uint16Array(nodes.length / 2)
  roots.forEach((root, tree) => {
    const end = tree + 1 < roots.length ? roots[tree + 1] : nodes.length / 2
    for (let node = root; node < end; node++) {
      depths[tree] = Math.max(depths[tree], depthOf[node])
      if (nodes[2 * node] === LEAF_WORD) continue
      const child = nodes[2 * node + 1]
      depthOf[child] = depthOf[node] + 1
      depthOf[child + 1] = depthOf[node] + 1
    }
  })
  return depths
}
