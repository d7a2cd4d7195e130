import type { RawRows } from '../preparation/column-values.ts'

/** A labelled table whose rows are in two halves. */
export interface HalvedColumns extends RawRows {
  readonly labels: Float32Array
  /** Number of classes, 0 for values. */
  readonly classes: number
  /** 1: the row is learned from; 0: it is tried. */
  readonly isLearned: Uint8Array
}

/** Fewer rows with a value do not show anything. */
export const ROWS_MIN = 20
