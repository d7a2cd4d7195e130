import { LimnError } from '../../protocol/errors.ts'
import { buildDataset, type Dataset } from '../dataset/dataset.ts'
import type { ReplayProgress } from '../dataset/replay.ts'
import { planModel, type FeatureChoice, type ModelDefinition } from '../definition.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { ModelRegistry } from '../registry.ts'
import type { ReplaySource } from '../dataset/replay-source.ts'
import type { DataTable } from '../table/read-table.ts'
import { adaptRows } from '../version/adapt-rows.ts'
import type { JournalSource } from '../version/manifest.ts'
import type { ModelVersion } from '../version/model-version.ts'
import { evaluateFitted, evaluateVersion } from './evaluate-model.ts'
import { fitModel, loadLearners } from './fit-model.ts'
import { liveVersion } from './live-version.ts'
import { takeLabelled } from './fit-pipeline.ts'
import { saveFitted } from './save-fitted.ts'
import type { SearchProgress } from './search.ts'
import type { TrainingResult } from './train-on-table.ts'
import { withoutColumns } from './without-columns.ts'

export type TrainProgress =
  | ({ readonly stage: 'replay' } & ReplayProgress)
  | ({ readonly stage: 'search' } & SearchProgress)
  | { readonly stage: 'save' }

export interface JournalTrainingRequest {
  readonly name: string
  readonly definition: ModelDefinition
  /** Instead of the definition's; empty: those. */
  readonly learners: readonly string[]
  readonly seed: number
  readonly signal?: AbortSignal
  readonly progress: (progress: TrainProgress) => void
}

export interface JournalTrainingResult extends TrainingResult {
  /** Rows held out: where in the journal each is from, and what was predicted for it. */
  readonly holdout: PredictedRows
  readonly seconds: { readonly replay: number; readonly fit: number }
}

/** Predictions with the position of the record after which each was made. */
export interface PredictedRows {
  readonly shards: Uint16Array
  readonly sequences: Float64Array
  readonly times: Float64Array
  readonly labels: Float32Array
  /** As many for each row as the model has outputs. */
  readonly predictions: Float32Array
}

/**
 * Trains on the journal: builds the dataset by replay, chooses and fits a model ({@link fitModel}),
 * evaluates it on the latest part beside baselines and the live version, and saves it with its report
 * as a new version. Does not make it live. A trait with the model's name, such as `spend_30d`, is taken
 * for the label's last known value.
 * @throws LimnError ERR_DATASET_…, ERR_MODEL_DEFINITION, ERR_LEARNER_…, ERR_MODEL_DIVERGED,
 * ERR_MODEL_SAVE
 */
export async function trainOnJournal(
  source: ReplaySource,
  registry: ModelRegistry,
  request: JournalTrainingRequest,
): Promise<JournalTrainingResult> {
  const { name, seed, signal, progress } = request
  const plan = planModel(request.definition)
  const learners = request.learners.length > 0 ? request.learners : plan.learners
  const { parameters } = plan
  await loadLearners(plan.task, { learners, parameters })
  const started = performance.now()
  const dataset = await buildDataset(source, plan, (at) => progress({ stage: 'replay', ...at }))
  const replayed = performance.now()
  const { table: whole, times, persons } = dataset
  const table = withoutColumns(whole, notChosen(whole, plan.features), 'asked')
  const { select, classWeights, search, threshold, calibration, features } = plan
  const fitted = await fitModel(
    { table, times, groups: persons },
    {
      learners,
      parameters,
      split: {
        kind: 'time',
        holdout: plan.holdout,
        horizonMs: plan.target.within,
        folds: plan.folds,
      },
      log: features.log,
      crosses: features.cross.map(([a, b]) => [a, b] as const),
      select,
      classWeights,
      search,
      threshold,
      calibration,
      seed,
      signal,
      progress: (at) => progress({ stage: 'search', ...at }),
    },
  )
  const live = await liveVersion(registry, name)
  const evaluation = await evaluateFitted(whole, fitted, { live, lastValue: name, seed, signal })
  live?.dispose()
  const seconds = {
    replay: (replayed - started) / 1000,
    fit: (performance.now() - replayed) / 1000,
  }
  progress({ stage: 'save' })
  const target = whole.schema.label?.name ?? name
  const saved = { name, target, source: sourceOf(dataset), seed, evaluation }
  const { evaluated, predictions } = fitted
  const manifest = await saveFitted(registry, fitted, saved)
  return { manifest, evaluation, holdout: predictedRows(dataset, evaluated, predictions), seconds }
}

