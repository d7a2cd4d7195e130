import type { RawRows } from '../preparation/column-values.ts'
import type { TableColumn } from '../table/schema.ts'
import type { Baseline } from './baselines.ts'
import { BOOTSTRAP_DEFAULTS, measureWithIntervals, type Metrics } from './bootstrap.ts'
import { classTable, confusionTable, type ClassRow, type ConfusionTable } from './class-table.ts'
import { binaryCurves, type BinaryCurves } from './curves.ts'
import {
  MAIN_METRIC,
  sampleOf,
  type EvaluatedTask,
  type MetricName,
  type Outcome,
} from './outcome.ts'
import { slicesBy, type Slice } from './slices.ts'
import { valueCurves, type ValueCurves } from './value-curves.ts'

export interface EvaluationRequest {
  readonly outcome: Outcome
  /** Texts of the classes; empty where there are none. */
  readonly classNames: readonly string[]
  /** What the model is compared with, and the rows as they take them. */
  readonly baselines?: readonly Baseline[]
  readonly baselineRows?: Float32Array
  /** The version that serves now; it answers for the rows at hand. */
  readonly live: Baseline | null
  /** Columns by whose values the rows are looked at in parts. */
  readonly slices?: {
    readonly raw: RawRows
    readonly columns: readonly TableColumn[]
    readonly by: readonly string[]
  }
  readonly seed: number
  /** Default 1,000; fewer where there are very many rows. */
  readonly resamples?: number
}

export interface ComparedBaseline {
  readonly name: string
  readonly description: string
  readonly metrics: Metrics<MetricName>
}

/** All that is known of a model's quality on rows that it did not see: plain JSON. */
export interface Evaluation {
  readonly task: EvaluatedTask
  readonly rows: number
  readonly classNames: readonly string[]
  /** Weight of each class; empty where there are none. */
  readonly classRows: readonly number[]
  readonly mainMetric: MetricName
  /** Share of resamples inside the intervals. */
  readonly confidence: number
  readonly metrics: Metrics<MetricName>
  readonly threshold: number | null
  readonly confusion: ConfusionTable | null
  readonly classes: readonly ClassRow[]
  readonly curves: BinaryCurves | null
  readonly values: ValueCurves | null
  readonly baselines: readonly ComparedBaseline[]
  /** The version that serves now, on the same rows; null: none, or one that predicts something else. */
  readonly live: ComparedBaseline | null
  readonly slices: readonly Slice[]
}

/** Compares what was predicted with what happened. Equal requests give equal evaluations. */
export function evaluate(request: EvaluationRequest): Evaluation {
  const { outcome, classNames, seed } = request
  const { task, outputs, labels, weights } = outcome
  const bootstrap = { seed, resamples: request.resamples ?? BOOTSTRAP_DEFAULTS.resamples }
  const valued = task === 'regression' || task === 'count'
  return {
    task,
    rows: outcome.count,
    classNames,
    classRows: classRows(outcome),
    mainMetric: MAIN_METRIC[task].name,
    confidence: BOOTSTRAP_DEFAULTS.confidence,
    metrics: measureWithIntervals(sampleOf(outcome), bootstrap),
    threshold: task === 'binary' ? outcome.threshold : null,
    confusion: confusionTable(outcome, classNames),
    classes: task === 'multiclass' ? classTable(outcome, classNames) : [],
    curves: task === 'binary' ? binaryCurves({ scores: outputs, labels, weights }) : null,
    values: valued ? valueCurves(outputs, labels, seed) : null,
    baselines: (request.baselines ?? []).map((one) => compare(request, one, bootstrap)),
    live: request.live === null ? null : compare(request, request.live, bootstrap),
    slices: request.slices === undefined ? [] : allSlices(outcome, request.slices),
  }
}

function classRows({ labels, weights, classes }: Outcome): number[] {
  const sums = Array.from({ length: classes }, () => 0)
  if (classes > 0)
    labels.forEach((label, row) => (sums[label] += weights === null ? 1 : weights[row]))
  return sums
}

function compare(
  { outcome, baselineRows }: EvaluationRequest,
  baseline: Baseline,
  bootstrap: { readonly seed: number; readonly resamples: number },
): ComparedBaseline {
  const { name, description, threshold } = baseline
  const outputs = baseline.predict(baselineRows ?? new Float32Array(0), outcome.count)
  const metrics = measureWithIntervals(sampleOf({ ...outcome, outputs, threshold }), bootstrap)
  return { name, description, metrics }
}

function allSlices(
  outcome: Outcome,
  { raw, columns, by }: NonNullable<EvaluationRequest['slices']>,
): Slice[] {
  return by.flatMap((name) => {
    const at = columns.findIndex((column) => column.name === name)
    return at < 0 ? [] : slicesBy(outcome, raw, { ...columns[at], at })
  })
}
