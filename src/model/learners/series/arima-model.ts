import { likelihood, oneStepErrors } from './arma-likelihood.ts'
import { coefficientsFrom, multiplyOut, withDifferences } from './arma-polynomials.ts'
import type { Coefficients, Lags, Order } from './arma-polynomials.ts'
import { differenceAll } from './differencing.ts'
import { minimise } from './quasi-newton.ts'

/**
 * Models nearer to one that is not stationary or not invertible are not to be trusted: a difference is
 * missing or too many. Of a season it is not: one that never changes is as near to that as can be.
 */
const PARTIAL_MAX = 0.99

export interface ArimaFit {
  readonly order: Order
  readonly coefficients: Coefficients
  /** Mean of the differenced series: with one difference the drift of a step (or a season). */
  readonly mean: number
  readonly variance: number
  readonly deviance: number
  /** Numbers that were fitted, the variance among them. */
  readonly parameters: number
  readonly count: number
  readonly aicc: number
  /** Differenced and without the mean, and their one-step errors. */
  readonly centred: Float64Array
  readonly errors: Float64Array
  readonly converged: boolean
  /** Not too near to one that is not stationary or not invertible. */
  readonly sound: boolean
}

/** Fits the likeliest model of an order. */
export async function fitArima(
  series: Float64Array,
  order: Order,
  { exact, goOn }: { readonly exact: boolean; readonly goOn: () => Promise<boolean> },
): Promise<ArimaFit> {
  const values = differenceAll(series, order)
  const { level, spread } = levelOf(values)
  const size = order.p + order.q + order.seasonalP + order.seasonalQ
  const meanAt = (at: Float64Array) => (order.constant ? level + spread * at[size] : 0)
  const evaluate = (at: Float64Array) => {
    const coefficients = coefficientsFrom(at, order)
    const mean = meanAt(at)
    const centred = values.map((value) => value - mean)
    const found = oneStepErrors(centred, multiplyOut(coefficients, order.period), { exact })
    return { coefficients, mean, centred, errors: found.errors, ...likelihood(found) }
  }
  const start = new Float64Array(size + (order.constant ? 1 : 0)).fill(0.1, 0, size)
  const valueAt = (at: Float64Array) => boundedDeviance(evaluate(at).deviance) / values.length
  const { at, converged } = await minimise(valueAt, start, goOn)
  const best = evaluate(at)
  const deviance = boundedDeviance(best.deviance)
  const parameters = at.length + 1
  const [count, rest] = [values.length, values.length - parameters - 1]
  const penalty = rest > 0 ? (2 * parameters * (parameters + 1)) / rest : Number.MAX_VALUE / 4
  const risky = at.subarray(0, order.p + order.q + order.seasonalP)
  return {
    ...best,
    order,
    deviance,
    parameters,
    count,
    aicc: deviance + 2 * parameters + penalty,
    converged,
    sound: risky.every((free) => Math.abs(Math.tanh(free)) < PARTIAL_MAX),
  }
}

/** Without errors at all the likelihood has no bound. */
function boundedDeviance(deviance: number): number {
  if (Number.isNaN(deviance)) return Number.MAX_VALUE / 4
  return Math.min(Number.MAX_VALUE / 4, Math.max(-1e9, deviance))
}

function levelOf(values: Float64Array) {
  const level = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - level) ** 2, 0) / values.length
  return { level, spread: Math.sqrt(variance) }
}

/** What forecasts are made of: the end of the series, and factors of it. */
export interface Continuation {
  /** The latest values, and errors, the latest last; as many as the factors reach back. */
  readonly values: Float64Array
  readonly errors: Float64Array
  readonly lags: Lags
  /** Added to each step. */
  readonly constant: number
}

export function continuationOf(series: Float64Array, fit: ArimaFit): Continuation {
  const { ar, ma } = multiplyOut(fit.coefficients, fit.order.period)
  const all = withDifferences(ar, fit.order)
  const left = 1 - ar.reduce((sum, factor) => sum + factor, 0)
  return {
    values: series.slice(series.length - all.length),
    errors: lastOf(fit.errors, ma.length),
    lags: { ar: all, ma },
    constant: fit.mean * left,
  }
}

/** Before the first they are 0. */
function lastOf(errors: Float64Array, count: number): Float64Array {
  const last = new Float64Array(count)
  for (let i = 1; i <= Math.min(count, errors.length); i++)
    last[count - i] = errors[errors.length - i]
  return last
}

/** The expected values of the next steps. */
export function forecast(
  { values, errors, lags, constant }: Continuation,
  steps: number,
): Float64Array {
  const { ar, ma } = lags
  const all = new Float64Array(values.length + steps)
  all.set(values)
  for (let step = 0; step < steps; step++) {
    const at = values.length + step
    let expected = constant
    for (let i = 0; i < ar.length; i++) expected += ar[i] * all[at - 1 - i]
    for (let j = step; j < ma.length; j++) expected += ma[j] * errors[errors.length - 1 - j + step]
    all[at] = expected
  }
  return all.slice(values.length)
}

/** Standard error of each of the next steps, as if the model were the truth. */
export function forecastErrors({ ar, ma }: Lags, variance: number, steps: number): number[] {
  const psi = new Float64Array(steps)
  let sum = 0
  return Array.from(psi, (_, step) => {
    psi[step] = step === 0 ? 1 : (ma[step - 1] ?? 0)
    for (let i = 0; i < Math.min(step, ar.length); i++) psi[step] += ar[i] * psi[step - 1 - i]
    sum += psi[step] ** 2
    return Math.sqrt(variance * sum)
  })
}
