import { basename } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import { fitCalibration, type Calibration } from '../calibration.ts'
import { evaluate, type Evaluation } from '../evaluation/evaluate.ts'
import { bestF1 } from '../evaluation/threshold.ts'
import type { EvaluatedTask, Outcome } from '../evaluation/outcome.ts'
import { findLeaks, refuseLeaks } from '../leaks.ts'
import type { Task } from '../learners/learner.ts'
import { loadLearner } from '../learners/registry.ts'
import type { ModelRegistry } from '../registry.ts'
import { renderReport } from '../report/render.ts'
import { readTable, readTableAs, type DataTable } from '../table/read-table.ts'
import { fitPipeline } from './pipeline.ts'
import { searchModels, type Candidate, type SearchProgress } from './search.ts'
import { saveTableModel, type TableManifest, type TableModel } from './table-model.ts'

/** Tried by cross-validation where no learner is named. */
const DEFAULT_LEARNERS: Readonly<Partial<Record<Task, readonly string[]>>> = {
  binary: ['logistic', 'random_forest', 'boosted_trees', 'network'],
  multiclass: ['logistic', 'random_forest', 'boosted_trees', 'network'],
  regression: ['linear', 'random_forest', 'boosted_trees', 'network'],
  count: ['linear', 'boosted_trees', 'network'],
}
const FOLDS = 5
const TRIALS = 8

export interface TableTrainingRequest {
  readonly name: string
  readonly file: string
  readonly label: string
  /** Null: as the label's values say. */
  readonly task: EvaluatedTask | null
  /** Only these; empty: the usual ones of the task. */
  readonly learners: readonly string[]
  readonly ignore: readonly string[]
  readonly seed: number
  readonly folds?: number
  readonly trials?: number
  readonly signal?: AbortSignal
  readonly progress?: (progress: SearchProgress) => void
}

export interface TableTrainingResult {
  readonly manifest: TableManifest
  readonly evaluation: Evaluation
}

/**
 * Trains on a plain table: reads it, refuses columns that give the label away, chooses learner and
 * settings by cross-validation, calibrates and chooses the threshold on what the folds predicted for
 * rows they were not fitted on, evaluates on the same, fits the choice on all rows, and saves it with
 * its report as a new version.
 * @throws LimnError ERR_TABLE_…, ERR_DATASET_…, ERR_LEARNER_…, ERR_MODEL_DIVERGED, ERR_MODEL_SAVE
 */
export async function trainOnTable(
  registry: ModelRegistry,
  request: TableTrainingRequest,
): Promise<TableTrainingResult> {
  const { file, label, task, ignore, seed, signal } = request
  const table = await readTable(file, {
    label: { name: label, ...(task === null ? {} : { task }) },
    ignore,
  })
  const learned = taskOf(table)
  refuseLeaks(findLeaks({ ...table, width: table.columns.length, task: learned }))
  const names = request.learners.length > 0 ? request.learners : (DEFAULT_LEARNERS[learned] ?? [])
  const learners = await Promise.all(names.map(loadLearner))
  const folds = Math.min(request.folds ?? FOLDS, table.count)
  const tried = await searchModels(table, {
    learners,
    folds,
    trials: request.trials ?? TRIALS,
    seed,
    signal,
    progress: request.progress,
  })
  const [best] = tried
  if (best === undefined) {
    throw new LimnError('ERR_TRAINING_INTERRUPTED', 'interrupted before the first learner was tried')
  }
  const calibration = fitCalibration(outcomeOf(table, best.predictions, 0.5), { seed })
  const predictions = best.predictions.slice()
  calibration.apply(predictions, table.count)
  const threshold = thresholdOf(table, predictions)
  const rows = Uint32Array.from({ length: table.count }, (_, row) => row)
  const { parameters, learner } = best
  const pipeline = await fitPipeline(learner, table, rows, { parameters, seed })
  const evaluation = evaluate(outcomeOf(table, predictions, threshold ?? 0.5), {
    raw: { rows: table.rows, width: table.columns.length, columns: table.columns },
    importance: pipeline.importance(),
    seed,
  })
  const version = {
    model: request.name,
    learner: learner.name,
    parameters,
    task: learned,
    schema: table.schema,
    data: { file: basename(file), rows: table.count, unlabelled: table.unlabelled },
    seed,
    threshold,
    metrics: evaluation.metrics,
    tried: tried.map(shown),
    importance: pipeline.importance(),
  }
  const manifest = await saveTableModel(registry, version, { pipeline, calibration }, {
    'evaluation.json': () => JSON.stringify(evaluation, null, 2),
    'report.html': (made) => renderReport(evaluation, titleOf(made)),
  })
  pipeline.dispose()
  return { manifest, evaluation }
}

/**
 * A version on another table: all metrics, on the rows that have a label.
 * @throws LimnError ERR_TABLE_…
 */
export async function evaluateOnTable(
  model: TableModel,
  { file, label, seed }: { file: string; label: string; seed: number },
): Promise<{ table: DataTable; evaluation: Evaluation }> {
  const { schema, threshold, importance } = model.manifest
  if (schema.label?.name !== label) {
    const message = `the model predicts "${schema.label?.name}", not "${label}"`
    throw new LimnError('ERR_TABLE_LABEL', message)
  }
  const table = await readTableAs(file, schema, { labels: 'needed' })
  const predictions = model.predict(table.rows, table.count)
  const evaluation = evaluate(outcomeOf(table, predictions, threshold ?? 0.5), {
    raw: { rows: table.rows, width: table.columns.length, columns: table.columns },
    importance,
    seed,
  })
  return { table, evaluation }
}

function taskOf({ task }: DataTable): EvaluatedTask {
  if (task === 'binary' || task === 'multiclass' || task === 'regression' || task === 'count') {
    return task
  }
  throw new LimnError('ERR_TABLE_LABEL', `a table is not trained for "${task}"`)
}

function outcomeOf(table: DataTable, outputs: Float32Array, threshold: number): Outcome {
  const { count, labels, classes } = table
  return { task: taskOf(table), count, outputs, labels, classes, weights: null, threshold }
}

/** Where F1 is highest. */
function thresholdOf(table: DataTable, scores: Float32Array): number | null {
  if (table.task !== 'binary') return null
  return bestF1({ scores, labels: table.labels, weights: null }).threshold
}

function shown({ learner, parameters, loss, seconds }: Candidate): TableManifest['tried'][number] {
  return { learner: learner.name, parameters, loss, seconds }
}

function titleOf({ model, version }: TableManifest): string {
  return `${model}, version ${version}`
}
