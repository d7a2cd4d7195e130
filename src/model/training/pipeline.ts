import { LimnError } from '../../protocol/errors.ts'
import type { Examples, FitProgress, Learner, Parameters, Predictor } from '../learners/learner.ts'
import type { SavedPredictor } from '../learners/learner.ts'
import type { SavedPreparation } from '../preparation/codec.ts'
import { fitTablePreparation, loadTablePreparation } from '../preparation/table-preparation.ts'
import type { TablePreparation } from '../preparation/table-preparation.ts'
import type { DataTable } from '../table/read-table.ts'

const BATCH_ROWS = 1_024

/** A preparation and a predictor: from raw rows of a table to predictions. */
export class Pipeline {
  readonly preparation: TablePreparation
  readonly predictor: Predictor
  /** Numbers that it writes for each row. */
  readonly outputs: number
  private readonly inputs: Float32Array

  constructor(preparation: TablePreparation, predictor: Predictor) {
    this.preparation = preparation
    this.predictor = predictor
    this.outputs = predictor.outputs
    this.inputs = new Float32Array(BATCH_ROWS * preparation.width)
  }

  /** Writes `count × outputs` predictions for raw rows. */
  predict(rows: Float32Array, count: number, out: Float32Array): void {
    const { columns } = this.preparation
    for (let start = 0; start < count; start += BATCH_ROWS) {
      const size = Math.min(BATCH_ROWS, count - start)
      const raw = rows.subarray(start * columns, (start + size) * columns)
      this.preparation.prepare(raw, size, this.inputs)
      this.predictor.predict(this.inputs, size, out.subarray(start * this.outputs))
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
    return { preparation, predictor }
  }

  static async load(learner: Learner, saved: SavedPipeline): Promise<Pipeline> {
    const preparation = loadTablePreparation(saved.preparation)
    const predictor = await learner.load(saved.predictor)
    if (predictor.width === preparation.width) return new Pipeline(preparation, predictor)
    const message = `the model takes ${predictor.width} inputs, its preparation makes ${preparation.width}`
    throw new LimnError('ERR_MODEL_CORRUPT', message)
  }

  dispose(): void {
    this.predictor.dispose()
  }
}

export interface SavedPipeline {
  readonly preparation: SavedPreparation
  readonly predictor: SavedPredictor
}

export interface PipelineRequest {
  readonly parameters: Parameters
  readonly seed: number
  readonly signal?: AbortSignal
  readonly progress?: (progress: FitProgress) => void
}

/** Fits preparation and learner on some rows of a table, and on those alone. */
export async function fitPipeline(
  learner: Learner,
  table: DataTable,
  rows: Uint32Array,
  request: PipelineRequest,
): Promise<Pipeline> {
  const raw = takeRows(table, rows)
  const preparation = fitTablePreparation(raw, table.columns, learner.form)
  const inputs = new Float32Array(raw.count * preparation.width)
  preparation.prepare(raw.rows, raw.count, inputs)
  const training: Examples = {
    task: table.task ?? 'clusters',
    names: preparation.names,
    width: preparation.width,
    steps: preparation.steps,
    count: raw.count,
    rows: inputs,
    labels: Float32Array.from(rows, (row) => table.labels[row]),
    classes: table.classes,
    weights: null,
  }
  return new Pipeline(preparation, await learner.fit({ training, validation: null, ...request }))
}

/** Copies some rows of a table. */
export function takeRows(
  table: DataTable,
  rows: Uint32Array,
): { rows: Float32Array; width: number; count: number } {
  const width = table.columns.length
  const taken = new Float32Array(rows.length * width)
  rows.forEach((row, i) => {
    taken.set(table.rows.subarray(row * width, (row + 1) * width), i * width)
  })
  return { rows: taken, width, count: rows.length }
}
