import type { Lags } from './arma-polynomials.ts'

const SETTLED = 1e-7

export interface Errors {
  /** One-step errors, and their variances in units of that of the innovations. */
  readonly errors: Float64Array
  readonly variances: Float64Array
}

/**
 * One-step errors of an ARMA process of mean 0 by the innovations algorithm, which gives the exact
 * likelihood: Brockwell, Davis, Time Series: Theory and Methods (1991), 5.2 and 8.7. Not exact, the
 * values and errors before the first count as 0, which is far quicker where the memory is long.
 */
export function oneStepErrors(
  values: Float64Array,
  lags: Lags,
  { exact }: { readonly exact: boolean },
): Errors {
  const { ar, ma } = lags
  const memory = Math.max(ar.length, ma.length)
  const innovations = exact ? new Innovations(lags) : null
  const [arLags, maLags] = [nonZero(ar), nonZero(ma)]
  const errors = new Float64Array(values.length)
  const variances = new Float64Array(values.length).fill(1)
  for (let t = 0; t < values.length; t++) {
    const row = innovations === null ? null : innovations.step(t, variances)
    let expected = 0
    if (t >= memory || innovations === null) {
      for (const lag of arLags) if (lag < t) expected += ar[lag] * values[t - 1 - lag]
    }
    if (row === null)
      for (const lag of maLags) if (lag < t) expected += ma[lag] * errors[t - 1 - lag]
    if (row !== null) for (let j = 0; j < row.length; j++) expected += row[j] * errors[t - 1 - j]
    errors[t] = values[t] - expected
  }
  return { errors, variances }
}

/** Variance of the innovations at which the values are likeliest, and -2 log of that likelihood. */
export function likelihood({ errors, variances }: Errors) {
  let squares = 0
  let logs = 0
  errors.forEach((error, t) => {
    squares += (error * error) / variances[t]
    logs += Math.log(variances[t])
  })
  const count = errors.length
  const variance = squares / count
  return { variance, deviance: count * (Math.log(2 * Math.PI * variance) + 1) + logs }
}

function nonZero(values: Float64Array): number[] {
  return [...values.keys()].filter((i) => values[i] !== 0)
}

/** The factors of the latest errors in the expected value of each step, until they no longer change. */
class Innovations {
  /** With its leading 1. */
  private readonly ma: Float64Array
  private readonly memory: number
  /** Covariances by how far steps are apart: both within the memory, one of them, none. */
  private readonly early: Float64Array
  private readonly between: Float64Array
  private readonly late: Float64Array
  private readonly rows: Float64Array[] = []
  private settled = false

  constructor({ ar, ma }: Lags) {
    this.ma = Float64Array.of(1, ...ma)
    this.memory = Math.max(ar.length, ma.length)
    this.early = autocovariances(ar, this.ma, 2 * this.memory + 1)
    this.between = crossCovariances(ar, this.early)
    this.late = averageCovariances(this.ma)
  }

  /** Of step `t`, the latest error first; sets its variance. Null: those of the process itself. */
  step(t: number, variances: Float64Array): Float64Array | null {
    if (this.settled) return null
    const { rows, memory, ma } = this
    const length = t < memory ? t : Math.min(t, ma.length - 1)
    const row = new Float64Array(length)
    for (let k = t - length; k < t; k++) {
      let sum = this.covariance(t + 1, k + 1)
      const earlier = rows[k]
      const from = Math.max(t - length, k - earlier.length)
      for (let j = from; j < k; j++) sum -= earlier[k - 1 - j] * row[t - 1 - j] * variances[j]
      row[t - 1 - k] = sum / variances[k]
    }
    let variance = this.covariance(t + 1, t + 1)
    for (let j = t - length; j < t; j++) variance -= row[t - 1 - j] ** 2 * variances[j]
    variances[t] = Math.max(Number.EPSILON, variance)
    rows.push(row)
    this.settled = t > memory && this.isSettled(row, variances[t])
    return row
  }

