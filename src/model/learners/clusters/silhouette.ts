import { Random } from '../../random.ts'
import { drawRows } from '../draw-rows.ts'
import { readRow, squaredDistance } from '../row-values.ts'

/** All distances between so many rows are looked at. */
const ROWS_MAX = 1_000

/**
 * Mean silhouette (Rousseeuw 1987) of the rows, or of {@link ROWS_MAX} drawn from them: -1 (in the wrong
 * cluster) to 1 (clusters far apart); null where there are fewer than two clusters.
 */
export function silhouette(
  { rows, width }: { readonly rows: Float32Array; readonly width: number },
  clusterOf: Uint32Array,
  seed: number,
): number | null {
  const chosen = drawRows(clusterOf.length, ROWS_MAX, new Random(seed))
  const sizes = new Map<number, number>()
  for (const row of chosen) sizes.set(clusterOf[row], (sizes.get(clusterOf[row]) ?? 0) + 1)
  if (sizes.size < 2) return null
  const clusters = Math.max(...sizes.keys()) + 1
  const x = new Float64Array(width)
  let total = 0
  for (const row of chosen) {
    readRow(rows, row * width, x)
    const sums = new Float64Array(clusters)
    for (const other of chosen) {
      sums[clusterOf[other]] += Math.sqrt(squaredDistance(x, rows, other * width))
    }
    total += silhouetteOf(clusterOf[row], sums, sizes)
  }
  return total / chosen.length
}

function silhouetteOf(own: number, sums: Float64Array, sizes: Map<number, number>): number {
  const others = (sizes.get(own) ?? 0) - 1
  if (others === 0) return 0
  const within = sums[own] / others
  let nearest = Number.POSITIVE_INFINITY
  for (const [cluster, size] of sizes) {
    if (cluster !== own) nearest = Math.min(nearest, sums[cluster] / size)
  }
  const larger = Math.max(within, nearest)
  return larger === 0 ? 0 : (nearest - within) / larger
}
