import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadModelVersion } from '../../src/model/loaded-model.ts'
import { Random } from '../../src/model/random.ts'
import { ModelRegistry } from '../../src/model/registry.ts'
import { evaluateModel, trainModel, type TrainProgress } from '../../src/model/train.ts'
import { HOUR_MS, makeSource, type MadeEvent } from './made-source.ts'

const definition = { target: { event: 'Order', within: '24h' } }
let directory: string
let registry: ModelRegistry

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'limn-train-'))
  registry = new ModelRegistry(directory)
})

afterEach(() => rm(directory, { recursive: true }))

/** Shoppers come once; the value of a visit says how likely an order follows an hour later. */
function visits(count: number, seed: number): MadeEvent[] {
  const random = new Random(seed)
  const events: MadeEvent[] = []
  for (let i = 0; i < count; i++) {
    const value = random.normal()
    const time = i * 10 * 60_000
    events.push({ key: `user-${i}`, time, value })
    if (random.next() < 1 / (1 + Math.exp(1 - 2 * value))) {
      events.push({ key: `user-${i}`, time: time + HOUR_MS, name: 'Order' })
    }
  }
  return events.sort((a, b) => a.time - b.time)
}

test('trains on a journal, saves a version, and evaluates it again alike', async () => {
  const source = makeSource(visits(4_000, 1))
  const stages = new Set<TrainProgress['stage']>()
  const progress = (at: TrainProgress): void => void stages.add(at.stage)
  const options = { name: 'purchase', definition, seed: 7, progress }
  const { manifest, holdout } = await trainModel(source, registry, options)
  expect(manifest).toMatchObject({ model: 'purchase', version: 1, schemaHash: 'made', seed: 7 })
  expect(Object.keys(manifest.tried)).toEqual(['logistic', 'network'])
  expect(manifest.metrics.rocAuc).toBeGreaterThan(0.8)
  expect(manifest.metrics.rows).toBe(holdout.scores.length)
  expect(manifest.data.positions).toEqual([{ shard: 0, next: manifest.data.records }])
  expect([...stages]).toEqual(['replay', 'fit', 'save'])

  const model = await loadModelVersion(registry.directoryOf('purchase', 1), { backend: null })
  const again = await evaluateModel(source, model, { definition, progress })
  expect(again.rows).toEqual(holdout)
  expect(again.metrics).toEqual(manifest.metrics)
})

test('the same journal and seed give the same version', async () => {
  const source = makeSource(visits(1_500, 2))
  const train = () =>
    trainModel(source, registry, { name: 'purchase', definition, seed: 7, progress: () => {} })
  const [first, second] = [await train(), await train()]
  expect(second.manifest.weights).toEqual(first.manifest.weights)
  expect(second.holdout).toEqual(first.holdout)
})

test('a journal without the target is refused, and nothing is saved', async () => {
  const events = visits(1_500, 3).filter((event) => event.name !== 'Order')
  const options = { name: 'purchase', definition, seed: 7, progress: () => {} }
  await expect(trainModel(makeSource(events), registry, options)).rejects.toMatchObject({
    code: 'ERR_DATASET_ONE_CLASS',
  })
  expect(await readdir(directory)).toEqual([])
})
