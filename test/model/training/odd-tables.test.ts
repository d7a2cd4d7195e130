import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { ModelRegistry } from '../../../src/model/registry.ts'
import { evaluateOnTable, trainOnTable } from '../../../src/model/training/train-on-table.ts'
import type { TableTrainingRequest } from '../../../src/model/training/train-on-table.ts'
import { readModelVersion } from '../../../src/model/version/model-version.ts'
import { readTableAs } from '../../../src/model/table/read-table.ts'
import { LimnError } from '../../../src/protocol/errors.ts'
import { Random } from '../../../src/model/random.ts'
import { temporaryDirectory } from '../../integration/server.ts'
import { plainRequest } from './plain-request.ts'

const directory = temporaryDirectory()
const modelsDir = join(directory.path, 'models')
const registry = new ModelRegistry(modelsDir)
const file = join(directory.path, 'table.csv')
const DOCUMENTED = new Set(readFileSync('docs/errors.md', 'utf8').match(/ERR_[A-Z_]+/g))

beforeEach(() => rmSync(modelsDir, { recursive: true, force: true }))
afterAll(() => directory.remove())

function train(text: string | Buffer, given: Partial<TableTrainingRequest> = {}) {
  writeFileSync(file, text)
  return trainOnTable(registry, {
    ...plainRequest({ name: 'odd', file, label: 'y' }),
    learners: ['logistic', 'linear'],
    folds: 3,
    ...given,
  })
}

async function refused(
  text: string | Buffer,
  wanted: { code: string; message: RegExp },
  given: Partial<TableTrainingRequest> = {},
): Promise<void> {
  const { code, message } = wanted
  await expect(train(text, given)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  })
  expect(existsSync(modelsDir) ? readdirSync(modelsDir, { recursive: true }) : []).toEqual([])
}

/** Rows of which `x` says something of the label; more columns by `extra`. */
function lines(count: number, extra: (row: number, random: Random) => string = () => '0'): string {
  const random = new Random(3)
  const rows = Array.from({ length: count }, (_, row) => {
    const x = random.normal()
    const y = random.next() < 1 / (1 + Math.exp(-2 * x)) ? 'yes' : 'no'
    return `${x.toFixed(4)},${extra(row, random)},${y}`
  })
  return ['x,k,y', ...rows].join('\n')
}

describe('is refused with what was found', () => {
  test.each([
    ['no row', 'x,y\n', 'ERR_DATASET_EMPTY', /no rows/],
    ['one row', 'x,y\n1,a\n', 'ERR_DATASET_ONE_CLASS', /"y" has the same value/],
    ['two rows', 'x,y\n1,a\n2,b\n', 'ERR_DATASET_ONE_CLASS', /class "a".*1 row/],
    ['one class', 'x,y\n1,a\n2,a\n3,a\n', 'ERR_DATASET_ONE_CLASS', /same value/],
    ['no label in any row', 'x,y\n1,\n2,NaN\n3,?\n', 'ERR_DATASET_ONE_CLASS', /no value/],
    ['only a label', 'y\na\nb\na\nb\n', 'ERR_DATASET_EMPTY', /no column to learn from/],
    [
      'constants',
      'x,z,y\n1,,a\n1,,b\n1,,a\n1,,b\n',
      'ERR_DATASET_EMPTY',
      /x \(constant\), z \(empty\)/,
    ],
    ['no label column', 'x,z\n1,2\n', 'ERR_TABLE_LABEL', /no column "y".*x, z/],
    ['a name twice', 'x,x,y\n1,2,a\n', 'ERR_TABLE_HEADER', /two columns are named "x"/],
    ['a column without name', 'x,,y\n1,2,a\n', 'ERR_TABLE_HEADER', /column 2/],
    ['the header again', 'x,y\n1,a\n2,b\nx,y\n3,a\n', 'ERR_TABLE_ROW', /row 3.*header again/],
    ['a short row', 'x,y\n1,a\n2\n', 'ERR_TABLE_ROW', /line 3.*it has 1/],
    ['a long row', 'x,y\n1,a\n2,b,c\n', 'ERR_TABLE_ROW', /line 3.*it has 3/],
    ['an open quote', 'x,y\n1,"a\n2,b\n', 'ERR_TABLE_ROW', /quote/],
    ['half a gzip', gzipSync(lines(400)).subarray(0, 500), 'ERR_TABLE_FILE', /unexpected end/],
    ['101 classes', `x,y\n${many(303, (i) => `${i % 7},c${i % 101}`)}`, 'ERR_TABLE_LABEL', /100/],
    [
      'inf among the labels',
      `x,y\n${many(60, (i) => `${i % 7},${i % 9 === 5 ? 'inf' : i % 9}`)}`,
      'ERR_TABLE_LABEL',
      /"inf".*multiclass/,
    ],
  ] as const)('%s', (_title, text, code, message) => refused(text, { code, message }))

  test('an infinite label where values are asked for', async () => {
    const text = `x,y\n${many(60, (i) => `${i % 7},${i % 9 === 5 ? '1e999' : i % 9}`)}`
    await refused(text, { code: 'ERR_TABLE_LABEL', message: /1e999/ }, { task: 'regression' })
  })

  test('a class of one row, which no fold can both learn and try', async () => {
    const text = `x,k,y\n${many(50, (i) => `${(i * 7) % 5},${i % 3},${i === 3 ? 'yes' : 'no'}`)}`
    await refused(text, { code: 'ERR_DATASET_ONE_CLASS', message: /"yes".*1 row/ })
  })

  test('one class before the holdout', async () => {
    const text = `t,x,y\n${many(100, (i) => `${i},${(i * 7) % 5},${i > 90 ? 'yes' : 'no'}`)}`
    const one = { code: 'ERR_DATASET_ONE_CLASS', message: /class/ }
    await refused(text, one, { time: 't', folds: 0 })
  })

  test('a leak: numbers, a category, a date that is there only for one class', async () => {
    const leak = { code: 'ERR_DATASET_LEAK', message: /"paid"/ }
    const told = (row: (yes: boolean, i: number) => string): string =>
      `x,paid,y\n${many(200, (i) => `${(i * 7) % 5},${row(i % 3 === 0, i)},${i % 3 === 0 ? 'yes' : 'no'}`)}`
    await refused(
      told((yes, i) => String(yes ? 1000 + (i % 50) : i % 50)),
      leak,
    )
    await refused(
      told((yes) => (yes ? 'card' : 'none')),
      leak,
    )
    await refused(
      told((yes, i) => (yes ? `2024-01-0${1 + (i % 9)}` : '')),
      leak,
    )
  })
})

