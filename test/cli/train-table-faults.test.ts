import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../integration/server.ts'
import { runLimn, type Ended } from '../integration/shop-journal.ts'
import { fillDisk, smallDisk } from '../integration/small-disk.ts'
import { Random } from '../../src/model/random.ts'
import { writeTable } from '../model/training/made-table-file.ts'

const directory = temporaryDirectory()
const modelsDir = join(directory.path, 'models')
const file = (name: string): string => join(directory.path, name)
const QUICK = ['--learner', 'logistic', '--trials', '0', '--json']

/** What a training prints with --json. */
interface Trained {
  readonly version: number
  readonly learner: string
  readonly rows: number
  readonly threshold: number | null
  readonly split: Readonly<Record<string, unknown>>
  readonly tried: readonly { readonly learner: string; readonly parameters: object }[]
  readonly ignored: readonly { readonly name: string; readonly reason: string }[]
  readonly metrics: Readonly<Record<string, number | null>>
}

beforeAll(async () => {
  writeTable(file('shop.csv'), { task: 'binary', count: 600, seed: 1 })
  writeTable(file('large.csv'), { task: 'binary', count: 8_000, seed: 2 })
  writeTable(file('value.csv'), { task: 'regression', count: 300, seed: 3 })
  writeTable(file('leak.csv'), { task: 'binary', count: 600, seed: 4, leak: true })
  writeFileSync(file('names.csv'), oddNames(300))
  writeFileSync(file('broken.csv'), 'a,bought\n1,yes\n2,no\n3,"no\n')
  writeFileSync(file('empty.csv'), '')
  trained(await onTable('shop.csv', ...QUICK))
})

afterAll(() => directory.remove())

const limn = (words: readonly string[], onError?: Parameters<typeof runLimn>[2]): Promise<Ended> =>
  runLimn([...words, '--data', directory.path], {}, onError)

const onTable = (table: string, ...words: string[]): Promise<Ended> =>
  limn(['train', 'shoppers', '--table', file(table), '--label', 'bought', ...words])

function trained({ code, stdout, stderr }: Ended): Trained {
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Trained
}

/** Everything below the models' directory, and what is live. */
function registry(): unknown {
  const live = join(modelsDir, 'shoppers', 'live.json')
  return [
    readdirSync(modelsDir, { recursive: true, encoding: 'utf8' }).sort(),
    readFileSync(live, 'utf8'),
  ]
}

/** One coded line, nothing on standard output, nothing saved. */
async function refused(run: () => Promise<Ended>, wanted: string): Promise<string> {
  const before = registry()
  const { code, stdout, stderr } = await run()
  expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' })
  const line = stderr.trimEnd().split('\n').at(-1) ?? ''
  expect(line).toMatch(new RegExp(`^limn: ${wanted}: \\S`))
  expect(stderr.match(/^limn: /gm)).toHaveLength(1)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(registry()).toEqual(before)
  return line
}

/** Columns whose names have a comma, a quote, spaces and letters beyond ASCII. */
function oddNames(count: number): string {
  const random = new Random(5)
  const lines = Array.from({ length: count }, () => {
    const [x, y, z] = [random.normal(), random.normal(), random.normal()]
    const bought = random.next() < 1 / (1 + Math.exp(-2 * x)) ? 'yes' : 'no'
    return `${x.toFixed(3)},${y.toFixed(3)},"größe ${Math.round(z)}",${bought}`
  })
  return ['"price, net","the ""best""",größe 尺寸,bought', ...lines].join('\r\n')
}

