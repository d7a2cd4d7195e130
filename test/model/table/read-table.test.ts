import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { readTable, readTableAs } from '../../../src/model/table/read-table.ts'
import type { TableSchema } from '../../../src/model/table/schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'limn-table-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function file(text: string, name = `table-${files++}.csv`): string {
  const path = join(folder, name)
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
  return path
}

const SHOP = [
  'session_id,day,pages,month,weekend,channel,note,always,nothing,Revenue',
  ...Array.from({ length: 60 }, (_, i) => {
    const day = `2024-01-${String((i % 28) + 1).padStart(2, '0')}`
    const pages = i % 7 === 3 ? 'NA' : String(i * 1.5)
    const channel = i % 9 === 0 ? '?' : ['mail', 'ad', 'search'][i % 3]
    const weekend = i % 2 === 0 ? 'TRUE' : 'FALSE'
    const buys = i % 10 === 9 ? '' : i % 4 === 0 ? 'TRUE' : 'FALSE'
    const note = `seen "${i}", again`.replaceAll('"', '""')
    return `${i * 3 + 100},${day},${pages},${(i % 12) + 1},${weekend},${channel},"${note}",x,,${buys}`
  }),
].join('\n')

test('infers kinds, leaves out what tells nothing, and reads the values', async () => {
  const table = await readTable(file(SHOP), { label: { name: 'Revenue' } })
  expect(table.columns.map(({ name, kind }) => `${name}: ${kind}`)).toEqual([
    'day: time',
    'pages: number',
    'month: number',
    'weekend: category',
    'channel: category',
  ])
  expect(table.schema.ignored).toEqual([
    { name: 'session_id', reason: 'id' },
    { name: 'note', reason: 'id' },
    { name: 'always', reason: 'constant' },
    { name: 'nothing', reason: 'empty' },
  ])
  expect(table).toMatchObject({ count: 54, unlabelled: 6, unknownLabels: 0, task: 'binary' })
  expect(table.schema.label).toMatchObject({ classes: ['FALSE', 'TRUE'], task: 'binary' })
  expect(table.columns[4].categories).toEqual(['ad', 'mail', 'search'])
  expect([...table.rows.subarray(5, 10)]).toEqual([1, 1.5, 2, 0, 0])
  expect([...table.rows.subarray(15, 20)]).toEqual([3, Number.NaN, 4, 0, 1])
  expect([...table.labels.subarray(0, 5)]).toEqual([1, 0, 0, 0, 1])
})

test('reads gzip, semicolons, tabs with empty cells, quotes with line ends, a byte order mark', async () => {
  const lines = ['a;b;y', '1;"x\n; ""q""";3', '2;;4', ' 3 ; z ;5']
  const request = { label: { name: 'y' } }
  const plain = await readTable(file(`\ufeff${lines.join('\r\n')}`), request)
  expect(plain.columns[1].categories).toEqual(['x\n; "q"', 'z'])
  expect([...plain.rows]).toEqual([1, 0, 2, Number.NaN, 3, 1])
  expect(plain.task).toBe('regression')
  const packed = await readTable(file(lines.join('\n'), 'packed.csv.gz'), request)
  expect(packed.rows).toEqual(plain.rows)
  const tabbed = await readTable(file('a\tb\ty\n\t\t1\n1\tx\t3\n2\tz\t4\n'), request)
  expect([...tabbed.rows]).toEqual([Number.NaN, Number.NaN, 1, 0, 2, 1])
})

test('infers the task and names the positive class', async () => {
  const label = async (values: readonly string[], more = {}) => {
    const text = ['x,y', ...values.map((value, i) => `${(i * 7) % 5},${value}`)].join('\n')
    const { schema } = await readTable(file(text), { label: { name: 'y', ...more } })
    return schema.label
  }
  expect(await label(['yes', 'no', 'yes', 'yes'])).toMatchObject({ classes: ['no', 'yes'] })
  expect(await label(['0', '1', '1', '1'])).toMatchObject({ task: 'binary', classes: ['0', '1'] })
  expect(await label(['stay', 'go', 'stay'])).toMatchObject({ classes: ['stay', 'go'] })
  expect(await label(['stay', 'go', 'stay'], { positive: 'stay' })).toMatchObject({
    classes: ['go', 'stay'],
  })
  expect(await label(['c', 'a', 'b'])).toMatchObject({
    task: 'multiclass',
    classes: ['a', 'b', 'c'],
  })
  expect(await label(['1', '2', '3'])).toMatchObject({ task: 'regression', classes: [] })
  expect(await label(['1', '2', '3'], { task: 'count' })).toMatchObject({ task: 'count' })
  expect(await label(['10', '2', '3'], { task: 'multiclass' })).toMatchObject({
    classes: ['2', '3', '10'],
  })
  await expect(label(['1', '-2', '3'], { task: 'count' })).rejects.toMatchObject({
    code: 'ERR_TABLE_LABEL',
  })
  await expect(label(['a', 'b'], { positive: 'c' })).rejects.toMatchObject({
    code: 'ERR_TABLE_LABEL',
  })
  await expect(label(['a', 'a'])).rejects.toMatchObject({ code: 'ERR_DATASET_ONE_CLASS' })
})

