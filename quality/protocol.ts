import type { BinaryMetrics, ValueMetrics } from '../src/model/evaluation/metrics.ts'
import type { Goal } from './goals.ts'

/** Where a figure comes from: read in its source, a plain method of this harness, or a learner of Limn. */
export type Origin = 'published' | 'baseline' | 'limn'

export interface ResultRow {
  readonly label: string
  readonly origin: Origin
  /** As many as the section's columns; null: not known. */
  readonly values: readonly (number | null)[]
  /** To fit, all folds or cuts together. */
  readonly seconds?: number
}

/** One table: figures of several models on one split. */
export interface Section {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly ResultRow[]
  readonly notes: readonly string[]
  /** Of each column; left out: three digits or so, by size. */
  readonly decimals?: readonly number[]
}

export interface ProtocolContext {
  /** Holds the data set's files. */
  readonly folder: string
  readonly seed: number
  readonly say: (text: string) => void
}

/** How one data set is split, learned and judged. */
export interface Protocol {
  readonly name: string
  readonly title: string
  /** Of the data directory. */
  readonly folder: string
  readonly description: string
  readonly goals: readonly Goal[]
  run(context: ProtocolContext): Promise<readonly Section[]>
}

export const BINARY_COLUMNS = ['ROC AUC', 'PR AUC', 'accuracy', 'F1', 'log loss', 'ECE'] as const

/** In the order of {@link BINARY_COLUMNS}. */
export function binaryValues(metrics: BinaryMetrics): number[] {
  return [metrics.rocAuc, metrics.prAuc, metrics.accuracy, metrics.f1, metrics.logLoss, metrics.ece]
}

export const COUNT_COLUMNS = ['MAE', 'RMSE', 'Pearson', 'AUC of any', 'total error'] as const

/** In the order of {@link COUNT_COLUMNS}. */
export function countValues(metrics: ValueMetrics, auc: number, totalError: number): number[] {
  return [metrics.mae, metrics.rmse, metrics.pearson, auc, totalError]
}

/** The mean of each column over several runs. */
export function meanOf(runs: readonly (readonly number[])[]): number[] {
  return runs[0].map((_, i) => runs.reduce((sum, run) => sum + run[i], 0) / runs.length)
}
