import { logit } from './scores.ts'

/** p = 1 / (1 + exp(−(slope · logit(score) + intercept))), slope ≥ 0. */
export interface PlattCurve {
  readonly kind: 'platt'
  readonly slope: number
  readonly intercept: number
}

export function applyPlatt({ slope, intercept }: PlattCurve, score: number): number {
  return sigmoid(slope * logit(score) + intercept)
}

/** `1 / (1 + e^−z)`, without overflow. */
export function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z))
}
