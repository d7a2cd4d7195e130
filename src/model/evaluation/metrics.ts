import { measure } from './bootstrap.ts'
import { binarySample, type BinaryMetric } from './binary-sample.ts'
import { valueSample } from './value-sample.ts'

/** The metrics of an evaluation as plain numbers, without intervals; NaN where one has no value. */

export interface BinaryMetrics extends Readonly<Record<BinaryMetric, number>> {
  readonly rows: number
  readonly positives: number
  /** A score of at least it counts as a yes. */
  readonly threshold: number
  readonly meanScore: number
}

export interface ValueMetrics {
  readonly rows: number
  readonly mae: number
  readonly mse: number
  readonly rmse: number
  readonly r2: number
  readonly pearson: number
}

/** `labels` are 0 or 1, `scores` probabilities. */
export function binaryMetrics(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number,
): BinaryMetrics {
  const rows = scores.length
  const measured = measure(
    binarySample({
      scores: Float32Array.from(scores),
      labels: Float32Array.from(labels),
      weights: null,
      threshold,
    }),
  )
  return {
    rows,
    positives: Array.from(labels).reduce((sum, label) => sum + label, 0),
    threshold,
    meanScore: Array.from(scores).reduce((sum, score) => sum + score, 0) / rows,
    ...numbers(measured),
  }
}

export function logLoss(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return binaryMetrics(scores, labels, 0.5).logLoss
}

/** Area under the ROC curve and average precision; equal scores are one step of both curves. */
export function rankingMetrics(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): Pick<BinaryMetrics, 'rocAuc' | 'prAuc' | 'positives'> {
  const { rocAuc, prAuc, positives } = binaryMetrics(scores, labels, 0.5)
  return { rocAuc, prAuc, positives }
}

export function valueMetrics(
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
): ValueMetrics {
  const measured = numbers(
    measure(
      valueSample({
        predicted: Float32Array.from(predicted),
        actual: Float32Array.from(actual),
        weights: null,
      }),
    ),
  )
  const { mae, mse, rmse, r2, pearson } = measured
  return { rows: predicted.length, mae, mse, rmse, r2, pearson }
}

function numbers<K extends string>(metrics: Record<K, number | null>): Record<K, number> {
  const entries = Object.entries<number | null>(metrics)
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? Number.NaN])) as Record<
    K,
    number
  >
}
