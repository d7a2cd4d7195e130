import type { Examples, FitProgress, Learner } from '../learners/learner.ts'
import type { Parameters } from '../learners/predictor.ts'
import type { RawRows } from '../preparation/column-values.ts'
import type { PreparationOptions } from '../preparation/options.ts'
import { fitTablePreparation } from '../preparation/fit-table-preparation.ts'
import type { TablePreparation } from '../preparation/table-preparation.ts'
import type { DataTable } from '../table/read-table.ts'
import { balancedWeights, weightsOfRows } from './class-weights.ts'
import { chooseInputs, type SelectOptions } from './choose-inputs.ts'
import { Pipeline } from '../version/pipeline.ts'

/** What is learned from of a table. */
export type LearningTable = Pick<
  DataTable,
  'columns' | 'task' | 'count' | 'rows' | 'labels' | 'classes'
>

/** How a table's rows become a learner's examples. */
export interface PipelineOptions {
  readonly preparation?: Partial<Omit<PreparationOptions, 'form'>>
  /** Which inputs are kept; null: all. */
  readonly select: SelectOptions | null
  /** `balanced`: every class counts as much as any other, however many rows it has. */
  readonly classWeights: 'none' | 'balanced'
}

export const PLAIN_PIPELINE: PipelineOptions = { select: null, classWeights: 'none' }

export interface PipelineRequest {
  readonly parameters: Parameters
  readonly seed: number
  readonly signal?: AbortSignal
  readonly progress?: (progress: FitProgress) => void
  readonly options: PipelineOptions
  /** Rows that tell when to stop fitting; without, the learner keeps some of its own or needs none. */
  readonly validation?: Uint32Array
}

/**
 * Fits preparation, selection of inputs and learner on some rows of a table, and on those alone;
 * validation rows, where given, end the learner's fitting early.
 * @throws LimnError ERR_PREPARATION_…, ERR_LEARNER_…, ERR_DATASET_…, ERR_MODEL_DIVERGED
 */
export async function fitPipeline(
  learner: Learner,
  table: LearningTable,
  rows: Uint32Array,
  request: PipelineRequest,
): Promise<Pipeline> {
  const { options, parameters, seed, signal, progress } = request
  const raw = takeLabelled(table, rows)
  const weighted = options.classWeights === 'balanced'
  const classWeights = weighted ? balancedWeights(raw.labels, table.classes) : null
  const { form } = learner
  const whole = fitTablePreparation(raw, table.columns, { ...options.preparation, form })
  const examplesOf = (taken: LabelledRows, preparation: TablePreparation): Examples =>
    prepareExamples(table, taken, { preparation, classWeights })
  const all = examplesOf(raw, whole)
  const { select } = options
  const fit = { parameters, seed, signal }
  const preparation =
    select === null
      ? whole
      : whole.keep(await chooseInputs(learner, all, { ...fit, select, classWeights }))
  const training = preparation.width === whole.width ? all : examplesOf(raw, preparation)
  const validation =
    request.validation === undefined
      ? null
      : examplesOf(takeLabelled(table, request.validation), preparation)
  const predictor = await learner.fit({ training, validation, ...fit, progress })
  return new Pipeline(preparation, predictor, classWeights)
}

export interface LabelledRows extends RawRows {
  readonly labels: Float32Array
}

/** Copies some rows of a table with their labels. */
export function takeLabelled(table: LearningTable, rows: Uint32Array): LabelledRows {
  return { ...takeRows(table, rows), labels: labelsOf(table, rows) }
}

interface Prepared {
  readonly preparation: TablePreparation
  readonly classWeights: Float64Array | null
}

function prepareExamples(
  { task, classes }: LearningTable,
  { rows, count, labels }: LabelledRows,
  { preparation, classWeights }: Prepared,
): Examples {
  const { names, width, steps } = preparation
  const inputs = new Float32Array(count * width)
  preparation.prepare(rows, count, inputs)
  return {
    task: task ?? 'clusters',
    names,
    width,
    steps,
    count,
    rows: inputs,
    labels,
    classes,
    weights: classWeights === null ? null : weightsOfRows(labels, classWeights),
  }
}

/** Labels of some rows; none where the table has none. */
export function labelsOf({ labels }: LearningTable, rows: Uint32Array): Float32Array {
  return labels.length === 0 ? labels : Float32Array.from(rows, (row) => labels[row])
}

/** Copies some rows of a table. */
export function takeRows(
  table: Pick<LearningTable, 'columns' | 'rows'>,
  rows: Uint32Array,
): { rows: Float32Array; width: number; count: number } {
  const width = table.columns.length
  const taken = new Float32Array(rows.length * width)
  rows.forEach((row, i) => {
    taken.set(table.rows.subarray(row * width, (row + 1) * width), i * width)
  })
  return { rows: taken, width, count: rows.length }
}
