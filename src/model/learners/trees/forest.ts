import { LEAF, type GrowingTrees } from './growing-trees.ts'

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

/** Keeps of the cuts only those that nodes ask for. */
export function finishTrees(
  trees: GrowingTrees,
  cuts: readonly Float32Array[],
  scores: number,
): Forest {
  const { leafSize, length } = trees
  const ranks = rankThresholds(trees, cuts)
  const gains = new Float64Array(cuts.length)
  const nodes = new Uint32Array(2 * length)
  const values: number[] = []
  for (let node = 0; node < length; node++) {
    const input = trees.inputs[node]
    if (input === LEAF) {
      nodes[2 * node] = LEAF_WORD
      nodes[2 * node + 1] = values.length / leafSize
      for (let k = 0; k < leafSize; k++) values.push(trees.values[node * leafSize + k])
      continue
    }
    gains[input] += trees.gains[node]
    const threshold = ranks[input][trees.thresholds[node]]
    nodes[2 * node] = (input << 9) | (trees.missingLeft[node] << 8) | threshold
    nodes[2 * node + 1] = trees.children[node]
  }
  return {
    width: cuts.length,
    scores,
    leafSize,
    cuts: cuts.map((inputCuts, input) => usedCuts(inputCuts, ranks[input])),
    gains: Float32Array.from(gains),
    roots: Uint32Array.from(trees.roots),
    nodes,
    values: Float32Array.from(values),
  }
}

/** Of each input: for each threshold asked for, its place among those, from 1; 0 for others. */
function rankThresholds(trees: GrowingTrees, cuts: readonly Float32Array[]): Uint8Array[] {
  const ranks = cuts.map((inputCuts) => new Uint8Array(inputCuts.length + 2))
  for (let node = 0; node < trees.length; node++) {
    if (trees.inputs[node] !== LEAF) ranks[trees.inputs[node]][trees.thresholds[node]] = 1
  }
  for (const places of ranks) {
    let rank = 0
    for (let i = 0; i < places.length; i++) if (places[i] === 1) places[i] = ++rank
  }
  return ranks
}

/** A threshold after the last cut takes all values, and leaves the missing ones. */
function usedCuts(cuts: Float32Array, ranks: Uint8Array): Float32Array {
  const used: number[] = []
  ranks.forEach((rank, threshold) => {
    if (rank > 0) used.push(threshold <= cuts.length ? cuts[threshold - 1] : Infinity)
  })
  return Float32Array.from(used)
}

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
