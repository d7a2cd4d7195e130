import type { DataTable } from '../table/read-table.ts'
import type { RawRows } from './column-values.ts'
import { fitNumber } from './fit-numbers.ts'
import { PREPARATION_DEFAULTS, type PreparationOptions } from './options.ts'
import { transformed } from './transform-number.ts'

/** In deviations of the earlier rows. */
const DRIFT_MAX = 0.2
/** With fewer later rows, no drift is looked for: the mean of a few moves by chance. */
const LATER_ROWS_MIN = 1_000

/**
 * Names of the columns of numbers whose mean moved by more than 0.2 deviations between earlier and
 * later rows, on the scale that the preparation would give them. Counts since ever do that as a shop's
 * portraits grow: they tell when a row is from, and what was learned from their early values does not
 * hold for the values to come. A missing value counts as the earlier mean. None with fewer than 1,000
 * later rows.
 * @param given as the preparation will be fitted
 */
export function findDrift(
  table: Pick<DataTable, 'columns' | 'rows'>,
  earlierRows: Uint32Array,
  laterRows: Uint32Array,
  given: Partial<PreparationOptions> = {},
): string[] {
  if (laterRows.length < LATER_ROWS_MIN) return []
  const options = { ...PREPARATION_DEFAULTS, ...given }
  const drifting = table.columns.filter(({ name, kind }, column) => {
    if (kind !== 'number') return false
    const earlier = takeColumn(table, column, earlierRows)
    const numberOptions = {
      ...options,
      fill: 'mean',
      logarithmic: options.log.includes(name),
    } as const
    const { transform } = fitNumber(earlier, 0, numberOptions)
    const later = takeColumn(table, column, laterRows)
    const sum = later.rows.reduce((total, x) => total + transformed(x, transform), 0)
    return Math.abs(sum / later.count) > DRIFT_MAX
  })
  return drifting.map(({ name }) => name)
}

function takeColumn(
  { columns, rows }: Pick<DataTable, 'columns' | 'rows'>,
  column: number,
  chosen: Uint32Array,
): RawRows {
  const values = Float32Array.from(chosen, (row) => rows[row * columns.length + column])
  return { width: 1, count: values.length, rows: values }
}
