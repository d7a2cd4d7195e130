import { foldRounds } from '../src/model/training/rounds.ts'
import type { Round } from '../src/model/training/rounds.ts'
import { frameOfRows } from './frame.ts'
import type { Frame } from './frame.ts'
import { scoreWith } from './models.ts'
import type { Candidate } from './models.ts'
import { RETAIL_INPUTS, rowsAt } from './online-retail-inputs.ts'
import type { RetailRows } from './online-retail-inputs.ts'
import type { RetailCustomer } from './online-retail-orders.ts'
import { meanOf } from './protocol.ts'
import type { Origin, ProtocolContext, ResultRow } from './protocol.ts'

export const HORIZON_DAYS = 90
export const TEST_CUTS = ['2010-10-01', '2010-11-01', '2010-12-01', '2011-01-01']
/** Days from a training cut to the test cut: the first has its labels just in time. */
export const TRAINING_OFFSETS_DAYS = [90, 120, 150]

export const REPEAT: readonly Candidate[] = [
  { label: 'BG/NBD', learner: 'bg_nbd', parameters: { horizon: HORIZON_DAYS } },
  { label: 'Pareto/NBD', learner: 'pareto_nbd', parameters: { horizon: HORIZON_DAYS } },
]

/** Customers at a test cut, and at the training cuts before it. */
export interface Cut {
  /** Days since 1970. */
  readonly day: number
  readonly training: RetailRows
  readonly trainingFrame: Frame
  readonly test: RetailRows
  readonly testFrame: Frame
}

/** What a model says at one test cut. */
export interface Run {
  readonly scores: Float32Array
  readonly seconds: number
}

export function cutAt(customers: readonly RetailCustomer[], day: number): Cut {
  const parts = TRAINING_OFFSETS_DAYS.map((offset) => rowsAt(customers, day - offset, HORIZON_DAYS))
  const training: RetailRows = {
    customers: parts.flatMap((part) => part.customers),
    rows: parts.flatMap(({ rows }) => rows),
    spent: Float32Array.from(parts.flatMap(({ spent }) => [...spent])),
    returned: Uint8Array.from(parts.flatMap(({ returned }) => [...returned])),
  }
  const test = rowsAt(customers, day, HORIZON_DAYS)
  return {
    day,
    training,
    trainingFrame: frameOfRows(RETAIL_INPUTS, training.rows),
    test,
    testFrame: frameOfRows(RETAIL_INPUTS, test.rows),
  }
}

/**
 * Rounds of a cross-validation over customers: all rows of one are held together, since the days that
 * their labels count overlap from one training cut to the next.
 */
export function customerRounds({ customers }: RetailRows, folds: number, seed: number): Round[] {
  const everyone = Uint32Array.from(new Set(customers))
  const labels = new Float32Array(everyone.length)
  return foldRounds(labels, { folds, classes: 0, seed }).map(({ held }) => {
    const isHeld = new Set(Array.from(held, (i) => everyone[i]))
    const rows = Uint32Array.from(customers.keys())
    return {
      fit: rows.filter((row) => !isHeld.has(customers[row])),
      held: rows.filter((row) => isHeld.has(customers[row])),
    }
  })
}

/** Rows of a table, each the mean over the cuts of what `judge` says of a model's scores. */
export class CutTable {
  readonly rows: ResultRow[]
  private readonly cuts: readonly Cut[]
  private readonly context: ProtocolContext
  private readonly judge: (scores: Float32Array, test: RetailRows) => number[]

  constructor(
    of: { cuts: readonly Cut[]; context: ProtocolContext; references: readonly ResultRow[] },
    judge: (scores: Float32Array, test: RetailRows) => number[],
  ) {
    this.rows = [...of.references]
    this.cuts = of.cuts
    this.context = of.context
    this.judge = judge
  }

  add(label: string, origin: Origin, runs: readonly Run[]): void {
    const values = meanOf(this.cuts.map(({ test }, i) => this.judge(runs[i].scores, test)))
    const seconds = runs.reduce((sum, run) => sum + run.seconds, 0)
    this.rows.push({ label, origin, values, seconds })
    this.context.say(`  ${label}: ${values.map((value) => value.toFixed(3))}`)
  }
}

/** Figures of the full set, which has more history than the files at hand. */
export function reference(label: string, values: number[]): ResultRow {
  return { label: `${label}, full set`, origin: 'baseline', values }
}

export function plain(scores: Float32Array): Run {
  return { scores, seconds: 0 }
}

export function columnOf(frame: Frame, name: string): Float32Array {
  const column = frame.columns.find((one) => one.name === name)
  return column !== undefined && 'numbers' in column ? column.numbers : new Float32Array(0)
}

/** The repeat-purchase models need no labels: they are fitted on the customers they predict. */
export async function repeatCounts(candidate: Candidate, frame: Frame): Promise<Run> {
  const { count } = frame
  const customers = { count, columns: frame.columns.slice(0, 3) }
  const labels = new Float32Array(count)
  const given = { task: 'count' as const, training: customers, labels, test: customers }
  return scoreWith(candidate, given, 1)
}
