import { GrowingTrees, LEAF } from './growing-trees.ts'
import type { Leaf } from './tree-grower.ts'

/**
 * The smallest subtree of the only tree that is best when each leaf costs `alpha` (Breiman et al.
 * 1984, chapter 3): a split stays where what it and those below it gain exceeds that.
 */
export function pruneTree(
  grown: GrowingTrees,
  leaves: readonly Leaf[],
  alpha: number,
): { tree: GrowingTrees; leaves: Leaf[] } {
  const sums: (Float64Array | undefined)[] = []
  for (const leaf of leaves) sums[leaf.node] = leaf.sums
  const worth = new Float64Array(grown.length)
  for (let node = grown.length - 1; node >= 0; node--) {
    if (grown.inputs[node] === LEAF) continue
    const child = grown.children[node]
    sums[node] = add(sums[child], sums[child + 1])
    worth[node] = Math.max(0, grown.gains[node] - alpha + worth[child] + worth[child + 1])
  }
  const tree = new GrowingTrees(grown.leafSize)
  const kept: Leaf[] = []
  const open: [from: number, to: number][] = [[0, tree.begin()]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [from, to] = next
    if (grown.inputs[from] === LEAF || worth[from] === 0) {
      kept.push({ node: to, start: 0, end: 0, sums: sums[from] ?? new Float64Array(0) })
      continue
    }
    const left = tree.split(to, {
      input: grown.inputs[from],
      threshold: grown.thresholds[from],
      missingLeft: grown.missingLeft[from] === 1,
      gain: grown.gains[from],
    })
    const child = grown.children[from]
    open.push([child + 1, left + 1], [child, left])
  }
  return { tree, leaves: kept }
}

function add(a: Float64Array | undefined, b: Float64Array | undefined): Float64Array | undefined {
  return a?.map((one, i) => one + (b?.[i] ?? 0))
}
