import type { InputForm } from '../learners/predictor.ts'
import type { ColumnKind } from '../table/schema.ts'

/** Where a step would write an input that is not kept. */
export const NOT_KEPT = -1

/** Forms of inputs that are of one row as a whole. */
export type RowForm = Exclude<InputForm, 'sequence'>

/** A column of a raw row. */
export interface PlanColumn {
  readonly name: string
  readonly kind: ColumnKind
}

/**
 * What becomes of a number x in the `dense` form: clipped to [low, high]; `sign(x)·log(1+|x|)` where
 * `logarithmic`; then `(x − mean)·scale`. A missing or infinite x is `fill` instead.
 */
export interface NumberTransform {
  readonly logarithmic: boolean
  readonly low: number
  readonly high: number
  readonly fill: number
  readonly mean: number
  /** 1 / standard deviation. */
  readonly scale: number
}

/** One input of a number (or of the days of a time), and one that is 1 where it is missing. */
export interface NumberStep {
  readonly column: number
  readonly input: number
  readonly missing: number
  /** Null: the number as it is, NaN where it is missing or infinite. */
  readonly transform: NumberTransform | null
}

/** A time's place in the day and in the week: as an angle's sine and cosine, or as it is. */
export interface TimeStep {
  readonly column: number
  /** `dense`: sine and cosine; `raw`: hours 0 to 24, then nothing. */
  readonly hour: readonly [number, number]
  /** `dense`: sine and cosine; `raw`: 0 (Sunday) to 6, then nothing. */
  readonly weekday: readonly [number, number]
  /** Day of the week on which the column's days count from. */
  readonly firstWeekday: number
}

/** Flags of a category: `slots` has the input that is 1, by code. */
export interface CategoryStep {
  readonly column: number
  readonly slots: Int32Array
  /** The input that is 1 where it is missing. */
  readonly missing: number
}

/** Flags of two categories together: `slots` by `left code × width + right code`. */
export interface PairStep {
  readonly left: number
  readonly right: number
  readonly width: number
  readonly slots: Int32Array
}

/** A number where a category is, 0 elsewhere: `slots` has the input that takes it, by code. */
export interface ProductStep {
  readonly number: number
  readonly category: number
  readonly transform: NumberTransform | null
  readonly slots: Int32Array
}

/** How raw rows become a learner's inputs. Plain data; `inputs` are named in order. */
export interface PreparationPlan {
  readonly form: RowForm
  readonly columns: readonly PlanColumn[]
  readonly inputs: readonly string[]
  /** Columns that were constant in the rows fitted on, and so became no input. */
  readonly constant: readonly string[]
  readonly numbers: readonly NumberStep[]
  readonly times: readonly TimeStep[]
  readonly categories: readonly CategoryStep[]
  readonly pairs: readonly PairStep[]
  readonly products: readonly ProductStep[]
}
