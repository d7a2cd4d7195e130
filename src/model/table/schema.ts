import type { Task } from '../learners/predictor.ts'

/**
 * - `number`: as written
 * - `category`: a text of few, kept as its place among `categories`
 * - `time`: days since `origin`
 */
export type ColumnKind = 'number' | 'category' | 'time'

export interface TableColumn {
  readonly name: string
  readonly kind: ColumnKind
  /** In order of their codes; empty for other kinds. */
  readonly categories: readonly string[]
  /** Of two categories, the second is what is true: other spellings of true and false are read too. */
  readonly truth: boolean
  /** Whole days since 1970 from which times count; 0 for other kinds. */
  readonly origin: number
  /** Set for a part of a sequence: which step of how many, the oldest first. */
  readonly step?: { readonly trait: string; readonly at: number; readonly of: number }
}

/**
 * - `empty`: no row has a value; `constant`: all have the same
 * - `id`: almost every row has another value, in a text or in whole numbers that rise or are named so
 * - `text`: too many different texts
 * - `asked`: by whoever trains; `drift`: later rows have other values than those fitted on
 */
export type IgnoredReason = 'empty' | 'constant' | 'id' | 'text' | 'asked' | 'drift'

export interface IgnoredColumn {
  readonly name: string
  readonly reason: IgnoredReason
}

/** What is predicted, and how its column is read. */
export interface LabelSchema {
  readonly name: string
  readonly task: Task
  /** Texts of the classes, in order of their indices; for `binary` the positive one is the second. */
  readonly classes: readonly string[]
  readonly truth: boolean
}

/** How a table is read: kept as JSON with a model, so that any later table is read the same way. */
export interface TableSchema {
  readonly columns: readonly TableColumn[]
  readonly ignored: readonly IgnoredColumn[]
  /** Null: nothing is predicted. */
  readonly label: LabelSchema | null
}
