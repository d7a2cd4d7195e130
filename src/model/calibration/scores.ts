/** Scores that the model was not fitted on, as probabilities, with what happened. */
export interface CalibrationRows {
  readonly scores: Float32Array
  /** 0 or 1. */
  readonly labels: Float32Array
  readonly weights: Float32Array | null
}

const SCORE_MIN = 1e-7

/** Log odds of a score, kept finite; of NaN, 0. */
export function logit(score: number): number {
  if (score !== score) return 0
  const p = Math.min(1 - SCORE_MIN, Math.max(SCORE_MIN, score))
  return Math.log(p / (1 - p))
}

export function takeCalibrationRows(
  { scores, labels, weights }: CalibrationRows,
  rows: Uint32Array,
): CalibrationRows {
  return {
    scores: Float32Array.from(rows, (row) => scores[row]),
    labels: Float32Array.from(rows, (row) => labels[row]),
    weights: weights === null ? null : Float32Array.from(rows, (row) => weights[row]),
  }
}
