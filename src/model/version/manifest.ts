import type { Calibration } from '../calibration/calibration.ts'
import type { EvaluatedTask } from '../evaluation/outcome.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { Parameters } from '../learners/predictor.ts'
import type { VersionFacts } from './version-files.ts'
import type { TableSchema } from '../table/schema.ts'

/** What is known of a model version; beside its weights, as JSON. */
export interface ModelManifest extends VersionFacts {
  readonly format: typeof MANIFEST_FORMAT
  readonly model: string
  /** Of the members, joined by ` + `. */
  readonly learner: string
  readonly task: EvaluatedTask
  /** What is predicted, in words. */
  readonly target: string
  readonly source: TableSource | JournalSource
  /** The columns that the model reads, in order, and how each is coded. */
  readonly schema: TableSchema
  readonly seed: number
  readonly split: SplitFacts
  /** A probability of at least it counts as the second class; null where there is none to choose. */
  readonly threshold: number | null
  /** Null where the outputs are no probabilities. */
  readonly calibration: Calibration | null
  /** On rows that the model was not fitted on. */
  readonly metrics: Evaluation['metrics']
  readonly tried: readonly TriedCandidate[]
  /** Learners that could not be fitted on this data, and why. */
  readonly failed: readonly FailedLearner[]
  /** Inputs by their share in the first member, the largest first; empty where it cannot say. */
  readonly importance: readonly { readonly name: string; readonly share: number }[]
  /** The model's answer is the mean of theirs; mostly there is one. */
  readonly members: readonly SavedMember[]
}

export const MANIFEST_FORMAT = 3

/** A plain table. */
export interface TableSource {
  readonly kind: 'table'
  readonly file: string
  readonly rows: number
  readonly unlabelled: number
  /** The column that rows are in order of, where the latest are held out. */
  readonly order?: { readonly column: string; readonly kind: 'time' | 'number' }
}

/** A replay of the journal. */
export interface JournalSource {
  readonly kind: 'journal'
  /** Of the profile definition; a process with another one does not serve the version. */
  readonly schemaHash: string
  /** Per shard, the sequence after the last record read. */
  readonly positions: readonly { readonly shard: number; readonly next: number }[]
  /** First and last arrival of an event. */
  readonly from: number
  readonly to: number
  readonly records: number
  readonly rows: number
  /** Rows left out: their time to come is not over, they have no label, a rule excludes them. */
  readonly censored: number
  readonly unlabelled: number
  readonly excluded: number
}

export type SplitFacts =
  | {
      /** Every row is predicted by a model of the other folds. */
      readonly kind: 'folds'
      readonly folds: number
    }
  | {
      /** The latest rows are predicted by a model of the earlier ones. */
      readonly kind: 'time'
      readonly fittedRows: number
      /** Rows that told when to stop fitting: the later ones, or one fold. */
      readonly validationRows: number
      readonly holdoutRows: number
      /** Of the first row held out: ms since 1970, or the number that a table is in order of. */
      readonly holdoutFrom: number
      /** Rows between the parts, whose labels were not known when the later part began. */
      readonly gapRows: number
    }

export interface TriedCandidate {
  readonly learner: string
  readonly parameters: Parameters
  /** Mean over the rounds that were run; fewer than all where it was given up. */
  readonly loss: number
  readonly rounds: number
  readonly seconds: number
}

export interface FailedLearner {
  readonly learner: string
  readonly parameters: Parameters
  readonly code: string
  readonly message: string
}

export interface SavedMember {
  readonly learner: string
  readonly parameters: Parameters
  readonly preparation: SavedPart
  readonly predictor: SavedPart
  readonly classWeights: readonly number[] | null
}

interface SavedPart {
  readonly description: Readonly<Record<string, unknown>>
  readonly bytes: number
}
