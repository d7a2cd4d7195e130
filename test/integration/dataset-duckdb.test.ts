import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeDataset } from '../../src/model/dataset-files/describe-dataset.ts'
import { Random } from '../../src/model/random.ts'
import { category, number, writeRows, type MadeRow } from '../model/dataset-files/made-dataset.ts'
import { temporaryDirectory } from './server.ts'

/** What DuckDB reads in a dataset, against the rows that were written and against our own summary. */

const ROWS = 20_000
const DEVICES = ['phone', 'desk', 'näive 日本 👍', '']
const made = temporaryDirectory()
const directory = join(made.path, 'dataset')
const features = [
  number('orders'),
  number('machine.cart.idle'),
  number('spend'),
  number('never'),
  number('edge'),
  category('device'),
  category('product'),
]
const rows = makeRows()
let connection: Awaited<ReturnType<DuckDBInstance['connect']>>

function makeRows(): MadeRow[] {
  const random = new Random(11)
  const edges = [Infinity, -Infinity, -0, 2 ** -149, 1]
  return Array.from({ length: ROWS }, (_, i) => ({
    time: Date.UTC(2026, 0, 1) + i * 60_000,
    shard: i % 3,
    sequence: 2 ** 40 + i,
    label: random.next() < 0.2 ? 1 : 0,
    values: [
      Math.floor(random.next() * 30),
      random.next() < 0.5 ? 1 : 0,
      random.next() < 0.3 ? Number.NaN : Math.fround(random.normal() * 100),
      Number.NaN,
      edges[i % 5],
      random.next() < 0.1 ? Number.NaN : Math.floor(random.next() * DEVICES.length),
      Math.floor(random.next() * 4_000),
    ],
  }))
}

beforeAll(async () => {
  const textOf = (feature: number, code: number): string =>
    feature === 5 ? DEVICES[code] : `product-${code}`
  await writeRows(rows, { directory, features, textOf, groupRows: 3_000, fileGroups: 4 })
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set timezone = 'UTC'")
  await connection.run(
    `create view rows as select * from read_parquet('${directory}/rows*.parquet')`,
  )
})

afterAll(() => made.remove())

async function select(sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjects()
}

function given(feature: number): number[] {
  return rows.map(({ values }) => values[feature]).filter((value) => !Number.isNaN(value))
}

test('columns have the types that a person expects', async () => {
  const columns = await select('describe rows')
  const types = Object.fromEntries(
    columns.map(({ column_name, column_type }) => [column_name, column_type]),
  )
  expect(types).toEqual({
    _time: expect.stringMatching(/^TIMESTAMP/) as string,
    _shard: 'INTEGER',
    _sequence: 'BIGINT',
    _label: 'VARCHAR',
    orders: 'FLOAT',
    'machine.cart.idle': 'FLOAT',
    spend: 'FLOAT',
    never: 'FLOAT',
    edge: 'FLOAT',
    device: 'VARCHAR',
    product: 'VARCHAR',
  })
})

test('counts, places, times and the balance of labels agree', async () => {
  const [totals] =
    await select(`select count(*)::int as rows, min(epoch_ms(_time))::double as first,
    max(epoch_ms(_time))::double as last, min(_sequence)::double as sequence,
    count(distinct (_shard, _sequence))::int as places,
    count(*) filter (_label = 'yes')::int as yes, count(*) filter (_label = 'no')::int as no
    from rows`)
  const yes = rows.filter(({ label }) => label === 1).length
  expect(totals).toEqual({
    rows: ROWS,
    first: rows[0].time,
    last: rows[ROWS - 1].time,
    sequence: 2 ** 40,
    places: ROWS,
    yes,
    no: ROWS - yes,
  })
  const { manifest } = await describeDataset(directory)
  expect(manifest.balance).toEqual({ classes: { no: ROWS - yes, yes } })
})

test('sums, nulls and the bits of every number agree', async () => {
  for (const [feature, { name, kind }] of features.entries()) {
    if (kind !== 'number') continue
    const [sums] = await select(`select count("${name}")::int as present,
      count(*) filter (isnan("${name}"))::int as nans,
      coalesce(sum("${name}"::double) filter (isfinite("${name}")), 0)::double as sum from rows`)
    const values = given(feature)
    const sum = values.filter(Number.isFinite).reduce((total, value) => total + value, 0)
    expect(sums).toMatchObject({ present: values.length, nans: 0 })
    expect(sums.sum).toBeCloseTo(sum, 6)
  }
  const read = await select('select spend, edge from rows order by _time')
  read.forEach(({ spend, edge }, i) => {
    const [, , wanted, , wantedEdge] = rows[i].values
    if (!Object.is(spend ?? Number.NaN, wanted)) expect(spend).toBe(wanted)
    if (!Object.is(edge, wantedEdge)) expect(edge).toBe(wantedEdge)
  })
  expect(read).toHaveLength(ROWS)
})

test('filters that use the ranges of row groups find what is there', async () => {
  const [found] = await select(`select
    (select count(*)::int from rows where spend > 250) as spend,
    (select count(*)::int from rows where edge = 0) as edge,
    (select count(*)::int from rows where edge > 1e38) as infinite,
    (select count(*)::int from rows where _sequence = ${2 ** 40 + 12_345}) as sequence,
    (select count(*)::int from rows where _time >= timestamp '2026-01-10') as late,
    (select count(*)::int from rows where device = 'phone') as phones`)
  const late = rows.filter(({ time }) => time >= Date.UTC(2026, 0, 10)).length
  expect(found).toEqual({
    spend: given(2).filter((value) => value > 250).length,
    edge: ROWS / 5,
    infinite: ROWS / 5,
    sequence: 1,
    late,
    phones: given(5).filter((code) => code === 0).length,
  })
})

test('our summary of the columns is the one that SQL gives', async () => {
  const { columns } = await describeDataset(directory)
  expect(columns.map(({ name }) => name)).toEqual(features.map(({ name }) => name))
  for (const column of columns) {
    const { name } = column
    if (column.kind === 'category') {
      const top = await select(`select "${name}" as text, count(*)::int as rows from rows
        where "${name}" is not null group by 1 order by 2 desc, 1 collate nocase limit 5`)
      const [{ different, missing }] =
        await select(`select count(distinct "${name}")::int as different,
        1 - count("${name}") / count(*)::double as missing from rows`)
      expect(column).toMatchObject({ categories: different, more: false, constant: false })
      expect(column.missing).toBeCloseTo(missing as number, 9)
      expect(column.top.map((one) => one.rows)).toEqual(top.map((one) => one.rows))
      continue
    }
    const [sql] = await select(`select min("${name}")::double as min, max("${name}")::double as max,
      avg("${name}"::double) filter (isfinite("${name}")) as mean,
      stddev_pop("${name}"::double) filter (isfinite("${name}")) as deviation,
      count(*) filter (isinf("${name}"))::int as infinite from rows`)
    expect({ min: column.min, max: column.max, infinite: column.infinite }).toEqual({
      min: sql.min,
      max: sql.max,
      infinite: sql.infinite,
    })
    if (sql.mean === null) expect(column).toMatchObject({ mean: null, constant: true, missing: 1 })
    else {
      expect(column.mean).toBeCloseTo(sql.mean as number, 6)
      expect(column.deviation).toBeCloseTo(sql.deviation as number, 6)
    }
  }
})
