import type { NumberTransform, PlanColumn, PreparationPlan } from './plan.ts'

/** Where a step has no column of its own. */
export const NO_COLUMN = -1

/** A number of each step: an input, and one that is 1 where it is missing from a step that is there. */
export interface StepNumber {
  /** By step, or {@link NO_COLUMN}. */
  readonly columns: readonly number[]
  readonly input: number
  readonly missing: number
  readonly transform: NumberTransform
}

/** How far a number is from that of the step before: the `fill` of the transform at the first step. */
export interface StepGap {
  readonly columns: readonly number[]
  readonly input: number
  readonly transform: NumberTransform
}

/** Flags of a category of each step: `slots` has the input that is 1, by step and code. */
export interface StepCategory {
  readonly columns: readonly number[]
  readonly slots: readonly Int32Array[]
}

/** Columns that are no part of a step, prepared as for a dense learner. */
export interface PlanStatics {
  /** Places in the raw row of the plan's columns. */
  readonly columns: readonly number[]
  readonly plan: PreparationPlan
}

/** How raw rows become steps of inputs. Plain data; `inputs` are those of one step, in order. */
export interface SequencePlan {
  readonly form: 'sequence'
  readonly columns: readonly PlanColumn[]
  readonly steps: number
  readonly inputs: readonly string[]
  /** By step, the columns that say that it is there. */
  readonly stepColumns: readonly (readonly number[])[]
  readonly numbers: readonly StepNumber[]
  readonly gaps: readonly StepGap[]
  readonly categories: readonly StepCategory[]
  /** Their inputs are the last ones of a step, and 0 at all steps but the latest. */
  readonly statics: PlanStatics | null
}
