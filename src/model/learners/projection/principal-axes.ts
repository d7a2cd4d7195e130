import { readRow } from '../row-values.ts'

export interface Cloud {
  readonly width: number
  readonly count: number
  readonly rows: Float32Array
  /** Of each row; null: all 1. */
  readonly weights: Float32Array | null
}

export interface Axes {
  readonly mean: Float64Array
  /** Of all axes, from the largest. */
  readonly variances: Float64Array
  /** `axes × width`, each of length 1, its largest part positive. */
  readonly axes: Float64Array
  /** Sum of the inputs' variances. */
  readonly variance: number
}

/**
 * The first `most` principal axes: eigenvectors of the covariance (Pearson 1901, Hotelling 1933). Asks
 * `goOn` with the number of rows read; stopped, those are all.
 */
export async function findAxes(
  cloud: Cloud,
  most: number,
  goOn: (rows: number) => Promise<boolean>,
): Promise<Axes> {
  const { EigenvalueDecomposition, Matrix } = await import('ml-matrix')
  const { width } = cloud
  const { mean, covariance } = await momentsOf(cloud, goOn)
  const matrix = Matrix.from1DArray(width, width, covariance)
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  })
  const order = realEigenvalues.map((_, i) => i)
  order.sort((a, b) => realEigenvalues[b] - realEigenvalues[a] || a - b)
  order.length = Math.min(most, width)
  const axes = new Float64Array(order.length * width)
  order.forEach((column, i) =>
    axes.set(towardsPositive(eigenvectorMatrix.getColumn(column)), i * width),
  )
  const variances = Float64Array.from(order, (column) => Math.max(0, realEigenvalues[column]))
  return { mean, variances, axes, variance: matrix.trace() }
}

/** Coordinates of a row on the axes. */
export function project(
  row: Float64Array,
  { mean, axes }: Pick<Axes, 'mean' | 'axes'>,
  place: { readonly out: Float32Array | Float64Array; readonly at: number },
): void {
  const width = row.length
  for (let axis = 0; axis * width < axes.length; axis++) {
    let sum = 0
    for (let i = 0; i < width; i++) sum += (row[i] - mean[i]) * axes[axis * width + i]
    place.out[place.at + axis] = sum
  }
}

/** In one pass: Welford (1962). */
async function momentsOf(
  { width, count, rows, weights }: Cloud,
  goOn: (rows: number) => Promise<boolean>,
) {
  const mean = new Float64Array(width)
  const covariance = new Float64Array(width * width)
  const row = new Float64Array(width)
  let total = 0
  for (let i = 0; i < count; i++) {
    const weight = weights?.[i] ?? 1
    readRow(rows, i * width, row)
    for (let j = 0; j < width; j++) row[j] -= mean[j]
    addProducts(row, (weight * total) / (total + weight), covariance)
    total += weight
    for (let j = 0; j < width; j++) mean[j] += (weight * row[j]) / total
    if (!(await goOn(i + 1))) break
  }
  const degrees = weights === null ? Math.max(1, total - 1) : total
  for (let j = 0; j < width; j++) {
    for (let k = 0; k <= j; k++) {
      covariance[j * width + k] /= degrees
      covariance[k * width + j] = covariance[j * width + k]
    }
  }
  return { mean, covariance }
}

/** To the lower triangle. */
function addProducts(row: Float64Array, weight: number, covariance: Float64Array): void {
  const width = row.length
  for (let j = 0; j < width; j++) {
    const scaled = weight * row[j]
    for (let k = 0; k <= j; k++) covariance[j * width + k] += scaled * row[k]
  }
}

/** Which way an axis points is arbitrary; this makes it the same everywhere. */
function towardsPositive(axis: readonly number[]): readonly number[] {
  let largest = 0
  for (let i = 1; i < axis.length; i++) {
    if (Math.abs(axis[i]) > Math.abs(axis[largest]) + 1e-9) largest = i
  }
  return axis[largest] < 0 ? axis.map((part) => -part) : axis
}
