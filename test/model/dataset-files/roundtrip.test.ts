import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import type { Feature } from '../../../src/profile/feature-vector.ts'
import { readDataset, type LoadedDataset } from '../../../src/model/dataset-files/read-dataset.ts'
import {
  category,
  FACTS,
  number,
  PLAIN_FEATURES,
  plainRows,
  temporary,
  writeRows,
  type MadeRow,
} from './made-dataset.ts'

const made = temporary()
afterAll(() => made.remove())
let datasets = 0
const nextDirectory = (): string => join(made.path, `dataset-${datasets++}`)

const TEXTS = [
  '',
  'phone',
  '\uFEFFmark',
  'näïve',
  '日本語',
  '👩‍👩‍👧',
  'a\u0000b',
  '"quoted"\n',
  'x'.repeat(70_000),
]

/** Finite, infinite, of both zeros, subnormal, and missing. */
const anyFloat = fc.oneof(
  { weight: 4, arbitrary: fc.float() },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2) },
  fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 2 ** -149, 3.4028234663852886e38),
)
const anyCode = fc.oneof(fc.nat(TEXTS.length - 1), fc.constant(Number.NaN))

interface MadeTable {
  readonly features: readonly Feature[]
  readonly rows: readonly MadeRow[]
  readonly task: 'binary' | 'regression'
}

const anyTable: fc.Arbitrary<MadeTable> = fc
  .record({
    kinds: fc.array(fc.constantFrom('number', 'category'), { maxLength: 20 }),
    task: fc.constantFrom('binary', 'regression'),
  })
  .chain(({ kinds, task }) => {
    const features = kinds.map((kind, i) =>
      (kind === 'number' ? number : category)(`feature ${i}.x`),
    )
    const row = fc.record({
      time: fc.integer({ min: -8e12, max: 8e12 }),
      shard: fc.nat(65_535),
      sequence: fc.nat(Number.MAX_SAFE_INTEGER),
      label: task === 'binary' ? fc.nat(1) : fc.float({ noNaN: true, noDefaultInfinity: true }),
      values: fc.tuple(...kinds.map((kind) => (kind === 'number' ? anyFloat : anyCode))),
    })
    const rows = fc.uniqueArray(row, {
      maxLength: 120,
      selector: (one) => `${one.shard} ${one.sequence}`,
    })
    return rows.map((made) => ({ features, rows: made, task }) as MadeTable)
  })

/** One NaN stands for all. */
function bitsOf(values: Iterable<number>): number[] {
  const floats = Float32Array.from(values, (value) => (Number.isNaN(value) ? Number.NaN : value))
  return [...new Uint32Array(floats.buffer)]
}

function inOrder(rows: readonly MadeRow[]): MadeRow[] {
  return [...rows].sort((a, b) => a.time - b.time || a.shard - b.shard || a.sequence - b.sequence)
}

/** Values of a row as they were given: categories by their texts again. */
function givenRow({ table }: LoadedDataset, row: number): (string | number)[] {
  return table.columns.map(({ kind, categories }, i) => {
    const value = table.rows[row * table.width + i]
    return kind === 'category' && !Number.isNaN(value) ? categories[value] : bitsOf([value])[0]
  })
}

test('what is read has the bits that were written, in order of time', async () => {
  await fc.assert(
    fc.asyncProperty(anyTable, fc.integer({ min: 1, max: 50 }), async (given, groupRows) => {
      const { features, rows, task } = given
      const directory = nextDirectory()
      const manifest = await writeRows(rows, {
        directory,
        features,
        groupRows,
        fileGroups: 2,
        label: { task, classes: task === 'binary' ? ['no', 'ja 👍'] : [] },
        textOf: (_, code) => TEXTS[code],
      })
      const read = await readDataset(directory)
      const expected = inOrder(rows)
      expect(read.manifest).toEqual(manifest)
      expect(read.manifest).toMatchObject({ ...FACTS, rows: rows.length, schemaHash: 'made' })
      expect([...read.times]).toEqual(expected.map(({ time }) => time))
      expect([...read.shards]).toEqual(expected.map(({ shard }) => shard))
      expect([...read.sequences]).toEqual(expected.map(({ sequence }) => sequence))
      expect(bitsOf(read.table.labels)).toEqual(bitsOf(expected.map(({ label }) => label)))
      expected.forEach(({ values }, row) => {
        const wanted = values.map((value, i) => {
          const text = features[i].kind === 'category' && !Number.isNaN(value)
          return text ? TEXTS[value] : bitsOf([value])[0]
        })
        expect(givenRow(read, row)).toEqual(wanted)
      })
      for (const { categories } of read.table.columns) {
        expect(categories).toEqual([...new Set(categories)].sort())
      }
    }),
    { numRuns: 60 },
  )
})