test.each([
  ['a seed that is no number', ['--seed', 'abc'], 'ERR_CLI_OPTION', /--seed.*whole.*"abc"/],
  ['a seed below zero', ['--seed', '-1'], 'ERR_CLI_OPTION', /--seed.*from 0.*"-1"/],
  ['half a seed', ['--seed', '1.5'], 'ERR_CLI_OPTION', /"1\.5"/],
  ['no seed', ['--seed', ''], 'ERR_CLI_OPTION', /found ""/],
  ['one fold', ['--folds', '1'], 'ERR_CLI_OPTION', /--folds.*2 to 20/],
  ['a holdout without a time', ['--holdout', '0.3'], 'ERR_CLI_OPTION', /goes with --time/],
  ['a holdout of all', ['--time', 'a', '--holdout', '1'], 'ERR_CLI_OPTION', /0\.01 to 0\.9/],
  ['another search', ['--search', 'guess'], 'ERR_CLI_OPTION', /random or grid/],
  ['fewer trials than none', ['--trials', '-1'], 'ERR_CLI_OPTION', /0 to 1000/],
  ['no trials said', ['--trials', ''], 'ERR_CLI_OPTION', /found ""/],
  ['no inputs', ['--select', '0'], 'ERR_CLI_OPTION', /from 1/],
  ['another measure', ['--select', '2', '--select-by', 'luck'], 'ERR_CLI_OPTION', /anova/],
  ['a measure alone', ['--select-by', 'anova'], 'ERR_CLI_OPTION', /goes with --select/],
  ['one cost', ['--costs', '5'], 'ERR_CLI_OPTION', /1:5/],
  ['an endless cost', ['--costs', '1:Infinity'], 'ERR_CLI_OPTION', /1:5/],
  ['another task', ['--task', 'clusters'], 'ERR_LEARNER_TASK', /binary, multiclass/],
  ['a task that the label is not', ['--task', 'regression'], 'ERR_TABLE_LABEL', /"yes"|"no"/],
  ['an empty learner', ['--learner', 'logistic,,tree'], 'ERR_CLI_OPTION', /between commas/],
  ['an unknown learner', ['--learner', 'logistic,magic'], 'ERR_LEARNER_UNKNOWN', /"magic".*tree/],
  ['a sequence learner', ['--learner', 'gru'], 'ERR_LEARNER_INPUT', /no column is a step/],
  ['a learner of other tasks', ['--learner', 'kmeans'], 'ERR_LEARNER_TASK', /clusters/],
  ['an unknown column', ['--ignore', 'a,zz'], 'ERR_TABLE_COLUMN', /"zz".*session, a, b/],
  ['an open quote', ['--ignore', '"a'], 'ERR_CLI_OPTION', /in quotes/],
  ['the label left out', ['--ignore', 'bought'], 'ERR_TABLE_LABEL', /cannot be left out/],
  ['a time that is none', ['--time', 'kind'], 'ERR_TABLE_COLUMN', /"kind".*there are: a, b/],
  ['an unknown time', ['--time', 'zz'], 'ERR_TABLE_COLUMN', /"zz".*there are: a, b/],
])('%s is refused', async (_title, words, code, sentence) => {
  const line = await refused(() => onTable('shop.csv', ...QUICK, ...words), code)
  expect(line).toMatch(sentence)
})

test.each([
  ['a leak', 'leak.csv', [], 'ERR_DATASET_LEAK', /"paid"/],
  ['a broken row', 'broken.csv', [], 'ERR_TABLE_ROW', /broken\.csv, line 4: a quote/],
  ['an empty file', 'empty.csv', [], 'ERR_TABLE_HEADER', /empty/],
  ['no file', 'nowhere.csv', [], 'ERR_TABLE_FILE', /nowhere/],
  ['costs of a value', 'value.csv', ['--costs', '1:5'], 'ERR_LEARNER_TASK', /regression/],
  ['weights of a value', 'value.csv', ['--balanced'], 'ERR_LEARNER_TASK', /for classes/],
])('%s is refused', async (_title, table, words, code, sentence) => {
  const line = await refused(
    () => onTable(table, '--learner', 'linear,logistic', '--json', ...words),
    code,
  )
  expect(line).toMatch(sentence)
})

test('names: of a model that cannot be, of one of the profile file, of columns that are not', async () => {
  const table = ['--table', file('shop.csv'), '--json']
  const named = (name: string, label: string) => () =>
    limn(['train', name, ...table, '--label', label])
  await refused(named('../x', 'bought'), 'ERR_MODEL_NAME')
  expect(existsSync(file('x'))).toBe(false)
  expect(await refused(named('purchase', 'bought'), 'ERR_MODEL_KIND')).toContain('another name')
  expect(await refused(named('x', 'zz'), 'ERR_TABLE_LABEL')).toContain('session, a, b')
  await refused(() => limn(['train', 'x', ...table]), 'ERR_TABLE_LABEL')
  await refused(() => limn(['train', 'x', '--label', 'a', '--json']), 'ERR_TABLE_LABEL')
})

test('evaluate refuses what is not there, and a table without the columns', async () => {
  const evaluate =
    (name: string, ...words: string[]) =>
    () =>
      limn(['evaluate', ...name.split(' '), '--json', ...words])
  const shop = ['--table', file('shop.csv'), '--label', 'bought']
  await refused(evaluate('nobody', ...shop), 'ERR_MODEL_UNKNOWN')
  expect(await refused(evaluate('shoppers abc', ...shop), 'ERR_MODEL_UNKNOWN')).toContain('"abc"')
  await refused(evaluate('shoppers 99', ...shop), 'ERR_MODEL_UNKNOWN')
  await refused(evaluate('shoppers', '--table', file('shop.csv')), 'ERR_TABLE_LABEL')
  const other = ['--table', file('names.csv'), '--label', 'bought']
  expect(await refused(evaluate('shoppers', ...other), 'ERR_TABLE_COLUMN')).toContain('"a"')
  await refused(
    evaluate('shoppers', '--table', file('broken.csv'), '--label', 'bought'),
    'ERR_TABLE_COLUMN',
  )
})

test('wrong usage ends with 2', async () => {
  for (const words of [['train'], ['train', 'x', '--magic'], ['train', 'x', '--table']]) {
    const { code, stdout, stderr } = await runLimn(words, {})
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).not.toMatch(/^\s+at /m)
  }
})