/**
 * A version on rows that it was not fitted on: those from its holdout's beginning to the end of
 * today's journal.
 * @throws LimnError ERR_DATASET_EMPTY, ERR_MODEL_DEFINITION, ERR_MODEL_KIND, ERR_MODEL_FEATURES
 */
export async function evaluateOnJournal(
  source: ReplaySource,
  version: ModelVersion,
  request: Pick<JournalTrainingRequest, 'definition' | 'progress' | 'seed'>,
): Promise<{ evaluation: Evaluation; rows: PredictedRows }> {
  const { manifest } = version
  if (manifest.source.kind !== 'journal' || manifest.split.kind !== 'time') {
    throw new LimnError('ERR_MODEL_KIND', `${manifest.model} was trained on a table; name one`)
  }
  const { holdoutFrom } = manifest.split
  const dataset = await buildDataset(source, planModel(request.definition), (at) =>
    request.progress({ stage: 'replay', ...at }),
  )
  const { table, times } = dataset
  const rows = Uint32Array.from(times, (_, row) => row).filter((row) => times[row] >= holdoutFrom)
  if (rows.length === 0) {
    const message = `no row is newer than the training data of ${manifest.model}`
    throw new LimnError('ERR_DATASET_EMPTY', message)
  }
  const taken = asTheVersionReads(table, rows, version)
  const evaluation = evaluateVersion(version, taken, request.seed)
  return {
    evaluation,
    rows: predictedRows(dataset, rows, version.predict(taken.rows, taken.count)),
  }
}

/** @throws LimnError ERR_MODEL_FEATURES */
function asTheVersionReads(
  table: DataTable,
  rows: Uint32Array,
  { manifest }: ModelVersion,
): DataTable {
  const { schema, task, model, version } = manifest
  const taken = takeLabelled(table, rows)
  const adapted = adaptRows({ ...taken, columns: table.columns }, schema.columns)
  if (adapted === null || task !== table.task || schema.label === null) {
    const message = `version ${version} of ${model} was trained under another definition; train it again`
    throw new LimnError('ERR_MODEL_FEATURES', message)
  }
  const classes = schema.label.classes
  const codes = (table.schema.label?.classes ?? []).map((text) => classes.indexOf(text))
  const labels = classes.length === 0 ? taken.labels : taken.labels.map((label) => codes[label])
  const { columns } = schema
  const width = columns.length
  return { ...table, schema, columns, width, rows: adapted, count: taken.count, labels }
}

/** Names of the columns that the definition does not take. */
function notChosen({ columns }: DataTable, { include, exclude }: FeatureChoice): string[] {
  const names = columns.map(({ name }) => name)
  return names.filter((name) => {
    const taken = include.length === 0 || include.some((pattern) => fits(name, pattern))
    return !taken || exclude.some((pattern) => fits(name, pattern))
  })
}

/** Equal, or with a `*` at the end of the pattern, beginning so. */
function fits(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

function sourceOf(dataset: Dataset): JournalSource {
  const { schemaHash, positions, from, to, records, table } = dataset
  const { censored, unlabelled, excluded } = dataset
  const range = { schemaHash, positions, from, to, records, rows: table.count }
  return { kind: 'journal', ...range, censored, unlabelled, excluded }
}

function predictedRows(
  { shards, sequences, times, table }: Dataset,
  rows: Uint32Array,
  predictions: Float32Array,
): PredictedRows {
  return {
    shards: Uint16Array.from(rows, (row) => shards[row]),
    sequences: Float64Array.from(rows, (row) => sequences[row]),
    times: Float64Array.from(rows, (row) => times[row]),
    labels: Float32Array.from(rows, (row) => table.labels[row]),
    predictions,
  }
}
