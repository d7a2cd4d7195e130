import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rankingMetrics } from '../../../src/model/evaluation/metrics.ts'
import { ModelRegistry } from '../../../src/model/registry.ts'
import { evaluateOnTable, trainOnTable } from '../../../src/model/training/train-on-table.ts'
import type {
  TableTrainingRequest,
  TrainingResult,
} from '../../../src/model/training/train-on-table.ts'
import { readModelVersion } from '../../../src/model/version/model-version.ts'
import { readTableAs } from '../../../src/model/table/read-table.ts'
import { temporaryDirectory } from '../../integration/server.ts'
import { writeTable } from './made-table-file.ts'
import { plainRequest } from './plain-request.ts'

const directory = temporaryDirectory()
afterAll(() => directory.remove())
const registry = new ModelRegistry(join(directory.path, 'models'))
const file = (name: string): string => join(directory.path, name)
const request = (given: Partial<TableTrainingRequest>): TableTrainingRequest => ({
  ...plainRequest({ name: 'shoppers', file: file('train.csv'), label: 'bought' }),
  learners: ['logistic', 'boosted_trees'],
  search: { method: 'random', trials: 1 },
  ...given,
})

describe('training on a table', () => {
  let result: TrainingResult
  beforeAll(async () => {
    writeTable(file('train.csv'), { task: 'binary', count: 3_000, seed: 1 })
    result = await trainOnTable(registry, request({}))
  })

  test('comes near the best possible on rows of another file, with the metrics it promised', async () => {
    const made = writeTable(file('test.csv'), { task: 'binary', count: 2_000, seed: 2 })
    const model = await readModelVersion(registry.directoryOf('shoppers', 1))
    const { evaluation, table } = await evaluateOnTable(model, {
      file: file('test.csv'),
      label: 'bought',
      seed: 1,
    })
    const best = rankingMetrics(made.truth, Uint8Array.from(made.labels)).rocAuc
    const found = evaluation.metrics.rocAuc.value ?? 0
    expect(table.count).toBe(2_000)
    expect(found).toBeGreaterThan(best - 0.03)
    expect(Math.abs(found - (result.evaluation.metrics.rocAuc.value ?? 0))).toBeLessThan(0.03)
    expect(evaluation.metrics.ece.value).toBeLessThan(0.05)
  })

  test('leaves out what names a row, says what it tried, and compares with baselines', () => {
    const { manifest, evaluation } = result
    expect(manifest.schema.ignored).toEqual([{ name: 'session', reason: 'id' }])
    expect(manifest.schema.label?.classes).toEqual(['no', 'yes'])
    expect(new Set(manifest.tried.map(({ learner }) => learner))).toEqual(
      new Set(['logistic', 'boosted_trees']),
    )
    const losses = manifest.tried.filter(({ rounds }) => rounds === 5).map(({ loss }) => loss)
    expect(losses).toEqual([...losses].sort((a, b) => a - b))
    const rocAuc = evaluation.metrics.rocAuc.value ?? 0
    for (const { metrics } of evaluation.baselines) {
      expect(rocAuc).toBeGreaterThan(metrics.rocAuc.value ?? 1)
    }
    const text = readFileSync(join(registry.directoryOf('shoppers', 1), 'evaluation.json'), 'utf8')
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(evaluation)))
  })

  test('is the same again under the same seed', async () => {
    const again = await trainOnTable(registry, request({}))
    expect(again.evaluation).toEqual(result.evaluation)
    const [a, b] = await Promise.all(
      [1, again.manifest.version].map((version) =>
        readModelVersion(registry.directoryOf('shoppers', version)),
      ),
    )
    const table = await readTableAs(file('train.csv'), a.manifest.schema, { labels: 'none' })
    expect(a.predict(table.rows, 500)).toEqual(b.predict(table.rows, 500))
  })

  test('refuses a column that gives the label away, by name, and learns without it', async () => {
    writeTable(file('leak.csv'), { task: 'binary', count: 600, seed: 3, leak: true })
    const leaking = request({
      file: file('leak.csv'),
      learners: ['logistic'],
      search: { method: 'random', trials: 0 },
    })
    await expect(trainOnTable(registry, leaking)).rejects.toMatchObject({
      code: 'ERR_DATASET_LEAK',
      message: expect.stringContaining('"paid"') as string,
    })
    const { evaluation } = await trainOnTable(registry, { ...leaking, ignore: ['paid'] })
    expect(evaluation.metrics.rocAuc.value).toBeLessThan(0.99)
  })

  test('learns a value', async () => {
    writeTable(file('value.csv'), { task: 'regression', count: 1_500, seed: 4 })
    const { manifest, evaluation } = await trainOnTable(
      registry,
      request({
        name: 'spend',
        file: file('value.csv'),
        learners: [],
        search: { method: 'random', trials: 0 },
      }),
    )
    expect(manifest).toMatchObject({ task: 'regression', threshold: null, calibration: null })
    expect(evaluation.metrics.r2.value).toBeGreaterThan(0.9)
  })

  test('an interrupt keeps the best so far', async () => {
    const abort = new AbortController()
    const { manifest } = await trainOnTable(
      registry,
      request({
        signal: abort.signal,
        progress: ({ learner }) => learner === 'logistic' && abort.abort(),
      }),
    )
    expect(manifest.learner).toBe('logistic')
    expect(manifest.tried).toHaveLength(1)
  })

  test('refuses by code: another label, no rows, one class, a broken row', async () => {
    const model = await readModelVersion(registry.directoryOf('shoppers', 1))
    const other = { file: file('train.csv'), label: 'kind', seed: 1 }
    await expect(evaluateOnTable(model, other)).rejects.toMatchObject({ code: 'ERR_TABLE_LABEL' })
    const refused = async (text: string, code: string): Promise<void> => {
      writeFileSync(file('bad.csv'), text)
      await expect(
        trainOnTable(registry, request({ file: file('bad.csv') })),
      ).rejects.toMatchObject({
        code,
      })
    }
    await refused('a,bought\n', 'ERR_DATASET_EMPTY')
    await refused('a,bought\n1,yes\n2,yes\n', 'ERR_DATASET_ONE_CLASS')
    await refused('a,b\n1,2\n', 'ERR_TABLE_LABEL')
    await refused('a,bought\n1,yes\n1,2,3\n', 'ERR_TABLE_ROW')
  })
})
