import { prepareExamples } from './frame.ts'
import type { Supervised } from './frame.ts'

const ITERATIONS_MAX = 30
const CHANGE_MIN = 1e-8
const RIDGE = 1

/**
 * A plain logistic regression as a baseline, independent of the learners it is compared with:
 * Newton's method with a small ridge on standardised inputs. Returns probabilities of the test rows.
 */
export function logisticBaseline(given: Supervised): Float32Array {
  const { training, testRows } = prepareExamples(given, 'dense')
  const weights = fitLogistic(training)
  const { width } = training
  return Float32Array.from({ length: given.test.count }, (_, row) => {
    return probability(weights, testRows, row * width)
  })
}

/** The last weight is the intercept. */
function fitLogistic(of: {
  rows: Float32Array
  labels: Float32Array
  count: number
  width: number
}): Float64Array {
  const { rows, labels, count, width } = of
  const size = width + 1
  const weights = new Float64Array(size)
  for (let iteration = 0; iteration < ITERATIONS_MAX; iteration++) {
    const gradient = new Float64Array(size)
    const hessian = Array.from({ length: size }, () => new Float64Array(size))
    for (let row = 0; row < count; row++) {
      const at = row * width
      const p = probability(weights, rows, at)
      const input = (i: number): number => (i === width ? 1 : rows[at + i])
      for (let i = 0; i < size; i++) {
        const x = input(i)
        if (x === 0) continue
        gradient[i] += (labels[row] - p) * x
        const curve = p * (1 - p) * x
        for (let j = 0; j <= i; j++) hessian[i][j] += curve * input(j)
      }
    }
    for (let i = 0; i < width; i++) {
      gradient[i] -= RIDGE * weights[i]
      hessian[i][i] += RIDGE
    }
    const step = solve(hessian, gradient)
    step.forEach((value, i) => (weights[i] += value))
    if (Math.max(...step.map(Math.abs)) < CHANGE_MIN) break
  }
  return weights
}

function probability(weights: Float64Array, rows: Float32Array, at: number): number {
  const width = weights.length - 1
  let sum = weights[width]
  for (let i = 0; i < width; i++) sum += weights[i] * rows[at + i]
  return 1 / (1 + Math.exp(-sum))
}

/** Cholesky's method; the lower half of `matrix` is overwritten. */
function solve(matrix: Float64Array[], right: Float64Array): Float64Array {
  const size = right.length
  const x = Float64Array.from(right)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i][j]
      for (let k = 0; k < j; k++) sum -= matrix[i][k] * matrix[j][k]
      matrix[i][j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / matrix[j][j]
    }
    for (let k = 0; k < i; k++) x[i] -= matrix[i][k] * x[k]
    x[i] /= matrix[i][i]
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] -= matrix[k][i] * x[k]
    x[i] /= matrix[i][i]
  }
  return x
}
