/**
 * What is learned.
 *
 * - `binary`: the probability of class 1; `multiclass`: of each class
 * - `regression`: a value; `count`: the expected value of a count, never negative
 * - `clusters`: the distance to each cluster's centre, the nearest being the row's cluster
 * - `projection`: coordinates in few dimensions
 * - `anomaly`: how unlike the others a row is, 0 to 1
 * - `series`: the values of one series after its end
 */
export const TASKS = [
  'binary',
  'multiclass',
  'regression',
  'count',
  'clusters',
  'projection',
  'anomaly',
  'series',
] as const

export type Task = (typeof TASKS)[number]

/**
 * How raw rows become a learner's inputs, before it sees them.
 *
 * - `dense`: every input finite: missing values filled, numbers standardised, categories as flags
 * - `raw`: numbers on their own scale, a missing value as NaN, categories as flags
 * - `sequence`: steps of inputs as in `dense`; a step that is not there is NaN
 */
export type InputForm = 'dense' | 'raw' | 'sequence'

export type Parameters = Readonly<Record<string, number>>

/** A fitted model as it is kept: JSON that describes it, and its numbers. */
export interface SavedPredictor {
  readonly description: Readonly<Record<string, unknown>>
  readonly bytes: Uint8Array
}

/** A fitted model in memory, for one thread. */
export interface Predictor {
  readonly learner: string
  readonly task: Task
  /** Inputs of a row. */
  readonly width: number
  /** Numbers written for each row: one, or as many as classes, clusters or dimensions. */
  readonly outputs: number
  /**
   * Writes `count × outputs` numbers; `rows` is as in {@link Examples}. Never throws for odd values. Of a
   * series `rows` is empty, and the numbers are the values of the `count` steps after its end.
   */
  predict(rows: Float32Array, count: number, out: Float32Array): void
  save(): SavedPredictor
  /** What a person wants to know of it: sizes, parameters, what fitting found. */
  describe(): Readonly<Record<string, unknown>>
  /** Share of each input in the model, summing to 1, or null where the learner has no such notion. */
  importance(): Float32Array | null
  dispose(): void
}

/** Reads a model that was saved; knows nothing of how it was fitted. */
export interface PredictorReader {
  /** @throws LimnError ERR_MODEL_CORRUPT */
  load(saved: SavedPredictor): Promise<Predictor>
}
