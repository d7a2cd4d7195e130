import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { temporaryDirectory } from '../integration/server.ts'
import { writeTable } from '../model/training/made-table-file.ts'

const LIMN = resolve('dist/src/cli/limn.js')
const run = promisify(execFile)
const directory = temporaryDirectory()
afterAll(() => directory.remove())

const limn = (...words: string[]): Promise<{ stdout: string }> =>
  run(process.execPath, [LIMN, ...words, '--data', directory.path])

test('train and evaluate on plain tables print one JSON document each', async () => {
  const [train, other] = ['train.csv', 'other.csv'].map((name) => join(directory.path, name))
  writeTable(train, { task: 'binary', count: 800, seed: 1 })
  writeTable(other, { task: 'binary', count: 400, seed: 2 })
  const learner = ['--learner', 'logistic', '--trials', '0', '--json']
  const trained = await limn('train', 'shoppers', '--table', train, '--label', 'bought', ...learner)
  const first = JSON.parse(trained.stdout) as { metrics: Record<string, number> }
  expect(first).toMatchObject({ model: 'shoppers', version: 1, learner: 'logistic', rows: 800 })
  const evaluated = await limn(
    'evaluate',
    'shoppers',
    '--table',
    other,
    '--label',
    'bought',
    '--json',
  )
  const second = JSON.parse(evaluated.stdout) as { metrics: Record<string, number> }
  expect(second).toMatchObject({ model: 'shoppers', version: 1, rows: 400 })
  for (const { metrics } of [first, second]) {
    for (const name of [
      'accuracy',
      'precision',
      'recall',
      'f1',
      'rocAuc',
      'prAuc',
      'logLoss',
      'brier',
      'ece',
    ]) {
      expect(metrics[name]).toBeGreaterThan(0)
      expect(metrics[name]).toBeLessThan(1)
    }
    expect(metrics.rocAuc).toBeGreaterThan(0.8)
  }
  const listed = await limn('models', 'list', '--json')
  expect(JSON.parse(listed.stdout)).toEqual({
    models: [{ name: 'shoppers', live: 1, versions: [1] }],
  })
})

test('a table without a label, and an unknown learner, end with a code', async () => {
  const table = join(directory.path, 'train.csv')
  await expect(limn('train', 'x', '--table', table)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERR_TABLE_LABEL') as string,
  })
  const unknown = ['--table', table, '--label', 'bought', '--learner', 'magic']
  await expect(limn('train', 'x', ...unknown)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ERR_LEARNER_UNKNOWN') as string,
  })
})
