import { LimnError } from '../../protocol/errors.ts'
import type { Examples, FitProgress, Learner, Parameters, Predictor } from '../learners/learner.ts'
import type { SavedPredictor } from '../learners/learner.ts'
import type { SavedPreparation } from '../preparation/codec.ts'
import type { RawRows } from '../preparation/column-values.ts'
import type { PreparationOptions } from '../preparation/options.ts'
import { fitTablePreparation, loadTablePreparation } from '../preparation/table-preparation.ts'
import type { TablePreparation } from '../preparation/table-preparation.ts'
import type { DataTable } from '../table/read-table.ts'
import { balancedWeights, undoClassWeights, weightsOfRows } from './class-weights.ts'
import { chooseInputs, type SelectOptions } from './choose-inputs.ts'

/** Rows prepared and predicted at a time. */
export const BATCH_ROWS = 1_024

/** What is learned from of a table. */
export type LearningTable = Pick<
  DataTable,
  'columns' | 'task' | 'count' | 'rows' | 'labels' | 'classes'
>

/** A preparation and a predictor: from raw rows of a table to predictions. */
export class Pipeline {
  readonly preparation: TablePreparation
  readonly predictor: Predictor
  /** Numbers that it writes for each row. */
  readonly outputs: number
  /** Of each class, where it was fitted with such; predictions are as if it had not been. */
  readonly classWeights: Float64Array | null
  private readonly inputs: Float32Array

  constructor(
    preparation: TablePreparation,
    predictor: Predictor,
    classWeights: Float64Array | null = null,
  ) {
    this.preparation = preparation
    this.predictor = predictor
    this.outputs = predictor.outputs
    this.classWeights = classWeights
    this.inputs = new Float32Array(BATCH_ROWS * preparation.width)
  }

  /** Writes `count × outputs` predictions for raw rows. */
  predict(rows: Float32Array, count: number, out: Float32Array): void {
    const { columns } = this.preparation
    for (let start = 0; start < count; start += BATCH_ROWS) {
      const size = Math.min(BATCH_ROWS, count - start)
      const raw = rows.subarray(start * columns, (start + size) * columns)
      this.preparation.prepare(raw, size, this.inputs)
      const answers = out.subarray(start * this.outputs, (start + size) * this.outputs)
      this.predictor.predict(this.inputs, size, answers)
      if (this.classWeights !== null) undoClassWeights(answers, size, this.classWeights)
    }
  }

  /** Inputs by their share in the model, the largest first; empty where the learner cannot say. */
  importance(): { readonly name: string; readonly share: number }[] {
    const shares = this.predictor.importance()
    if (shares === null) return []
    const named = this.preparation.names.map((name, i) => ({ name, share: shares[i] }))
    return named.sort((a, b) => b.share - a.share)
  }

  save(): SavedPipeline {
    const preparation = this.preparation.save()
    const predictor = this.predictor.save()
    const classWeights = this.classWeights === null ? null : [...this.classWeights]
    return { preparation, predictor, classWeights }
  }

  /** @throws LimnError ERR_MODEL_CORRUPT */
  static async load(learner: Learner, saved: SavedPipeline): Promise<Pipeline> {
    const preparation = loadTablePreparation(saved.preparation)
    const predictor = await learner.load(saved.predictor)
    if (predictor.width !== preparation.width) {
      predictor.dispose()
      const message = `the model takes ${predictor.width} inputs, its preparation makes ${preparation.width}`
      throw new LimnError('ERR_MODEL_CORRUPT', message)
    }
    return new Pipeline(preparation, predictor, loadClassWeights(saved.classWeights, predictor))
  }

  dispose(): void {
    this.predictor.dispose()
  }
}

export interface SavedPipeline {
  readonly preparation: SavedPreparation
  readonly predictor: SavedPredictor
  /** One of each class; null: fitted without. */
  readonly classWeights: readonly number[] | null
}

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

function loadClassWeights(
  saved: SavedPipeline['classWeights'],
  { outputs }: Predictor,
): Float64Array | null {
  if (saved === null) return null
  const fits =
    Array.isArray(saved) &&
    saved.length === Math.max(2, outputs) &&
    saved.every((weight) => Number.isFinite(weight) && weight > 0)
  if (fits) return Float64Array.from(saved)
  throw new LimnError('ERR_MODEL_CORRUPT', 'the class weights are not those of its classes')
}
