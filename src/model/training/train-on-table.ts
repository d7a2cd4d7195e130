import { basename } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import type { EvaluatedTask } from '../evaluation/outcome.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { checkModelName, type ModelRegistry } from '../registry.ts'
import { readTable, readTableAs, type DataTable } from '../table/read-table.ts'
import type { ModelManifest, TableSource } from '../version/manifest.ts'
import type { ModelVersion } from '../version/model-version.ts'
import { evaluateFitted, evaluateVersion, type ModelEvaluation } from './evaluate-model.ts'
import { fitModel, type FitModelRequest, type TrainingData } from './fit-model.ts'
import { liveVersion } from './live-version.ts'
import { orderByTime } from './order-by-time.ts'
import { saveFitted } from './save-fitted.ts'
import { withoutColumns } from './without-columns.ts'

export interface TableTrainingRequest extends Omit<FitModelRequest, 'split'> {
  readonly name: string
  readonly file: string
  readonly label: string
  /** Null: as the label's values say. */
  readonly task: EvaluatedTask | null
  readonly ignore: readonly string[]
  /** A column with the time of a row: the latest are held out. Null: cross-validation. */
  readonly time: string | null
  /** Of the cross-validation; with a time, 0 compares learners on the latest rows before the holdout. */
  readonly folds: number
  /** With a time, the share of the time range that is held out. */
  readonly holdout: number
}

export interface TrainingResult {
  readonly manifest: ModelManifest
  readonly evaluation: ModelEvaluation
}

/**
 * Trains on a plain table: reads it, chooses and fits a model ({@link fitModel}), evaluates it beside
 * baselines and the live version, and saves it with its report as a new version.
 * @throws LimnError ERR_TABLE_…, ERR_DATASET_…, ERR_LEARNER_…, ERR_MODEL_DIVERGED, ERR_MODEL_SAVE
 */
export async function trainOnTable(
  registry: ModelRegistry,
  request: TableTrainingRequest,
): Promise<TrainingResult> {
  const { file, label, task, ignore, time, seed, signal } = request
  const name = checkModelName(request.name)
  const read = await readTable(file, {
    label: { name: label, ...(task === null ? {} : { task }) },
    ignore,
    ...(time === null ? {} : { order: time }),
  })
  checkLabel(read, request)
  const data =
    time === null ? { table: read, times: null, groups: null, order: {} } : inOrder(read, time)
  checkColumns(data.table, basename(file))
  const fitted = await fitModel(data, { ...request, split: splitOf(request, read) })
  const live = await liveVersion(registry, name)
  const evaluation = await evaluateFitted(data.table, fitted, {
    live,
    lastValue: null,
    seed,
    signal,
  })
  live?.dispose()
  const source = {
    kind: 'table',
    file: basename(file),
    rows: data.table.count,
    unlabelled: read.unlabelled + read.unknownLabels,
    ...data.order,
  } as const
  const target = `${label} of ${source.file}`
  const manifest = await saveFitted(registry, fitted, { name, target, source, seed, evaluation })
  return { manifest, evaluation }
}

/**
 * A version on another table: all metrics, on the rows that have a label.
 * @throws LimnError ERR_TABLE_…, ERR_MODEL_KIND (trained on the journal)
 */
export async function evaluateOnTable(
  version: ModelVersion,
  { file, label, seed }: { file: string; label: string; seed: number },
): Promise<{ table: DataTable; evaluation: Evaluation }> {
  const { schema, source, model } = version.manifest
  if (source.kind !== 'table') {
    throw new LimnError('ERR_MODEL_KIND', `${model} was trained on the journal, not on a table`)
  }
  if (schema.label?.name !== label) {
    const message = `the model predicts "${schema.label?.name}", not "${label}"`
    throw new LimnError('ERR_TABLE_LABEL', message)
  }
  const table = await readTableAs(file, schema, { labels: 'needed' })
  return { table, evaluation: evaluateVersion(version, table, seed) }
}

/** @throws LimnError ERR_LEARNER_TASK, ERR_DATASET_ONE_CLASS */
function checkLabel(
  { task, schema, labels, classes }: DataTable,
  { label, threshold, time }: TableTrainingRequest,
): void {
  if (threshold.by === 'cost' && task !== 'binary') {
    const message = `costs choose a threshold between two classes; the task of "${label}" is ${task}`
    throw new LimnError('ERR_LEARNER_TASK', message)
  }
  if (task !== 'binary' || time !== null) return
  const rows = Array.from({ length: classes }, (_, k) => labels.filter((one) => one === k).length)
  const rare = rows.findIndex((count) => count < 2)
  if (rare < 0) return
  const found = `the class "${schema.label?.classes[rare]}" of the label "${label}" has ${rows[rare]} row`
  const message = `${found}; needed: 2, one to learn from and one to predict`
  throw new LimnError('ERR_DATASET_ONE_CLASS', message)
}

/** @throws LimnError ERR_DATASET_EMPTY */
function checkColumns({ columns, schema }: DataTable, file: string): void {
  if (columns.length > 0) return
  const left = schema.ignored.map(({ name, reason }) => `${name} (${reason})`).join(', ')
  const message = `${file} has no column to learn from beside the label; left out: ${left || 'none'}`
  throw new LimnError('ERR_DATASET_EMPTY', message)
}

function splitOf({ time, folds, holdout }: TableTrainingRequest, table: DataTable) {
  if (time === null) return { kind: 'folds', folds: Math.min(folds, table.count) } as const
  return { kind: 'time', holdout, horizonMs: 0, folds } as const
}

const DAY_MS = 86_400_000

/** The rows in order of a time column, which is no input: what it tells is when, not who. */
function inOrder(
  table: DataTable,
  name: string,
): TrainingData & { readonly order: Pick<TableSource, 'order'> } {
  const at = table.columns.findIndex((column) => column.name === name)
  const column = table.columns[at]
  if (column === undefined || column.kind === 'category') throw noOrder(table, name)
  const { table: ordered, times } = orderByTime(table, (row) => {
    return (
      (table.rows[row * table.width + at] + column.origin) * (column.kind === 'time' ? DAY_MS : 1)
    )
  })
  const order = { column: name, kind: column.kind } as const
  return { table: withoutColumns(ordered, [name], 'asked'), times, groups: null, order: { order } }
}

function noOrder({ columns, schema }: DataTable, name: string): LimnError {
  const reason = schema.ignored.find((one) => one.name === name)?.reason
  const why = reason === undefined ? '' : ` (${reason})`
  const able = columns.filter(({ kind }) => kind !== 'category').map((column) => column.name)
  const known = able.join(', ') || 'none'
  const message = `"${name}"${why} is no column of times or numbers that rows can be ordered by; there are: ${known}`
  return new LimnError('ERR_TABLE_COLUMN', message)
}
