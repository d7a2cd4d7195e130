import { binarySample, type BinaryMetric } from './binary-sample.ts'
import { multiclassSample } from './multiclass-sample.ts'
import type { Sample } from './sample.ts'
import { countSample, valueSample, type CountMetric } from './value-sample.ts'

/** Tasks whose predictions are compared with labels, row by row. */
export const EVALUATED_TASKS = ['binary', 'multiclass', 'regression', 'count'] as const
export type EvaluatedTask = (typeof EVALUATED_TASKS)[number]

export type MetricName = BinaryMetric | CountMetric

/** What was predicted for rows and what happened. */
export interface Outcome {
  readonly task: EvaluatedTask
  readonly count: number
  /** `count`, or `count × classes` for `multiclass`. */
  readonly outputs: Float32Array
  readonly labels: Float32Array
  readonly weights: Float32Array | null
  /** Number of classes; 0 where there are none. */
  readonly classes: number
  /** For `binary`: a score of at least it is a yes. */
  readonly threshold: number
}

/** The metric that a person looks at first, and whether more of it is better. */
export const MAIN_METRIC: Readonly<
  Record<EvaluatedTask, { readonly name: MetricName; readonly higherIsBetter: boolean }>
> = {
  binary: { name: 'rocAuc', higherIsBetter: true },
  multiclass: { name: 'accuracy', higherIsBetter: true },
  regression: { name: 'rmse', higherIsBetter: false },
  count: { name: 'poissonDeviance', higherIsBetter: false },
}

export function sampleOf(outcome: Outcome): Sample<MetricName> {
  const { task, outputs, labels, weights, classes, threshold } = outcome
  if (task === 'binary') {
    return binarySample({ scores: outputs, labels, weights, threshold }) as Sample<MetricName>
  }
  if (task === 'multiclass') {
    return multiclassSample({ outputs, labels, weights, classes }) as Sample<MetricName>
  }
  const rows = { predicted: outputs, actual: labels, weights }
  return (task === 'count' ? countSample(rows) : valueSample(rows)) as Sample<MetricName>
}

/** Some of the rows. */
export function takeOutcome(outcome: Outcome, rows: Uint32Array): Outcome {
  const width = outcome.count === 0 ? 1 : outcome.outputs.length / outcome.count
  const outputs = new Float32Array(rows.length * width)
  rows.forEach((row, i) => {
    outputs.set(outcome.outputs.subarray(row * width, (row + 1) * width), i * width)
  })
  const { labels, weights } = outcome
  return {
    ...outcome,
    count: rows.length,
    outputs,
    labels: Float32Array.from(rows, (row) => labels[row]),
    weights: weights === null ? null : Float32Array.from(rows, (row) => weights[row]),
  }
}
