import { frameOfRows } from './frame.ts'
import type { Frame } from './frame.ts'
import { scoreWith } from './models.ts'
import type { Candidate } from './models.ts'
import { RETAIL_INPUTS, rowsAt } from './online-retail-inputs.ts'
import type { RetailRows } from './online-retail-inputs.ts'
import type { RetailCustomer } from './online-retail-orders.ts'
import { meanOf } from './protocol.ts'
import type { Origin, ProtocolContext, ResultRow } from './protocol.ts'

const DAY_MS = 86_400_000
export const HORIZON_DAYS = 90
export const TEST_CUTS = ['2010-10-01', '2010-11-01', '2010-12-01', '2011-01-01']
/** Days from a training cut to the test cut: the first has its labels just in time. */
export const TRAINING_OFFSETS_DAYS = [90, 120, 150]
/** A few thousand customers, and a season between training and test: small trees, many rows a leaf. */
export const SMALL_TREES = { depth: 2, weightMin: 20, inputShare: 0.3 }

export const REPEAT: readonly Candidate[] = [
  { label: 'BG/NBD', learner: 'bg_nbd', parameters: { horizon: HORIZON_DAYS } },
  { label: 'Pareto/NBD', learner: 'pareto_nbd', parameters: { horizon: HORIZON_DAYS } },
]

/** Customers at a test cut, and at the training cuts before it. */
export interface Cut {
  readonly date: string
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

export function cutAt(customers: readonly RetailCustomer[], date: string): Cut {
  const day = Date.parse(`${date}T00:00:00Z`) / DAY_MS
  const parts = TRAINING_OFFSETS_DAYS.map((offset) => rowsAt(customers, day - offset, HORIZON_DAYS))
  const training: RetailRows = {
    rows: parts.flatMap(({ rows }) => rows),
    spent: Float32Array.from(parts.flatMap(({ spent }) => [...spent])),
    returned: Uint8Array.from(parts.flatMap(({ returned }) => [...returned])),
  }
  const test = rowsAt(customers, day, HORIZON_DAYS)
  return {
    date,
    training,
    trainingFrame: frameOfRows(RETAIL_INPUTS, training.rows),
    test,
    testFrame: frameOfRows(RETAIL_INPUTS, test.rows),
  }
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
