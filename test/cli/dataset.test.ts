import { execFile, spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { makeJournal } from '../../benchmarks/made-journal.ts'
import { temporaryDirectory } from '../integration/server.ts'
import { category, number, writeRows } from '../model/dataset-files/made-dataset.ts'

const LIMN = resolve('dist/src/cli/limn.js')
const run = promisify(execFile)
const made = temporaryDirectory()
afterAll(() => made.remove())

const limn = (...words: string[]): Promise<{ stdout: string }> =>
  run(process.execPath, [LIMN, 'dataset', ...words])

async function madeDataset(name: string): Promise<string> {
  const directory = join(made.path, name)
  const rows = Array.from({ length: 100 }, (_, i) => ({
    time: 1_000 + i,
    shard: 0,
    sequence: i,
    label: i % 4 === 0 ? 1 : 0,
    values: [i, i < 25 ? Number.NaN : 2, i % 10 === 0 ? 1 : 0, Number.NaN],
  }))
  const features = [number('count'), number('same'), category('device'), number('never')]
  await writeRows(rows, { directory, features, textOf: (_, code) => ['phone', 'desk'][code] })
  return directory
}

test('describe shows counts, labels and columns of a dataset, as text and as JSON', async () => {
  const directory = await madeDataset('plain')
  const { stdout } = await limn('describe', directory)
  expect(stdout).toMatch(/dataset of model purchase, made at 20/)
  expect(stdout).toContain('rows      100 of 1,000 records; left out: 3 whose time to come')
  expect(stdout).toContain('labels    binary: no 75 (75.0 %), yes 25 (25.0 %)')
  expect(stdout).toContain('span      1970-01-01T00:00:01.000Z to 1970-01-01T00:00:02.000Z')
  expect(stdout).toMatch(/count +number +mean 49\.5 ± 28\.87, 0 to 99/)
  expect(stdout).toMatch(/same +number +25\.0 % missing +constant, mean 2 ± 0/)
  expect(stdout).toMatch(/device +category +2 categories: phone 90, desk 10/)
  expect(stdout).toMatch(/never +number +100\.0 % missing +empty/)
  const json = JSON.parse((await limn('describe', directory, '--json')).stdout) as object
  expect(json).toMatchObject({
    manifest: { rows: 100, balance: { classes: { no: 75, yes: 25 } }, positions: [{ next: 1000 }] },
    columns: [
      { name: 'count', missing: 0, min: 0, max: 99, mean: 49.5, constant: false },
      { name: 'same', missing: 0.25, constant: true },
      { name: 'device', categories: 2, top: [{ text: 'phone', rows: 90 }, { rows: 10 }] },
      { name: 'never', missing: 1, mean: null, constant: true },
    ],
  })
})

test('describe of a CSV file says what training would take its columns for', async () => {
  const file = join(made.path, 'table.csv')
  const lines = Array.from({ length: 60 }, (_, i) => {
    const device = i % 6 === 0 ? '' : ['phone', 'desk', 'tablet'][i % 3]
    return `${1000 + i},${i % 7 === 0 ? '' : Math.sin(i)},${device},2026-01-${10 + (i % 20)},x`
  })
  writeFileSync(file, `order_id,spend,device,day,same\n${lines.join('\n')}\n`)
  const { stdout } = await limn('describe', file)
  expect(stdout).toContain('table.csv: 60 rows')
  expect(stdout).toMatch(/order_id +left out \(id\)/)
  expect(stdout).toMatch(/spend +number +15\.0 % missing/)
  expect(stdout).toMatch(
    /device +category +16\.7 % missing +3 categories: desk 20, tablet 20, phone 10/,
  )
  expect(stdout).toMatch(/same +left out \(constant\)/)
  const json = JSON.parse((await limn('describe', file, '--json')).stdout) as object
  expect(json).toMatchObject({
    rows: 60,
    columns: [{ leftOut: 'id' }, { kind: 'number' }, { categories: 3 }, { kind: 'time' }, {}],
  })
})

test('build makes a dataset of a data directory, which describe reads', async () => {
  const data = join(made.path, 'data')
  await makeJournal(data, 5_000)
  const out = join(made.path, 'built')
  const env = { ...process.env, LIMN_STORAGE_SHARDS: '2' }
  const build = (...words: string[]) =>
    run(process.execPath, [LIMN, 'dataset', 'build', 'purchase', '--data', data, ...words], { env })
  const { stdout } = await build('--out', out)
  expect(stdout).toMatch(/rows of \d+ features for purchase\ntarget    Order Completed within 24h/)
  const described = JSON.parse((await limn('describe', out, '--json')).stdout) as {
    manifest: { rows: number; records: number; censored: number; balance: { classes: object } }
    columns: { name: string }[]
  }
  expect(described.manifest).toMatchObject({ records: 5_000, model: 'purchase' })
  expect(described.manifest.rows + described.manifest.censored).toBe(5_000)
  expect(described.columns.map(({ name }) => name)).toContain('session.events')

  await expect(build('--out', out)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERR_DATASET_EXISTS') as string,
  })
  const fewer = await build('--out', out, '--overwrite', '--rows-max', '500', '--json')
  const manifest = JSON.parse(fewer.stdout) as { rows: number; censored: number }
  expect(manifest.rows + manifest.censored).toBeLessThanOrEqual(500)
  expect(manifest.rows + manifest.censored).toBeGreaterThan(200)
  await expect(build('--out', out, '--rows-max', 'many')).rejects.toMatchObject({
    stderr: expect.stringContaining('ERR_MODEL_DEFINITION') as string,
  })
})

test('Ctrl-C ends a build with a code and leaves nothing', async () => {
  const data = join(made.path, 'long')
  await makeJournal(data, 300_000)
  const parent = join(made.path, 'outs')
  const words = ['build', 'purchase', '--data', data, '--out', join(parent, 'dataset')]
  const child = spawn(process.execPath, [LIMN, 'dataset', ...words], {
    env: { ...process.env, LIMN_STORAGE_SHARDS: '2' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  let asked = false
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
    if (!asked && errors.includes('replay:')) asked = child.kill('SIGINT')
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect(errors).toContain('ERR_MODEL_INTERRUPTED')
  expect(code).toBe(1)
  expect(readdirSync(parent)).toEqual([])
})

test('what is no dataset, and one that is damaged, ends with a code', async () => {
  await expect(limn('describe', made.path)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERR_DATASET_UNKNOWN') as string,
  })
  const directory = await madeDataset('damaged')
  writeFileSync(join(directory, 'rows.parquet'), 'PAR1')
  await expect(limn('describe', directory)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERR_DATASET_CORRUPT') as string,
  })
})
