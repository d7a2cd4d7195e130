import { basename } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import { calibrate, chooseCalibration, fitCalibration, type Calibration } from '../calibration.ts'
import { evaluate, type Evaluation } from '../evaluation/evaluate.ts'
import { bestF1 } from '../evaluation/threshold.ts'
import type { EvaluatedTask, Outcome } from '../evaluation/outcome.ts'
import { findLeaks, refuseLeaks } from '../leaks.ts'
import { loadLearner } from '../learners/registry.ts'
import { takeRows } from '../learners/row-values.ts'
import type { ModelRegistry } from '../registry.ts'
import { renderReport } from '../report/page.ts'
import { readTable, readTableAs, type DataTable } from '../table/read-table.ts'
import { crossBaselines } from './cross-baselines.ts'
import { meanLoss } from './loss.ts'
import { fitPipeline, PLAIN_PIPELINE } from './pipeline.ts'
import { foldRounds, type Round } from './rounds.ts'
import { reportOf } from './table-report.ts'
import { searchModels, type Candidate, type SearchProgress } from './search.ts'
import {
  meanOf,
  saveTableModel,
  type Member,
  type TableManifest,
  type TableModel,
} from './table-model.ts'

/** Tried by cross-validation where no learner is named. */
const DEFAULT_LEARNERS: Readonly<Record<EvaluatedTask, readonly string[]>> = {
  binary: ['logistic', 'boosted_trees', 'random_forest', 'network'],
  multiclass: ['logistic', 'boosted_trees', 'random_forest', 'network'],
  regression: ['linear', 'boosted_trees', 'random_forest', 'network'],
  count: ['linear', 'boosted_trees', 'network'],
}
const FOLDS = 5
const TRIALS = 8
const MEMBERS_MAX = 3
const MEMBER_GAIN_MIN = 0.001

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
  refuseLeaks(findLeaks({ ...table, width: table.columns.length }))
  const names = request.learners.length > 0 ? request.learners : DEFAULT_LEARNERS[learned]
  const learners = await Promise.all(names.map(loadLearner))
  const folds = Math.min(request.folds ?? FOLDS, table.count)
  const rounds = foldRounds(table.labels, { folds, classes: table.classes, seed })
  const { candidates: tried } = await searchModels(table, {
    learners,
    rounds,
    method: 'random',
    options: PLAIN_PIPELINE,
    validate: false,
    trials: request.trials ?? TRIALS,
    seed,
    signal,
    progress: request.progress,
  })
  const [best] = tried
  if (best === undefined || best.folds < folds) {
    throw new LimnError('ERR_MODEL_INTERRUPTED', 'interrupted before the first learner was tried')
  }
  const chosen = chooseMembers(table, tried, folds)
  const held = meanOf(chosen.map((member) => member.predictions))
  const calibration = calibrationOf(table, held, seed)
  const predictions = crossCalibrated(table, held, calibration, rounds)
  const threshold = thresholdOf(table, predictions)
  const rows = Uint32Array.from({ length: table.count }, (_, row) => row)
  const members: Member[] = []
  for (const { learner, parameters } of chosen) {
    const fit = { parameters, seed, options: PLAIN_PIPELINE }
    const pipeline = await fitPipeline(learner, table, rows, fit)
    members.push({ learner: learner.name, parameters, pipeline })
  }
  const evaluation = evaluateRows(table, predictions, { threshold, seed, rounds })
  const version = {
    model: request.name,
    task: learned,
    schema: table.schema,
    data: { file: basename(file), rows: table.count, unlabelled: table.unlabelled },
    seed,
    threshold,
    calibration,
    metrics: evaluation.metrics,
    tried: tried.map(shown),
    importance: members[0].pipeline.importance(),
  }
  const manifest = await saveTableModel(registry, version, members, {
    'evaluation.json': () => JSON.stringify(evaluation, null, 2),
    'report.html': (made) => renderReport(reportOf(made, evaluation, folds)),
  })
  for (const { pipeline } of members) pipeline.dispose()
  return { manifest, evaluation }
}