test('columns of many and of few different values, and of none, over several row groups', async () => {
  const rows: MadeRow[] = Array.from({ length: 9_000 }, (_, i) => ({
    time: i,
    shard: 0,
    sequence: i,
    label: 0,
    values: [
      Math.fround(Math.sin(i)),
      i % 1_500,
      i % 2,
      5,
      Number.NaN,
      i % 3_000,
      i < 4_096 ? 1 : Number.NaN,
    ],
  }))
  const features = [...['a', 'b', 'c', 'd', 'e'].map(number), category('f'), number('g')]
  const directory = nextDirectory()
  await writeRows(rows, {
    directory,
    features,
    groupRows: 4_096,
    textOf: (_, code) => `text ${code}`,
  })
  const { table } = await readDataset(directory)
  expect(table.columns[5].categories).toHaveLength(3_000)
  for (let row = 0; row < rows.length; row++) {
    const read = [...table.rows.subarray(row * 7, row * 7 + 7)]
    read[5] = Number(table.columns[5].categories[read[5]].slice(5))
    expect(read).toEqual([...rows[row].values])
  }
})

test('a table tells its columns, its label and the steps of sequences', async () => {
  const step = { trait: 'views', at: 1, of: 3 }
  const directory = nextDirectory()
  const features = [{ ...number('views.1'), step }, category('device')]
  const rows = [1, 0].map((label) => ({
    time: 5 - label,
    shard: 0,
    sequence: label,
    label,
    values: [1, label],
  }))
  await writeRows(rows, { directory, features, textOf: (_, code) => ['phone', 'desk'][code] })
  const { table } = await readDataset(directory)
  expect(table).toMatchObject({ task: 'binary', classes: 2, count: 2, width: 2 })
  expect(table.schema.label).toEqual({
    name: 'Order Completed within 24h',
    task: 'binary',
    classes: ['no', 'yes'],
    truth: false,
  })
  expect(table.columns).toEqual([
    { name: 'views.1', kind: 'number', categories: [], truth: false, origin: 0, step },
    { name: 'device', kind: 'category', categories: ['desk', 'phone'], truth: false, origin: 0 },
  ])
  expect([...table.labels]).toEqual([1, 0])
  expect([...table.rows]).toEqual([1, 0, 1, 1])
})

test('a sample is a part of the rows that depends on the seed, not on how they lie in the file', async () => {
  const rows = plainRows(4_000)
  const [small, large] = [nextDirectory(), nextDirectory()]
  await writeRows(rows, { directory: small, features: PLAIN_FEATURES, groupRows: 100 })
  await writeRows([...rows].reverse(), { directory: large, features: PLAIN_FEATURES })
  const sequences = async (directory: string, seed: number): Promise<number[]> => [
    ...(await readDataset(directory, { rowsMax: 500, seed })).sequences,
  ]
  const sample = await sequences(small, 1)
  expect(sample.length).toBeGreaterThan(200)
  expect(sample.length).toBeLessThanOrEqual(500)
  expect(await sequences(large, 1)).toEqual(sample)
  expect(await sequences(small, 2)).not.toEqual(sample)
  const { table } = await readDataset(small, { rowsMax: 500, seed: 1 })
  expect(table.rows.filter((_, i) => i % 4 === 0)).toEqual(Float32Array.from(sample))
  const mean = sample.reduce((sum, one) => sum + one, 0) / sample.length
  expect(Math.abs(mean - 2_000)).toBeLessThan(250)
  const whole = await readDataset(small, { rowsMax: 4_000 })
  expect(whole.table.count).toBe(4_000)
})
