import { fitPlattLine, plattTargets } from '../../platt-scaling.ts'

/** Decisions of a machine become probabilities by `1 / (1 + e^(slope × decision + offset))`. */
export interface Sigmoid {
  readonly slope: number
  readonly offset: number
}

const GRADIENT_MIN = 1e-6

/**
 * Platt's sigmoid over the decisions; see {@link fitPlattLine}. Without a positive or a negative row
 * the targets alone keep the result away from 0 and 1.
 */
export function fitSigmoid(
  decisions: Float64Array,
  positive: ArrayLike<boolean>,
  weights: Float64Array,
): Sigmoid {
  let positives = 0
  let negatives = 0
  weights.forEach((weight, i) => {
    if (positive[i]) positives += weight
    else negatives += weight
  })
  const { yes, no } = plattTargets(positives, negatives)
  const targets = Float64Array.from(decisions, (_, i) => (positive[i] ? yes : no))
  const start = { slope: 0, intercept: Math.log((positives + 1) / (negatives + 1)) }
  const rows = { scores: decisions, targets, weights }
  const { slope, intercept } = fitPlattLine(rows, { start, gradientMin: GRADIENT_MIN })
  return { slope: -slope, offset: -intercept }
}

export function probability({ slope, offset }: Sigmoid, decision: number): number {
  const score = slope * decision + offset
  return Number.isNaN(score) ? 0.5 : 1 / (1 + Math.exp(score))
}