/**
 * The best candidate, and with it the best of other learners as long as the mean of all is better by
 * more than a thousandth: models that err in other places correct each other.
 */
function chooseMembers(
  table: DataTable,
  tried: readonly Candidate[],
  folds: number,
): readonly Candidate[] {
  const lossOf = (members: readonly Candidate[]): number => {
    const mean = meanOf(members.map(({ predictions }) => predictions))
    return meanLoss(taskOf(table), mean, table.labels, members[0].outputs)
  }
  let chosen: Candidate[] = []
  let least = Number.POSITIVE_INFINITY
  for (const candidate of tried) {
    if (chosen.length === MEMBERS_MAX || candidate.folds < folds) break
    if (chosen.some(({ learner }) => learner.name === candidate.learner.name)) continue
    const loss = lossOf([...chosen, candidate])
    if (loss > least * (1 - MEMBER_GAIN_MIN)) continue
    chosen = [...chosen, candidate]
    least = loss
  }
  return chosen
}

/**
 * A version on another table: all metrics, on the rows that have a label.
 * @throws LimnError ERR_TABLE_…
 */
export async function evaluateOnTable(
  model: TableModel,
  { file, label, seed }: { file: string; label: string; seed: number },
): Promise<{ table: DataTable; evaluation: Evaluation }> {
  const { schema, threshold } = model.manifest
  if (schema.label?.name !== label) {
    const message = `the model predicts "${schema.label?.name}", not "${label}"`
    throw new LimnError('ERR_TABLE_LABEL', message)
  }
  const table = await readTableAs(file, schema, { labels: 'needed' })
  const predictions = model.predict(table.rows, table.count)
  const evaluation = evaluateRows(table, predictions, { threshold, seed, rounds: [] })
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

function shown(candidate: Candidate): TableManifest['tried'][number] {
  const { learner, parameters, loss, folds, seconds } = candidate
  return { learner: learner.name, parameters, loss, folds, seconds }
}

/** Fitted on what the folds predicted for the rows that they did not see; null for values. */
function calibrationOf(table: DataTable, outputs: Float32Array, seed: number): Calibration | null {
  const { labels, classes } = table
  if (classes === 0) return null
  return chooseCalibration({ outputs, labels, weights: null, classes }, { seed })
}

/**
 * The folds' predictions, each fold corrected by a calibration that was fitted on the others: what is
 * evaluated must not have helped to correct itself.
 */
function crossCalibrated(
  table: DataTable,
  predictions: Float32Array,
  calibration: Calibration | null,
  rounds: readonly Round[],
): Float32Array {
  const corrected = predictions.slice()
  if (calibration === null) return corrected
  const { labels, classes, count } = table
  const width = predictions.length / count
  for (const { fit, held: rows } of rounds) {
    const known = Float32Array.from(fit, (row) => labels[row])
    const outputs = takeRows(predictions, width, fit)
    const held = { outputs, labels: known, weights: null, classes }
    const own = takeRows(predictions, width, rows)
    calibrate(fitCalibration(held, calibration.kind), own, rows.length)
    rows.forEach((row, i) => {
      corrected.set(own.subarray(i * width, (i + 1) * width), row * width)
    })
  }
  return corrected
}

/** With the baselines of the same folds, where there are any. */
function evaluateRows(
  table: DataTable,
  predictions: Float32Array,
  { threshold, seed, rounds }: { threshold: number | null; seed: number; rounds: Round[] },
): Evaluation {
  const baselines = crossBaselines(table, rounds)
  return evaluate({
    outcome: outcomeOf(table, predictions, threshold ?? 0.5),
    classNames: table.schema.label?.classes ?? [],
    baselines,
    baselineRows: table.rows,
    seed,
  })
}
