import { logit, type CalibrationRows } from './scores.ts'

/** p = 1 / (1 + exp(−(slope · logit(score) + intercept))), slope ≥ 0. */
export interface PlattCurve {
  readonly kind: 'platt'
  readonly slope: number
  readonly intercept: number
}

const ROUNDS_MAX = 100
const GRADIENT_MIN = 1e-8
const RIDGE = 1e-12
const HALVINGS_MAX = 40

/**
 * Platt's sigmoid (Platt, Probabilistic Outputs for Support Vector Machines, 1999) over the scores'
 * log odds, with his smoothed targets, by the Newton method with backtracking of Lin, Lin and Weng
 * (A Note on Platt's Probabilistic Outputs, Machine Learning 68, 2007). Where scores go against the
 * labels the slope is 0 and all get the share of positives, so that order is never turned round.
 */
export function fitPlatt(rows: CalibrationRows): PlattCurve {
  const problem = problemOf(rows)
  let at: Line = { slope: 1, intercept: 0 }
  let loss = lossOf(problem, at)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const step = newtonStep(problem, at)
    if (step === null) break
    const next = backtrack(problem, { at, loss }, step)
    if (next === null) break
    at = next.at
    loss = next.loss
  }
  if (at.slope > 0) return { kind: 'platt', ...at }
  return { kind: 'platt', slope: 0, intercept: logit(problem.meanTarget) }
}

export function applyPlatt({ slope, intercept }: PlattCurve, score: number): number {
  return sigmoid(slope * logit(score) + intercept)
}

interface Line {
  readonly slope: number
  readonly intercept: number
}

interface Problem {
  readonly odds: Float64Array
  readonly targets: Float64Array
  readonly weights: Float64Array
  readonly meanTarget: number
}

interface Step {
  readonly slope: number
  readonly intercept: number
  /** Of the loss along the step; below 0. */
  readonly descent: number
}

function problemOf({ scores, labels, weights }: CalibrationRows): Problem {
  const given = Float64Array.from(scores, (_, i) => (weights === null ? 1 : weights[i]))
  let positives = 0
  let total = 0
  for (let i = 0; i < scores.length; i++) {
    total += given[i]
    if (labels[i] === 1) positives += given[i]
  }
  const yes = (positives + 1) / (positives + 2)
  const no = 1 / (total - positives + 2)
  return {
    odds: Float64Array.from(scores, logit),
    targets: Float64Array.from(labels, (label) => (label === 1 ? yes : no)),
    weights: given,
    meanTarget: (positives * yes + (total - positives) * no) / total,
  }
}

/** Cross-entropy to the targets, in the form that does not overflow. */
function lossOf({ odds, targets, weights }: Problem, { slope, intercept }: Line): number {
  let sum = 0
  for (let i = 0; i < odds.length; i++) {
    const z = slope * odds[i] + intercept
    const softplus = z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z))
    sum += weights[i] * (softplus - targets[i] * z)
  }
  return sum
}

/** Null where the gradient is as good as 0. */
function newtonStep({ odds, targets, weights }: Problem, { slope, intercept }: Line): Step | null {
  let [h11, h22, h12, g1, g2] = [RIDGE, RIDGE, 0, 0, 0]
  for (let i = 0; i < odds.length; i++) {
    const p = sigmoid(slope * odds[i] + intercept)
    const off = weights[i] * (p - targets[i])
    const bend = weights[i] * p * (1 - p)
    g1 += off * odds[i]
    g2 += off
    h11 += bend * odds[i] * odds[i]
    h22 += bend
    h12 += bend * odds[i]
  }
  if (Math.abs(g1) < GRADIENT_MIN && Math.abs(g2) < GRADIENT_MIN) return null
  const determinant = h11 * h22 - h12 * h12
  if (!(determinant > 0)) return null
  const along = -(h22 * g1 - h12 * g2) / determinant
  const up = -(h11 * g2 - h12 * g1) / determinant
  return { slope: along, intercept: up, descent: g1 * along + g2 * up }
}

/** Halves the step until the loss falls enough; null where it never does. */
function backtrack(
  problem: Problem,
  from: { readonly at: Line; readonly loss: number },
  step: Step,
): { at: Line; loss: number } | null {
  let size = 1
  for (let halving = 0; halving < HALVINGS_MAX; halving++) {
    const at = {
      slope: from.at.slope + size * step.slope,
      intercept: from.at.intercept + size * step.intercept,
    }
    const loss = lossOf(problem, at)
    if (loss < from.loss + 1e-4 * size * step.descent) return { at, loss }
    size /= 2
  }
  return null
}

function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))
}
