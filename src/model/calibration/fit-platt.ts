import { fitPlattLine, plattTargets } from './platt-scaling.ts'
import { logit, type CalibrationRows } from './scores.ts'
import type { PlattCurve } from './platt.ts'

const GRADIENT_MIN = 1e-8

/**
 * Platt's sigmoid over the scores' log odds; see {@link fitPlattLine}. Where scores go against the
 * labels the slope is 0 and all get the share of positives, so that order is never turned round.
 */
export function fitPlatt({ scores, labels, weights: given }: CalibrationRows): PlattCurve {
  const weights = Float64Array.from(scores, (_, i) => (given === null ? 1 : given[i]))
  let positives = 0
  let total = 0
  for (let i = 0; i < scores.length; i++) {
    total += weights[i]
    if (labels[i] === 1) positives += weights[i]
  }
  const { yes, no } = plattTargets(positives, total - positives)
  const rows = {
    scores: Float64Array.from(scores, logit),
    targets: Float64Array.from(labels, (label) => (label === 1 ? yes : no)),
    weights,
  }
  const start = { slope: 1, intercept: 0 }
  const line = fitPlattLine(rows, { start, gradientMin: GRADIENT_MIN })
  if (line.slope > 0) return { kind: 'platt', ...line }
  const meanTarget = (positives * yes + (total - positives) * no) / total
  return { kind: 'platt', slope: 0, intercept: logit(meanTarget) }
}
