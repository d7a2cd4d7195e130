import type { Predictor } from '../predictor.ts'
import { readRow, squaredDistance } from '../row-values.ts'

export interface Centres {
  readonly width: number
  readonly clusters: number
  /** `clusters × width` */
  readonly values: Float32Array
}

/** Of each row, the distance to each centre. */
export function distancesTo({ width, clusters, values }: Centres): Predictor['predict'] {
  const row = new Float64Array(width)
  return (rows, count, out) => {
    for (let i = 0; i < count; i++) {
      readRow(rows, i * width, row)
      for (let cluster = 0; cluster < clusters; cluster++) {
        const squared = squaredDistance(row, values, cluster * width)
        out[i * clusters + cluster] = Math.sqrt(squared)
      }
    }
  }
}

/** The centre nearest to a row, the first of equals. */
export function nearestCentre(
  row: Float64Array,
  values: Float32Array | Float64Array,
  clusters: number,
): { readonly cluster: number; readonly squared: number } {
  let cluster = 0
  let squared = Number.POSITIVE_INFINITY
  for (let other = 0; other < clusters; other++) {
    const distance = squaredDistance(row, values, other * row.length)
    if (distance >= squared) continue
    squared = distance
    cluster = other
  }
  return { cluster, squared }
}
