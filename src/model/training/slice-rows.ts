import type { EvaluationRequest } from '../evaluation/evaluate.ts'
import type { DataTable } from '../table/read-table.ts'
import type { TableColumn } from '../table/schema.ts'
import { takeRows } from './fit-pipeline.ts'

/** Columns whose parts people ask about first. */
const FIRST = /device|country|visitor|customer|region|channel|type|source|segment/i
const SLICED_MAX = 6
const CATEGORIES_MAX = 60
/** A journal's trait that tells the new from those who came back. */
const SESSIONS = 'sessions'
const SHOPPER = 'shopper'

/**
 * By what the evaluation looks at rows in parts: categories, those of devices, countries and the like
 * first, and new against returning shoppers where sessions are counted.
 */
export function sliceRows(table: DataTable, rows: Uint32Array): EvaluationRequest['slices'] {
  const { columns } = table
  const sessions = columns.findIndex(({ name, kind }) => name === SESSIONS && kind === 'number')
  const raw = takeRows(table, rows)
  const categories = columns.filter(({ kind, categories: texts }) => {
    return kind === 'category' && texts.length > 1 && texts.length <= CATEGORIES_MAX
  })
  const named = categories.filter(({ name }) => FIRST.test(name))
  const others = categories.filter(({ name }) => !FIRST.test(name))
  const by = [...named, ...others].slice(0, SLICED_MAX).map(({ name }) => name)
  if (sessions < 0) return { raw, columns, by }
  const shopper: TableColumn = {
    name: SHOPPER,
    kind: 'category',
    categories: ['new', 'returning'],
    truth: false,
    origin: 0,
  }
  const withShopper = new Float32Array(raw.count * (raw.width + 1))
  for (let row = 0; row < raw.count; row++) {
    const own = raw.rows.subarray(row * raw.width, (row + 1) * raw.width)
    withShopper.set(own, row * (raw.width + 1))
    withShopper[row * (raw.width + 1) + raw.width] = own[sessions] > 1 ? 1 : 0
  }
  const wider = { rows: withShopper, width: raw.width + 1, count: raw.count }
  return { raw: wider, columns: [...columns, shopper], by: [SHOPPER, ...by] }
}