function many(count: number, row: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => row(i)).join('\n')
}

describe('is learned from', () => {
  test('numbers that only rise as a time, and rows without one are left out', async () => {
    const text = lines(300, (row) => String(row % 10 === 4 ? '' : 1_700_000_000 + row * 60))
    const { manifest } = await train(text, { time: 'k', folds: 0 })
    expect(manifest.source).toMatchObject({ rows: 270 })
    expect(manifest.split).toMatchObject({
      kind: 'time',
      holdoutFrom: expect.any(Number) as number,
    })
    expect(manifest.source).toMatchObject({ order: { column: 'k', kind: 'number' } })
    expect(manifest.schema.ignored).toEqual([{ name: 'k', reason: 'asked' }])
    const page = readFileSync(join(registry.directoryOf('odd', 1), 'report.html'), 'utf8')
    expect(page).toMatch(/held out.*rows from k 1700\d+/s)
  })

  test('numbers to order by that no date reaches', async () => {
    const { manifest } = await train(
      lines(100, (row) => String(row * 1e35)),
      { time: 'k' },
    )
    expect(manifest.split).toMatchObject({ kind: 'time' })
  })

  test('CRLF, a byte order mark, gzip: the same model', async () => {
    const text = lines(200, (row) => `"k, ""${row % 3}"""`)
    const { evaluation } = await train(text)
    for (const other of [`\ufeff${text.replaceAll('\n', '\r\n')}`, gzipSync(text)]) {
      expect((await train(other)).evaluation.metrics).toEqual(evaluation.metrics)
    }
    expect(evaluation.metrics.rocAuc.value).toBeGreaterThan(0.7)
  })

  test('a category of 5,000 values, and one with values of which later tables know none', async () => {
    const text = lines(12_000, (row) => `k${row % 5_000}`)
    const { manifest, evaluation } = await train(text)
    expect(manifest.schema.columns[1].categories).toHaveLength(5_000)
    expect(evaluation.metrics.rocAuc.value).toBeGreaterThan(0.75)
    writeFileSync(
      file,
      lines(300, (row) => `new ${row}`),
    )
    const version = await readModelVersion(registry.directoryOf('odd', 1))
    const other = await evaluateOnTable(version, { file, label: 'y', seed: 1 })
    expect(other.table.misfits).toEqual({ k: 300 })
    expect(other.evaluation.metrics.rocAuc.value).toBeGreaterThan(0.75)
    version.dispose()
  }, 120_000)

  test('200 columns of noise beside one that matters', async () => {
    const random = new Random(8)
    const names = Array.from({ length: 200 }, (_, i) => `c${i}`)
    const noise = (): string => names.map(() => random.normal().toFixed(3)).join(',')
    const [, ...rows] = lines(600).split('\n')
    const text = [`${names.join(',')},x,k,y`, ...rows.map((row) => `${noise()},${row}`)].join('\n')
    const { manifest, evaluation } = await train(text, { select: { k: 5, by: 'anova' } })
    expect(manifest.schema.columns).toHaveLength(201)
    expect(manifest.importance).toHaveLength(5)
    expect(manifest.importance[0].name).toBe('x')
    expect(evaluation.metrics.rocAuc.value).toBeGreaterThan(0.75)
  })

  test('NaN, infinities and numbers beyond floats are missing, wherever they stand', async () => {
    const odd = ['NaN', 'inf', '-Infinity', '1e999', '-1e39', '']
    const text = lines(300, (row) => (row % 50 === 0 ? odd[(row / 50) % odd.length] : '3.5e37'))
    const { manifest } = await train(text)
    const version = await readModelVersion(registry.directoryOf('odd', 1))
    const table = await readTableAs(file, manifest.schema, { labels: 'none' })
    expect(version.predict(table.rows, table.count).every(isChance)).toBe(true)
    version.dispose()
  })
})

