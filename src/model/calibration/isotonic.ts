/** Probabilities at rising scores, straight between them and level outside. */
export interface IsotonicCurve {
  readonly kind: 'isotonic'
  readonly scores: readonly number[]
  readonly probabilities: readonly number[]
}

export function applyIsotonic({ scores, probabilities }: IsotonicCurve, score: number): number {
  let low = 0
  let high = scores.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (scores[middle] <= score) low = middle + 1
    else high = middle
  }
  if (low === 0) return probabilities[0]
  if (low === scores.length) return probabilities[low - 1]
  const part = (score - scores[low - 1]) / (scores[low] - scores[low - 1])
  return probabilities[low - 1] + part * (probabilities[low] - probabilities[low - 1])
}
