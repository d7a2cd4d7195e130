import { expect, test } from 'vitest'
import type { ColumnKind, TableColumn } from '../../../src/model/table/schema.ts'
import { adaptRows } from '../../../src/model/version/adapt-rows.ts'

const column = (name: string, kind: ColumnKind, given: Partial<TableColumn> = {}): TableColumn => {
  return { name, kind, categories: [], truth: false, origin: 0, ...given }
}

const columns = [
  column('spend', 'number'),
  column('device', 'category', { categories: ['desktop', 'phone', 'watch'] }),
  column('seen', 'time', { origin: 20_000 }),
]
const rows = Float32Array.of(5, 1, 3, Number.NaN, 2, Number.NaN, 7, Number.NaN, 0.5)
const coded = { columns, rows, count: 3 }

test('finds columns by name, categories by their text, and days from another origin', () => {
  const wanted = [
    column('seen', 'time', { origin: 19_990 }),
    column('device', 'category', { categories: ['phone', 'tablet', 'desktop'] }),
  ]
  expect(adaptRows(coded, wanted)).toEqual(
    Float32Array.of(13, 0, Number.NaN, Number.NaN, 10.5, Number.NaN),
  )
  expect(adaptRows(coded, columns)).toEqual(rows)
})

test('gives none where a column is not there or of another kind', () => {
  expect(adaptRows(coded, [column('age', 'number')])).toBeNull()
  expect(adaptRows(coded, [column('device', 'number')])).toBeNull()
})
