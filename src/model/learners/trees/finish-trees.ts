import { LEAF, type GrowingTrees } from './growing-trees.ts'
import { type Forest, LEAF_WORD } from './forest.ts'

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