describe('each option does what it says', () => {
  test('--time, --holdout', async () => {
    const { split, rows, ignored } = trained(
      await onTable('shop.csv', ...QUICK, '--time', 'b', '--holdout', '0.5'),
    )
    expect(split).toMatchObject({ kind: 'time' })
    expect(ignored).toContainEqual({ name: 'b', reason: 'asked' })
    const { fittedRows, validationRows, holdoutRows, gapRows } = split as Record<string, number>
    expect(fittedRows + validationRows + holdoutRows + gapRows).toBe(rows)
    expect(holdoutRows).toBeGreaterThan(100)
  })

  test('--folds, --learner a,b, --search grid, --trials', async () => {
    const search = ['--folds', '3', '--learner', 'logistic, tree', '--search', 'grid']
    const made = trained(await onTable('shop.csv', ...search, '--trials', '2', '--json'))
    expect(made.split).toEqual({ kind: 'folds', folds: 3 })
    expect(new Set(made.tried.map(({ learner }) => learner))).toEqual(new Set(['logistic', 'tree']))
    expect(made.tried).toHaveLength(4)
  })

  test('--select, --select-by, --balanced, --costs, --ignore', async () => {
    const words = ['--select', '2', '--select-by', 'information', '--balanced', '--costs', '1:9']
    const made = trained(await onTable('shop.csv', ...QUICK, ...words, '--ignore', 'a, kind'))
    expect(made.ignored).toContainEqual({ name: 'kind', reason: 'asked' })
    expect(made.threshold).toBeLessThan(0.5)
    const page = join(modelsDir, 'shoppers', String(made.version), 'manifest.json')
    const { importance } = JSON.parse(readFileSync(page, 'utf8')) as { importance: object[] }
    expect(importance).toHaveLength(2)
  })

  test('--task', async () => {
    const made = trained(
      await onTable('value.csv', '--task', 'regression', '--learner', 'linear', '--json'),
    )
    expect(made.metrics.r2).toBeGreaterThan(0.5)
  })

  test('columns with commas, quotes and letters beyond ASCII are left out by name', async () => {
    const both = '"price, net","the ""best"""'
    const { ignored } = trained(await onTable('names.csv', ...QUICK, '--ignore', both))
    expect(ignored.map(({ name }) => name)).toEqual(['price, net', 'the "best"'])
    const one = trained(await onTable('names.csv', ...QUICK, '--ignore', 'größe 尺寸'))
    expect(one.ignored).toEqual([{ name: 'größe 尺寸', reason: 'asked' }])
    expect(one.metrics.rocAuc).toBeGreaterThan(0.7)
  })
})

describe('an interrupt', () => {
  const slow = ['--learner', 'boosted_trees', '--trials', '500', '--json']
  const interrupted = (times: number): Promise<Ended> => {
    let sent = 0
    const words = ['train', 'shoppers', '--table', file('large.csv'), '--label', 'bought', ...slow]
    return limn(words, (stderr, kill) => {
      if (sent === times || !stderr.includes(sent === 0 ? 'search' : 'interrupted')) return
      sent++
      kill('SIGINT')
    })
  }

  test('once: the best so far is kept', async () => {
    const { learner, tried } = trained(await interrupted(1))
    expect(learner).toBe('boosted_trees')
    expect(tried.length).toBeLessThan(20)
  })

  test('twice: it ends at once and nothing is saved', async () => {
    await refused(() => interrupted(2), 'ERR_MODEL_INTERRUPTED')
  })
})

test('two trainings at once both end, with two versions of which one is live', async () => {
  const both = await Promise.all(['1', '2'].map((s) => onTable('shop.csv', ...QUICK, '--seed', s)))
  const [first, second] = both.map((ended) => trained(ended).version).sort((a, b) => a - b)
  expect(second).toBe(first + 1)
  const { stdout } = await limn(['models', 'show', 'shoppers'])
  expect([first, second]).toContain((JSON.parse(stdout) as Trained).version)
  expect(readdirSync(join(modelsDir, 'shoppers')).filter((name) => name.startsWith('.'))).toEqual(
    [],
  )
})

test('a full disk, and a directory that is none: coded, and nothing is left', async (context) => {
  const words = ['train', 'shoppers', '--table', file('shop.csv'), '--label', 'bought', ...QUICK]
  const inDirectory = (path: string) => () =>
    runLimn([...words, '--data', directory.path], { LIMN_MODELS_DIR: path })
  writeFileSync(file('no-directory'), '')
  await refused(inDirectory(file('no-directory')), 'ERR_MODEL_SAVE')
  const disk = smallDisk(4)
  if (disk === null) return context.skip('mounting a tmpfs needs root')
  try {
    const path = join(disk.path, 'models')
    mkdirSync(join(path, 'shoppers'), { recursive: true })
    const ballast = fillDisk(disk.path)
    expect(await refused(inDirectory(path), 'ERR_MODEL_SAVE')).toMatch(/ENOSPC/)
    expect(readdirSync(path, { recursive: true })).toEqual(['shoppers'])
    rmSync(ballast)
    expect(trained(await inDirectory(path)()).version).toBe(1)
  } finally {
    disk.remove()
  }
})
