import type { InputForm } from '../learners/predictor.ts'
import type { SavedPreparation } from './codec.ts'
import { InputPreparation } from './input-preparation.ts'
import { SequencePreparation } from './sequence-preparation.ts'

/** Turns raw rows of a table into a learner's inputs; fitted on training rows, saved with the model. */
export interface TablePreparation {
  readonly form: InputForm
  /** Raw columns of a row. */
  readonly columns: number
  /** Inputs of a row. */
  readonly width: number
  /** Steps of a row, with `width / steps` inputs each; 1 where it is no sequence. */
  readonly steps: number
  /** Names of the inputs, in order. */
  readonly names: readonly string[]
  /** Writes `count × width` inputs for `count` raw rows of `columns` numbers. */
  prepare(rows: Float32Array, count: number, out: Float32Array): void
  /** The same with these inputs only. @throws LimnError ERR_PREPARATION_INPUT */
  keep(names: readonly string[]): TablePreparation
  save(): SavedPreparation
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function loadTablePreparation(saved: SavedPreparation): TablePreparation {
  const sequence = saved.description.form === 'sequence'
  return sequence ? SequencePreparation.load(saved) : InputPreparation.load(saved)
}
