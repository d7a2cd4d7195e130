import type { Evaluation } from '../evaluation/evaluate.ts'

export interface NamedImportance {
  readonly name: string
  readonly value: number
  /** Between repetitions, where it was measured so. */
  readonly deviation: number | null
}

export interface ScoredInput {
  readonly name: string
  /** Null where it has no value. */
  readonly f: number | null
  /** Nats. */
  readonly information: number
}

/** Facts under a heading, in order: what, and how much or which. */
export interface Facts {
  readonly title: string
  readonly entries: readonly (readonly [string, string | number])[]
}

/** An evaluation with what a reader must know about it: plain JSON, shown by the page as it is. */
export interface EvaluationReport {
  /** The model's name. */
  readonly model: string
  readonly version: number | null
  readonly learner: string
  /** What is predicted, in words. */
  readonly target: string
  /** ISO 8601. */
  readonly made: string
  readonly evaluation: Evaluation
  readonly importance: readonly NamedImportance[]
  /** What the importance counts, such as "fall of the ROC AUC when shuffled". */
  readonly importanceMeasure: string
  /** What each input says of the label by itself, most first. */
  readonly inputs: readonly ScoredInput[]
  /** Data, split and the like. */
  readonly facts: readonly Facts[]
  readonly parameters: Readonly<Record<string, string | number>>
  /** What a reader must be told before all else. */
  readonly warnings: readonly string[]
}
