import { LimnError } from '../../protocol/errors.ts'
import { accuracyByNeighbours, areaAlone, rankColumn } from './class-leaks.ts'
import { ROWS_MIN, type HalvedColumns } from './halved-columns.ts'
import { absoluteCorrelation, explainedByParts, rankCorrelation } from './value-leaks.ts'
import type { RawRows } from '../preparation/column-values.ts'
import { Random } from '../random.ts'
import type { TableColumn } from '../table/schema.ts'

/** A column that alone tells the label this well was made from it, or after it. */
const CERTAIN = 0.9999

export interface LabelledColumns extends RawRows {
  readonly columns: readonly TableColumn[]
  readonly labels: Float32Array
  /** Number of classes, 0 for values. */
  readonly classes: number
}

export interface Leak {
  readonly column: string
  /** How it shows. */
  readonly measure: 'ROC AUC' | 'correlation' | 'rank correlation' | 'balanced accuracy' | 'R²'
  readonly value: number
}

/**
 * Columns that tell the label by themselves, up to one row in ten thousand: its copy, its double, a
 * code that goes with it, or a value that is there only once it is known. Such a column would not be
 * known in time. What depends on a column's values is learned from half of the rows, drawn at
 * random, and tried on the rest, so that a column in which each row has its own value is not suspected.
 */
export function findLeaks(table: LabelledColumns): Leak[] {
  if (table.count < ROWS_MIN || table.labels.length !== table.count) return []
  const random = new Random(1)
  const isLearned = Uint8Array.from({ length: table.count }, () => Number(random.next() < 0.5))
  const halved = { ...table, isLearned }
  return table.columns.flatMap((column, at) => leakOf(halved, column, at) ?? [])
}

/** @throws LimnError ERR_DATASET_LEAK where there is one, naming all */
export function refuseLeaks(leaks: readonly Leak[]): void {
  if (leaks.length === 0) return
  const shown = leaks.map(
    ({ column, measure, value }) => `"${column}" (${measure} ${value.toFixed(4)})`,
  )
  const message = `these columns alone tell the label, so they cannot have been known before it: ${shown.join(', ')}; leave them out`
  throw new LimnError('ERR_DATASET_LEAK', message)
}

function leakOf(table: HalvedColumns, column: TableColumn, at: number): Leak | null {
  return table.classes > 0 ? classLeak(table, column, at) : valueLeak(table, column, at)
}

function classLeak(table: HalvedColumns, { name, kind }: TableColumn, at: number): Leak | null {
  const ranked = rankColumn(table, at)
  if (table.classes === 2 && kind !== 'category') {
    const area = areaAlone(table, ranked)
    if (area >= CERTAIN) return { column: name, measure: 'ROC AUC', value: area }
  }
  const accuracy = accuracyByNeighbours(table, ranked)
  return accuracy >= CERTAIN
    ? { column: name, measure: 'balanced accuracy', value: accuracy }
    : null
}

function valueLeak(table: HalvedColumns, { name, kind }: TableColumn, at: number): Leak | null {
  if (kind !== 'category') {
    const correlation = absoluteCorrelation(table, at)
    if (correlation >= CERTAIN) return { column: name, measure: 'correlation', value: correlation }
    const ranks = rankCorrelation(table, at)
    if (ranks >= CERTAIN) return { column: name, measure: 'rank correlation', value: ranks }
  }
  const explained = explainedByParts(table, at)
  return explained >= CERTAIN ? { column: name, measure: 'R²', value: explained } : null
}
