import type { Pace } from '../pace.ts'
import { readRow, squaredDistance } from '../row-values.ts'

export const LINKAGES = ['ward', 'average', 'complete'] as const
export type Linkage = (typeof LINKAGES)[number]

/** Distances are held within this: sums of some thousand still fit into 32 bits. */
const DISTANCE_MAX = 1e34

/** Two clusters, each named by one of its rows, become one at a height. */
export interface Merge {
  readonly first: number
  readonly second: number
  /** Distance of the two: for Ward as SciPy gives it, the root of twice the growth of the inertia. */
  readonly height: number
}

interface State {
  readonly count: number
  readonly linkage: Linkage
  /** Distances of pairs (squared for Ward), the lower triangle row by row. */
  readonly distances: Float32Array
  /** Rows in a cluster; 0: it went into another. */
  readonly sizes: Uint32Array
}

/**
 * All merges, from the lowest, by chains of nearest neighbours: quadratic in time (Murtagh 1983;
 * Müllner, Modern hierarchical, agglomerative clustering algorithms, 2011). Ended early, those so far.
 * The pace counts two for each row.
 */
export async function buildTree(
  given: { readonly rows: Float32Array; readonly width: number; readonly linkage: Linkage },
  pace: Pace,
): Promise<Merge[]> {
  const state = await measure(given, pace)
  const { count, sizes, linkage } = state
  const merges: Merge[] = []
  const chain: number[] = []
  while (merges.length < count - 1 && !pace.stopped) {
    if (chain.length === 0) chain.push(sizes.findIndex((size) => size > 0))
    const top = chain[chain.length - 1]
    const { nearest, distance } = findNearest(state, top, chain[chain.length - 2] ?? -1)
    if (nearest !== chain[chain.length - 2]) {
      chain.push(nearest)
      continue
    }
    chain.length -= 2
    merge(state, nearest, top)
    const height = linkage === 'ward' ? Math.sqrt(distance) : distance
    merges.push({ first: nearest, second: top, height })
    await pace.reached(count + merges.length)
  }
  return merges.sort((a, b) => a.height - b.height)
}

/** The cluster of each row when as many remain as asked for, numbered from the largest. */
export function cutTree(merges: readonly Merge[], count: number, clusters: number): Uint32Array {
  const parents = Uint32Array.from({ length: count }, (_, row) => row)
  const rootOf = (row: number): number => {
    while (parents[row] !== row) {
      parents[row] = parents[parents[row]]
      row = parents[row]
    }
    return row
  }
  for (const { first, second } of merges.slice(0, Math.max(0, count - clusters))) {
    parents[rootOf(first)] = rootOf(second)
  }
  const sizes = new Map<number, number>()
  for (let row = 0; row < count; row++) sizes.set(rootOf(row), (sizes.get(rootOf(row)) ?? 0) + 1)
  const order = [...sizes].sort(([a, sizeA], [b, sizeB]) => sizeB - sizeA || a - b)
  const numbers = new Map(order.map(([root], i) => [root, i]))
  return Uint32Array.from(parents, (_, row) => numbers.get(rootOf(row)) ?? 0)
}

async function measure(
  { rows, width, linkage }: Parameters<typeof buildTree>[0],
  pace: Pace,
): Promise<State> {
  const count = rows.length / width
  const distances = new Float32Array((count * (count - 1)) / 2)
  const row = new Float64Array(width)
  for (let i = 1; i < count && (await pace.reached(i)); i++) {
    readRow(rows, i * width, row)
    for (let j = 0; j < i; j++) {
      const squared = Math.min(DISTANCE_MAX, squaredDistance(row, rows, j * width))
      distances[place(i, j)] = linkage === 'ward' ? squared : Math.sqrt(squared)
    }
  }
  return { count, linkage, distances, sizes: new Uint32Array(count).fill(1) }
}

function place(a: number, b: number): number {
  return a > b ? (a * (a - 1)) / 2 + b : (b * (b - 1)) / 2 + a
}

/** The previous one of the chain wins a tie, or the chain would never end. */
function findNearest({ count, distances, sizes }: State, of: number, previous: number) {
  let nearest = previous
  let distance = previous < 0 ? Number.POSITIVE_INFINITY : distances[place(of, previous)]
  for (let other = 0; other < count; other++) {
    if (sizes[other] === 0 || other === of) continue
    const candidate = distances[place(of, other)]
    if (candidate >= distance) continue
    distance = candidate
    nearest = other
  }
  return { nearest, distance }
}

/** Lance, Williams (1967): distances of the merged cluster from those of its two. */
function merge({ count, linkage, distances, sizes }: State, first: number, second: number): void {
  const [sizeA, sizeB] = [sizes[first], sizes[second]]
  const between = distances[place(first, second)]
  for (let other = 0; other < count; other++) {
    if (sizes[other] === 0 || other === first || other === second) continue
    const a = distances[place(other, first)]
    const b = distances[place(other, second)]
    const size = sizes[other]
    distances[place(other, second)] =
      linkage === 'complete'
        ? Math.max(a, b)
        : linkage === 'average'
          ? (sizeA * a + sizeB * b) / (sizeA + sizeB)
          : ((sizeA + size) * a + (sizeB + size) * b - size * between) / (sizeA + sizeB + size)
  }
  sizes[second] = sizeA + sizeB
  sizes[first] = 0
}
