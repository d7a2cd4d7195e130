import type { Random } from '../../random.ts'
import { nearestCentre } from './centres.ts'
import { WeightedDraw } from '../draw-rows.ts'
import { squaredDistance } from '../row-values.ts'

export interface Points {
  readonly width: number
  readonly count: number
  /** `count × width`, finite */
  readonly values: Float64Array
  /** Of each row; null: all 1. */
  readonly weights: Float32Array | null
}

export interface Clustering {
  readonly centres: Float64Array
  readonly clusterOf: Uint32Array
  /** Weighted sum of squared distances to the nearest centres. */
  readonly inertia: number
}

/** Arthur, Vassilvitskii, k-means++ (2007): rows far from the centres so far are likelier chosen. */
export function seedCentres(points: Points, clusters: number, random: Random): Float64Array {
  const { width, count, values, weights } = points
  const centres = new Float64Array(clusters * width)
  const nearest = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  let row = new WeightedDraw(count, weights).draw(random)
  for (let cluster = 0; cluster < clusters; cluster++) {
    centres.set(values.subarray(row * width, (row + 1) * width), cluster * width)
    const centre = centres.subarray(cluster * width, (cluster + 1) * width)
    for (let i = 0; i < count; i++) {
      nearest[i] = Math.min(nearest[i], squaredDistance(centre, values, i * width))
    }
    const chances = nearest.map((squared, i) => squared * (weights?.[i] ?? 1))
    row = new WeightedDraw(count, chances).draw(random)
  }
  return centres
}

/** One round of Lloyd's algorithm: rows to their nearest centres, of which new centres are made. */
export function improve(points: Points, centres: Float64Array): Clustering {
  const { width, count, values, weights } = points
  const clusters = centres.length / width
  const sums = new Float64Array(centres.length)
  const sizes = new Float64Array(clusters)
  const clusterOf = new Uint32Array(count)
  const distances = new Float64Array(count)
  let inertia = 0
  for (let i = 0; i < count; i++) {
    const row = values.subarray(i * width, (i + 1) * width)
    const { cluster, squared } = nearestCentre(row, centres, clusters)
    const weight = weights?.[i] ?? 1
    clusterOf[i] = cluster
    distances[i] = squared
    inertia += weight * squared
    sizes[cluster] += weight
    for (let j = 0; j < width; j++) sums[cluster * width + j] += weight * row[j]
  }
  for (let cluster = 0; cluster < clusters; cluster++) {
    const at = cluster * width
    if (sizes[cluster] > 0) for (let j = 0; j < width; j++) sums[at + j] /= sizes[cluster]
    else sums.set(takeFarthest(points, distances), at)
  }
  return { centres: sums, clusterOf, inertia }
}

/** An empty cluster starts again where the clustering is worst. */
function takeFarthest({ width, values }: Points, distances: Float64Array): Float64Array {
  let farthest = 0
  for (let i = 1; i < distances.length; i++) {
    if (distances[i] > distances[farthest]) farthest = i
  }
  distances[farthest] = 0
  return values.subarray(farthest * width, (farthest + 1) * width)
}
