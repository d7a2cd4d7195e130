import { sigmoid } from './platt.ts'

/** Scores with what they are to become: sigmoid(slope · score + intercept) near the targets. */
export interface PlattRows {
  readonly scores: Float64Array
  /** Probabilities, as {@link plattTargets} moves 0 and 1 in. */
  readonly targets: Float64Array
  readonly weights: Float64Array
}

export interface PlattLine {
  readonly slope: number
  readonly intercept: number
}

const ROUNDS_MAX = 100
const HALVINGS_MAX = 40
const RIDGE = 1e-12

interface Point {
  readonly at: PlattLine
  readonly loss: number
}

interface Step extends PlattLine {
  /** Of the loss along the step; below 0. */
  readonly descent: number
}

/**
 * The line of Platt's sigmoid (Platt, Probabilistic Outputs for Support Vector Machines, 1999) with
 * the least cross-entropy to the targets, by the Newton method with backtracking of Lin, Lin and Weng
 * (A Note on Platt's Probabilistic Outputs, Machine Learning 68, 2007).
 * @param gradientMin both parts of the gradient are below it at the end, unless no step helps
 */
export function fitPlattLine(
  rows: PlattRows,
  { start, gradientMin }: { readonly start: PlattLine; readonly gradientMin: number },
): PlattLine {
  let point: Point = { at: start, loss: lossOf(rows, start) }
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const step = newtonStep(rows, point.at, gradientMin)
    const next = step === null ? null : backtrack(rows, point, step)
    if (next === null) break
    point = next
  }
  return point.at
}

/**
 * What positive and negative rows are moved to, so that none is certain: Bayes' estimate with one row
 * more of either kind.
 */
export function plattTargets(
  positives: number,
  negatives: number,
): { readonly yes: number; readonly no: number } {
  return { yes: (positives + 1) / (positives + 2), no: 1 / (negatives + 2) }
}

/** Cross-entropy to the targets, in the form that does not overflow. */
function lossOf({ scores, targets, weights }: PlattRows, { slope, intercept }: PlattLine): number {
  let sum = 0
  for (let i = 0; i < scores.length; i++) {
    const z = slope * scores[i] + intercept
    const softplus = z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z))
    sum += weights[i] * (softplus - targets[i] * z)
  }
  return sum
}

/** Null where the gradient is as good as 0. */
function newtonStep(
  { scores, targets, weights }: PlattRows,
  { slope, intercept }: PlattLine,
  gradientMin: number,
): Step | null {
  let [h11, h22, h12, g1, g2] = [RIDGE, RIDGE, 0, 0, 0]
  for (let i = 0; i < scores.length; i++) {
    const p = sigmoid(slope * scores[i] + intercept)
    const off = weights[i] * (p - targets[i])
    const bend = weights[i] * p * (1 - p)
    g1 += off * scores[i]
    g2 += off
    h11 += bend * scores[i] * scores[i]
    h22 += bend
    h12 += bend * scores[i]
  }
  if (Math.abs(g1) < gradientMin && Math.abs(g2) < gradientMin) return null
  const determinant = h11 * h22 - h12 * h12
  if (!(determinant > 0)) return null
  const along = -(h22 * g1 - h12 * g2) / determinant
  const up = -(h11 * g2 - h12 * g1) / determinant
  return { slope: along, intercept: up, descent: g1 * along + g2 * up }
}

/** Halves the step until the loss falls enough; null where it never does. */
function backtrack(rows: PlattRows, from: Point, step: Step): Point | null {
  let size = 1
  for (let halving = 0; halving < HALVINGS_MAX; halving++) {
    const at = {
      slope: from.at.slope + size * step.slope,
      intercept: from.at.intercept + size * step.intercept,
    }
    const loss = lossOf(rows, at)
    if (loss < from.loss + 1e-4 * size * step.descent) return { at, loss }
    size /= 2
  }
  return null
}