  private isSettled(row: Float64Array, variance: number): boolean {
    if (Math.abs(variance - 1) > SETTLED || row.length < this.ma.length - 1) return false
    return row.every((factor, j) => Math.abs(factor - this.ma[j + 1]) < SETTLED)
  }

  /** Of the transformed process (formula 8.7.2); steps count from 1. */
  private covariance(i: number, j: number): number {
    const { memory, early, between, late } = this
    const [low, high] = i < j ? [i, j] : [j, i]
    const apart = high - low
    if (high <= memory) return early[apart]
    if (low > memory) return late[apart] ?? 0
    return high > 2 * memory ? 0 : between[apart]
  }
}

/** Of the moving average alone. */
function averageCovariances(ma: Float64Array): Float64Array {
  return ma.map((_, apart) => {
    let sum = 0
    for (let r = 0; r + apart < ma.length; r++) sum += ma[r] * ma[r + apart]
    return sum
  })
}

/** Of the process with its moving average. */
function crossCovariances(ar: Float64Array, covariances: Float64Array): Float64Array {
  return covariances.map((own, apart) => {
    let sum = own
    for (let r = 1; r <= ar.length; r++) sum -= ar[r - 1] * covariances[Math.abs(r - apart)]
    return sum
  })
}

/** Of lags 0 to `count - 1`, in units of the variance of the innovations (method 1 of 3.3). */
function autocovariances(ar: Float64Array, ma: Float64Array, count: number): Float64Array {
  const p = ar.length
  const right = rightSides(ar, ma)
  const size = p + 1
  const matrix = new Float64Array(size * (size + 1))
  for (let k = 0; k < size; k++) {
    matrix[k * (size + 1) + k] += 1
    for (let i = 1; i <= p; i++) matrix[k * (size + 1) + Math.abs(k - i)] -= ar[i - 1]
    matrix[k * (size + 1) + size] = right[k] ?? 0
  }
  const covariances = new Float64Array(Math.max(count, size))
  covariances.set(solve(matrix, size))
  for (let k = size; k < covariances.length; k++) {
    covariances[k] = right[k] ?? 0
    for (let i = 1; i <= p; i++) covariances[k] += ar[i - 1] * covariances[k - i]
  }
  return covariances
}

/** `Σ ma[j] psi[j - k]` for each lag `k`. */
function rightSides(ar: Float64Array, ma: Float64Array): Float64Array {
  const psi = ma.slice()
  for (let j = 1; j < psi.length; j++) {
    for (let i = 1; i <= Math.min(j, ar.length); i++) psi[j] += ar[i - 1] * psi[j - i]
  }
  return ma.map((_, k) => {
    let sum = 0
    for (let j = k; j < ma.length; j++) sum += ma[j] * psi[j - k]
    return sum
  })
}

/** Gaussian elimination with pivots, of rows of `size` factors and a right side. */
function solve(matrix: Float64Array, size: number): Float64Array {
  const width = size + 1
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(matrix[row * width + column]) > Math.abs(matrix[pivot * width + column]))
        pivot = row
    }
    for (let k = column; k < width; k++) {
      const kept = matrix[pivot * width + k]
      matrix[pivot * width + k] = matrix[column * width + k]
      matrix[column * width + k] = kept
    }
    for (let row = column + 1; row < size; row++) {
      const factor = matrix[row * width + column] / matrix[column * width + column]
      if (factor === 0) continue
      for (let k = column; k < width; k++)
        matrix[row * width + k] -= factor * matrix[column * width + k]
    }
  }
  const solution = new Float64Array(size)
  for (let row = size - 1; row >= 0; row--) {
    let sum = matrix[row * width + size]
    for (let k = row + 1; k < size; k++) sum -= matrix[row * width + k] * solution[k]
    solution[row] = sum / matrix[row * width + row]
  }
  return solution
}
