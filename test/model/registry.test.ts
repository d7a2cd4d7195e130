import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { binaryMetrics } from '../../src/model/metrics.ts'
import type { DenseModel } from '../../src/model/network.ts'
import { fitPreparation, preparedWidth } from '../../src/model/preparation.ts'
import { Random } from '../../src/model/random.ts'
import { ModelRegistry, type NewVersion } from '../../src/model/registry.ts'
import { DenseScorer } from '../../src/model/scorer.ts'
import { loadModelVersion } from '../../src/model/loaded-model.ts'
import { makeTable } from './made-table.ts'

const table = makeTable(300, 5)
const featureNames = ['spend', 'visits', 'age', 'recency', 'constant', 'noise']
let directory: string
let registry: ModelRegistry

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'limn-registry-'))
  registry = new ModelRegistry(directory)
})

afterEach(() => rm(directory, { recursive: true }))

function madeModel(seed: number): DenseModel {
  const preparation = fitPreparation(table)
  const random = new Random(seed)
  const sizes = [preparedWidth(preparation), 8, 1]
  const made = (size: number) => Float32Array.from({ length: size }, () => random.normal())
  const weights = [made(sizes[0] * 8), made(8)]
  return { preparation, network: { sizes, weights, biases: [made(8), made(1)] } }
}

function madeVersion(model = 'purchase'): NewVersion {
  return {
    model,
    learner: 'network',
    target: { event: 'Order Completed', withinMs: 86_400_000 },
    featureNames,
    schemaHash: 'abc',
    data: {
      positions: [{ shard: 0, next: 10 }],
      from: 1,
      to: 2,
      records: 10,
      rows: 3,
      positives: 1,
    },
    split: { trainingRows: 1, validationRows: 1, holdoutRows: 1, holdoutFrom: 2 },
    seed: 1,
    threshold: 0.4,
    metrics: binaryMetrics(Float32Array.from([0.9, 0.1]), Uint8Array.from([1, 0]), 0.5),
    tried: { network: 0.3 },
  }
}

const score = (scorer: { score: DenseScorer['score'] }): Float32Array => {
  const out = new Float32Array(table.count)
  scorer.score(table.rows, table.count, out)
  return out
}

test('a loaded version scores exactly as the model that was saved', async () => {
  const model = madeModel(1)
  const manifest = await registry.save(madeVersion(), model)
  const path = registry.directoryOf('purchase', manifest.version)
  const loaded = await loadModelVersion(path, { featureNames, schemaHash: 'abc', backend: null })
  expect(loaded).toMatchObject({ name: 'purchase', version: '1', threshold: 0.4 })
  expect(score(loaded)).toEqual(score(new DenseScorer(model, null)))
})

test('numbers versions, promotes, rolls back and retires', async () => {
  for (const seed of [1, 2, 3]) await registry.save(madeVersion(), madeModel(seed))
  expect(await registry.list()).toEqual([{ name: 'purchase', live: null, versions: [1, 2, 3] }])
  await registry.promote('purchase', 1)
  await registry.promote('purchase', 3)
  expect(await registry.liveVersion('purchase')).toBe(3)
  await expect(registry.retire('purchase', 3)).rejects.toMatchObject({ code: 'ERR_MODEL_LIVE' })
  expect(await registry.rollback('purchase')).toBe(1)
  const again = registry.rollback('purchase')
  await expect(again).rejects.toMatchObject({ code: 'ERR_MODEL_NO_PREVIOUS' })
  await registry.retire('purchase', 3)
  expect(await registry.versions('purchase')).toEqual([1, 2])
})

test('a damaged version is refused, and what is live stays live', async () => {
  for (const seed of [1, 2]) await registry.save(madeVersion(), madeModel(seed))
  await registry.promote('purchase', 1)
  const path = join(registry.directoryOf('purchase', 2), 'weights.bin')
  const bytes = await readFile(path)
  bytes[40] ^= 1
  await writeFile(path, bytes)
  await expect(registry.promote('purchase', 2)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
  await writeFile(path, bytes.subarray(0, 100))
  await expect(registry.promote('purchase', 2)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
  await writeFile(join(registry.directoryOf('purchase', 2), 'manifest.json'), '{"format":1')
  await expect(registry.show('purchase', 2)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
  expect(await registry.liveVersion('purchase')).toBe(1)
})

test('a save that fails leaves no trace', async () => {
  await registry.save(madeVersion(), madeModel(1))
  await registry.promote('purchase', 1)
  const broken = { ...madeVersion(), seed: 1n as unknown as number }
  await expect(registry.save(broken, madeModel(2))).rejects.toMatchObject({
    code: 'ERR_MODEL_SAVE',
  })
  expect((await readdir(join(directory, 'purchase'))).sort()).toEqual(['1', 'live.json'])
  expect(await registry.liveVersion('purchase')).toBe(1)
})

test('two saves at once get two versions', async () => {
  const saves = [1, 2, 3].map((seed) => registry.save(madeVersion(), madeModel(seed)))
  const versions = (await Promise.all(saves)).map(({ version }) => version)
  expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3])
})

test('refuses other features, another schema, unknown versions and bad names', async () => {
  await registry.save(madeVersion(), madeModel(1))
  const path = registry.directoryOf('purchase', 1)
  const load = (options: object) => loadModelVersion(path, { backend: null, ...options })
  const code = 'ERR_MODEL_FEATURES'
  const renamed = ['income', ...featureNames.slice(1)]
  await expect(load({ featureNames: renamed })).rejects.toMatchObject({ code })
  await expect(load({ featureNames: [...featureNames].reverse() })).rejects.toMatchObject({ code })
  await expect(load({ schemaHash: 'other' })).rejects.toMatchObject({ code })
  await expect(registry.show('purchase', 9)).rejects.toMatchObject({ code: 'ERR_MODEL_UNKNOWN' })
  await expect(registry.versions('../x')).rejects.toMatchObject({ code: 'ERR_MODEL_NAME' })
})