function isChance(value: number): boolean {
  return value >= 0 && value <= 1
}

/** Cells of one column: of a kind, with some that do not fit it. */
const NUMBERS = ['0', '1', '-2.5', '3e37', '1e-40', '007', '12', '4', '5.5']
const TEXTS = ['a', 'b', 'é', '尺', '"q,""uo"', '__proto__', 'constructor', 'Infinity']
const DAYS = ['2024-01-01', '2024-02-29T10:00Z', '1969-12-31', '9999-12-31']
const TRUTHS = ['yes', 'no', 'TRUE', '0', '1']
const HOLES = ['', 'NaN', 'NA', '1e999', '?', '-']

const cells = fc.constantFrom(NUMBERS, NUMBERS, TEXTS, DAYS, TRUTHS).chain((kind) => {
  const cell = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...kind) },
    { weight: 1, arbitrary: fc.constantFrom(...HOLES) },
  )
  return fc.array(cell, { minLength: 24, maxLength: 24 })
})

const tables = fc.record({
  columns: fc.array(cells, { minLength: 1, maxLength: 4, size: 'max' }),
  rows: fc.integer({ min: 0, max: 24 }),
  end: fc.constantFrom('\n', '\r\n'),
  mark: fc.constantFrom('', '\ufeff'),
  broken: fc.oneof(
    { weight: 9, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  ),
})

const requests = fc.record({
  folds: fc.integer({ min: 2, max: 5 }),
  task: fc.constantFrom(
    null,
    null,
    null,
    null,
    null,
    null,
    'binary',
    'multiclass',
    'regression',
    'count',
  ),
  time: fc.constantFrom(null, null, null, 'c1'),
  select: fc.constantFrom(null, { k: 1, by: 'anova' }, { k: 2, by: 'information' }),
  classWeights: fc.constantFrom('none', 'none', 'none', 'balanced'),
  threshold: fc.constantFrom<TableTrainingRequest['threshold'][]>(
    { by: 'f1' },
    { by: 'f1' },
    { by: 'f1' },
    { by: 'cost', truePositive: 0, falsePositive: 1, falseNegative: 5, trueNegative: 0 },
  ),
} as const)

test('any table is learned from, or refused with a code that is documented', async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(tables, requests, async ({ columns, rows, end, mark, broken }, request) => {
      rmSync(modelsDir, { recursive: true, force: true })
      const names = columns.map((_, i) => (i === 0 ? 'y' : `c${i}`))
      const body = Array.from({ length: rows }, (_, row) =>
        columns.map((cell) => cell[row]).join(','),
      )
      const text = mark + [names.join(','), ...body, ...(broken === null ? [] : [broken])].join(end)
      const outcome = await train(text, request).catch((error: unknown) => error)
      const code = outcome instanceof LimnError ? outcome.code : 'learned'
      seen.set(code, (seen.get(code) ?? 0) + 1)
      if (outcome instanceof LimnError) {
        expect(DOCUMENTED).toContain(outcome.code)
        expect(outcome.message).not.toMatch(/\n|undefined|\[object/)
        expect(existsSync(modelsDir)).toBe(false)
      } else if (outcome instanceof Error) throw outcome
      else await expectWhole()
    }),
    { numRuns: 150 },
  )
  expect(seen.get('learned')).toBeGreaterThan(5)
}, 120_000)

/** The version loads, and says something of every row that is within what its task allows. */
async function expectWhole(): Promise<void> {
  expect(readdirSync(join(modelsDir, 'odd'))).toEqual(['1'])
  const version = await readModelVersion(registry.directoryOf('odd', 1))
  const { schema, task } = version.manifest
  const table = await readTableAs(file, schema, { labels: 'none' })
  const answers = version.predict(table.rows, table.count)
  const allowed = task === 'binary' || task === 'multiclass' ? isChance : Number.isFinite
  expect([...answers].filter((answer) => !allowed(answer))).toEqual([])
  version.dispose()
}
