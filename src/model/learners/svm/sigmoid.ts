/** Decisions of a machine become probabilities by `1 / (1 + e^(slope × decision + offset))`. */
export interface Sigmoid {
  readonly slope: number
  readonly offset: number
}

export function probability({ slope, offset }: Sigmoid, decision: number): number {
  const score = slope * decision + offset
  return Number.isNaN(score) ? 0.5 : 1 / (1 + Math.exp(score))
}
