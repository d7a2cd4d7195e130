import { LimnError } from '../../protocol/errors.ts'
import type { Predictor, PredictorReader, SavedPredictor } from '../learners/predictor.ts'
import type { SavedPreparation } from '../preparation/codec.ts'
import { loadTablePreparation, type TablePreparation } from '../preparation/table-preparation.ts'
import { undoClassWeights } from './class-weights.ts'

/** Rows prepared and predicted at a time. */
export const BATCH_ROWS = 1_024

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
  static async load(reader: PredictorReader, saved: SavedPipeline): Promise<Pipeline> {
    const preparation = loadTablePreparation(saved.preparation)
    const predictor = await reader.load(saved.predictor)
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
