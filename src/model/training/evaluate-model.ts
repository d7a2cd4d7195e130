import { fitBaselines, type Baseline } from '../evaluation/baselines.ts'
import { evaluate, type Evaluation } from '../evaluation/evaluate.ts'
import type { DataTable } from '../table/read-table.ts'
import { adaptRows } from '../version/adapt-rows.ts'
import type { ModelManifest, SplitFacts } from '../version/manifest.ts'
import { predictMean, type ModelVersion } from '../version/model-version.ts'
import { crossBaselines, rawExamples } from './cross-baselines.ts'
import type { FittedModel } from './fit-model.ts'
import {
  columnImportance,
  inputScores,
  type ColumnImportance,
  type InputScore,
} from './input-scores.ts'
import { outcomeOf } from './outcome-of.ts'
import { takeRows } from './fit-pipeline.ts'
import { sliceRows } from './slice-rows.ts'

/** An evaluation with what the model looks at: what is kept as `evaluation.json`. */
export interface ModelEvaluation extends Evaluation {
  readonly importance: readonly ColumnImportance[]
  readonly inputs: readonly InputScore[]
}

export interface EvaluateModelRequest {
  /** The version that is live now, to compare with; null: none. */
  readonly live: ModelVersion | null
  /** A column that holds the label's last known value: a baseline of values; null: none. */
  readonly lastValue: string | null
  readonly seed: number
  readonly signal?: AbortSignal
}

/**
 * Evaluates a fitted model on the rows that it did not see, beside baselines and the live version on
 * the same rows.
 * @param whole the data with all columns, which the live version may read
 */
export async function evaluateFitted(
  whole: DataTable,
  fitted: FittedModel,
  request: EvaluateModelRequest,
): Promise<ModelEvaluation> {
  const { table, evaluated, predictions, split } = fitted
  const { seed, live } = request
  const outcome = outcomeOf(table, evaluated, {
    outputs: predictions,
    threshold: fitted.threshold,
    task: fitted.task,
  })
  const evaluation = evaluate({
    outcome,
    classNames: classNamesOf(table),
    baselines: baselinesOf(whole, fitted, request.lastValue),
    baselineRows: takeRows(whole, evaluated).rows,
    live: live === null ? null : liveBaseline(whole, fitted, live),
    slices: sliceRows(whole, evaluated),
    seed,
  })
  const importance = await importanceOf(fitted, request)
  return { ...evaluation, importance, inputs: inputScores(table, split.known, seed) }
}

/** Evaluates a version on all rows of a table that is coded as the version reads it. */
export function evaluateVersion(version: ModelVersion, table: DataTable, seed: number): Evaluation {
  const rows = Uint32Array.from({ length: table.count }, (_, row) => row)
  const { threshold, task } = version.manifest
  const outputs = version.predict(table.rows, table.count)
  return evaluate({
    outcome: outcomeOf(table, rows, { outputs, threshold, task }),
    classNames: classNamesOf(table),
    slices: sliceRows(table, rows),
    live: null,
    seed,
  })
}

function classNamesOf({ schema }: DataTable): readonly string[] {
  return schema.label?.classes ?? []
}

/** Of the same rows: cross-validated as the model is, or fitted on the rows before the holdout. */
function baselinesOf(table: DataTable, { split }: FittedModel, last: string | null): Baseline[] {
  const options = last === null ? {} : { lastValue: last }
  if (split.holdout === null) return crossBaselines(table, split.rounds, options)
  return fitBaselines(rawExamples(table, split.known), options)
}

/** Null where the live version predicts something else, or reads columns that are not there. */
function liveBaseline(
  whole: DataTable,
  { evaluated: rows, split }: FittedModel,
  live: ModelVersion,
): Baseline | null {
  const { version, learner, schema, task, threshold } = live.manifest
  const sameClasses = schema.label?.classes.join('\n') === whole.schema.label?.classes.join('\n')
  if (task !== whole.task || !sameClasses) return null
  const raw = takeRows(whole, rows)
  const adapted = adaptRows(
    { columns: whole.columns, rows: raw.rows, count: raw.count },
    schema.columns,
  )
  if (adapted === null) return null
  return {
    name: `live version ${version}`,
    description: `What serves now (${learner}). ${hasSeen(split.facts, live.manifest) ? 'It may have been fitted on some of these rows.' : 'It was fitted on none of these rows.'}`,
    threshold: threshold ?? 0.5,
    predict: () => live.predict(adapted, raw.count),
  }
}

function hasSeen(facts: SplitFacts, { source, split }: ModelManifest): boolean {
  if (facts.kind !== 'time' || split.kind !== 'time' || source.kind !== 'journal') return true
  return split.holdoutFrom > facts.holdoutFrom
}

/**
 * On rows that the model did not see. With folds the model at hand has seen all: its members are
 * fitted once more on the rows outside of the first fold.
 */
async function importanceOf(
  fitted: FittedModel,
  { seed, signal }: EvaluateModelRequest,
): Promise<ColumnImportance[]> {
  if (signal?.aborted === true) return []
  const { table, split, evaluated, calibration, task } = fitted
  const [round] = split.rounds
  const seen = split.holdout === null
  const members = seen ? await fitted.fitOn({ fit: round.fit }) : fitted.members
  const pipelines = members.map(({ pipeline }) => pipeline)
  const importance = await columnImportance(table, {
    task,
    rows: seen ? round.held : evaluated,
    predict: (raw, count, out) => predictMean({ pipelines, calibration }, raw, count, out),
    outputs: pipelines[0].outputs,
    seed,
    signal,
  })
  if (seen) for (const pipeline of pipelines) pipeline.dispose()
  return importance
}