describe('what is wrong is named', () => {
  const refuses = (text: string, code: string, message: RegExp) => async () => {
    const reading = readTable(file(text), { label: { name: 'y' } })
    await expect(reading).rejects.toMatchObject({ code })
    await expect(reading).rejects.toThrow(message)
  }
  test('a short row', refuses('x,y\n1,2\n3\n', 'ERR_TABLE_ROW', /table-\d+\.csv, line 3/))
  test('a long row', refuses('x,y\n\n1,2\n3,4,5\n', 'ERR_TABLE_ROW', /line 4.*it has 3/))
  test('an open quote', refuses('x,y\n1,2\n"3,4\n', 'ERR_TABLE_ROW', /quote/))
  test('no label', refuses('x,z\n1,2\n', 'ERR_TABLE_LABEL', /columns: x, z/))
  test('no rows', refuses('x,y\n', 'ERR_DATASET_EMPTY', /no rows/))
  test('no header', refuses('', 'ERR_TABLE_HEADER', /empty/))
  test('two columns of a name', refuses('y,y\n1,2\n', 'ERR_TABLE_HEADER', /"y"/))
  test('a file that is not there, or is damaged', async () => {
    const request = { label: null }
    await expect(readTable(join(folder, 'none.csv'), request)).rejects.toMatchObject({
      code: 'ERR_TABLE_FILE',
    })
    const packed = gzipSync(SHOP)
    const path = join(folder, 'cut.csv.gz')
    writeFileSync(path, packed.subarray(0, packed.length / 2))
    await expect(readTable(path, request)).rejects.toMatchObject({ code: 'ERR_TABLE_FILE' })
  })
})

test('reads another table by the schema of the first', async () => {
  const first = await readTable(file(SHOP), { label: { name: 'Revenue' } })
  const schema = JSON.parse(JSON.stringify(first.schema)) as TableSchema
  const text = [
    'extra,channel,weekend,month,day,pages,Revenue',
    '1,ad,no,3,2024-02-01T12:00,7,1',
    '2,radio,maybe,x,not a day,0x10,FALSE',
    '3,mail,1,4,2023-12-31,?,perhaps',
  ].join('\n')
  const other = await readTableAs(file(text), schema, { labels: 'needed' })
  expect([...other.rows.subarray(0, 5)]).toEqual([31.5, 7, 3, 0, 0])
  expect([...other.rows.subarray(5)]).toEqual(Array(5).fill(Number.NaN))
  expect([...other.labels]).toEqual([1, 0])
  expect(other).toMatchObject({ count: 2, unknownLabels: 1, extra: ['extra'] })
  expect(other.misfits).toEqual({ day: 1, pages: 1, month: 1, weekend: 1, channel: 1 })
  const unlabelled = await readTableAs(file(text), schema, { labels: 'none' })
  expect(unlabelled.count).toBe(3)
  expect(unlabelled.labels.length).toBe(0)
  const short = readTableAs(file('channel\nad\n'), schema, { labels: 'none' })
  await expect(short).rejects.toMatchObject({ code: 'ERR_TABLE_COLUMN' })
})

test('kinds can be asked for, and columns left out', async () => {
  const text = ['os,zip,y', ...Array.from({ length: 40 }, (_, i) => `${i % 3},0${i % 5}1,${i}`)]
  const path = file(text.join('\n'))
  const inferred = await readTable(path, { label: { name: 'y' } })
  expect(inferred.columns.map(({ kind }) => kind)).toEqual(['number', 'category'])
  const asked = await readTable(path, {
    label: { name: 'y' },
    kinds: { os: 'category' },
    ignore: ['zip'],
  })
  expect(asked.columns).toMatchObject([
    { name: 'os', kind: 'category', categories: ['0', '1', '2'] },
  ])
  const unknown = readTable(path, { label: null, ignore: ['nope'] })
  await expect(unknown).rejects.toMatchObject({ code: 'ERR_TABLE_COLUMN' })
})

test('any numbers come back as they were, missing ones as NaN', async () => {
  const cell = fc.option(fc.float({ noNaN: true, noDefaultInfinity: true }), { freq: 4 })
  const rows = fc.array(fc.tuple(cell, cell), { minLength: 3, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(rows, async (values) => {
      const shown = values.map((row) => row.map((value) => value ?? 'null').join(','))
      const schema: TableSchema = {
        columns: ['a', 'b'].map((name) => {
          return { name, kind: 'number' as const, categories: [], truth: false, origin: 0 }
        }),
        ignored: [],
        label: null,
      }
      const table = await readTableAs(file(['a,b', ...shown].join('\n'), 'any.csv'), schema, {
        labels: 'none',
      })
      const expected = values.flat().map((value) => (value === null ? Number.NaN : value + 0))
      expect([...table.rows].map((value) => value + 0)).toEqual(expected)
    }),
    { numRuns: 40 },
  )
})
