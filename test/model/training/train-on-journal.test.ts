import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Random } from '../../../src/model/random.ts'
import { ModelRegistry } from '../../../src/model/registry.ts'
import {
  evaluateOnJournal,
  trainOnJournal,
  type TrainProgress,
} from '../../../src/model/training/train-on-journal.ts'
import { readModelVersion } from '../../../src/model/version/model-version.ts'
import { HOUR_MS, makeSource, type MadeEvent } from '../made-source.ts'

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

const learners = ['logistic', 'tree']
const request = (given: object = {}) => ({
  name: 'purchase',
  definition,
  learners,
  seed: 7,
  progress: () => undefined,
  ...given,
})

test('trains on a journal, saves a version, and evaluates it again alike', async () => {
  const source = makeSource(visits(4_000, 1))
  const stages = new Set<TrainProgress['stage']>()
  const progress = (at: TrainProgress): void => void stages.add(at.stage)
  const trained = await trainOnJournal(source, registry, request({ progress }))
  const { manifest, evaluation, holdout } = trained
  expect(manifest).toMatchObject({ model: 'purchase', version: 1, task: 'binary', seed: 7 })
  expect(manifest.source).toMatchObject({ kind: 'journal', schemaHash: 'made' })
  expect(new Set(manifest.tried.map(({ learner }) => learner))).toEqual(new Set(learners))
  expect(evaluation.metrics.rocAuc.value).toBeGreaterThan(0.8)
  expect(evaluation.rows).toBe(holdout.predictions.length)
  expect(evaluation.importance[0].name).toBe('value')
  expect(evaluation.baselines.length).toBeGreaterThan(1)
  expect(evaluation.live).toBeNull()
  expect([...stages]).toEqual(['replay', 'search', 'save'])
  const files = await readdir(registry.directoryOf('purchase', 1))
  expect(files.sort()).toEqual(['evaluation.json', 'manifest.json', 'report.html', 'weights.bin'])

  const version = await readModelVersion(registry.directoryOf('purchase', 1))
  const again = await evaluateOnJournal(source, version, request())
  expect(again.rows).toEqual(holdout)
  expect(again.evaluation.metrics).toEqual(manifest.metrics)
})

test('the same journal and seed give the same version, which is compared with the live one', async () => {
  const source = makeSource(visits(1_500, 2))
  const first = await trainOnJournal(source, registry, request())
  await registry.promote('purchase', 1)
  const second = await trainOnJournal(source, registry, request())
  expect(second.manifest.weights).toEqual(first.manifest.weights)
  expect(second.holdout).toEqual(first.holdout)
  expect(second.evaluation.live?.name).toBe('live version 1')
  expect(second.evaluation.live?.metrics.rocAuc).toEqual(second.evaluation.metrics.rocAuc)
})

test('no row is fitted on whose label was not known when the holdout began', async () => {
  const { manifest } = await trainOnJournal(makeSource(visits(3_000, 4)), registry, request())
  if (manifest.split.kind !== 'time') throw new Error('not split by time')
  const { fittedRows, validationRows, gapRows, holdoutRows } = manifest.split
  expect(gapRows).toBeGreaterThan(100)
  expect(fittedRows + validationRows + gapRows + holdoutRows).toBe(manifest.source.rows)
})

test('a journal without the target is refused, and nothing is saved', async () => {
  const events = visits(1_500, 3).filter((event) => event.name !== 'Order')
  await expect(trainOnJournal(makeSource(events), registry, request())).rejects.toMatchObject({
    code: 'ERR_DATASET_ONE_CLASS',
  })
  expect(await readdir(directory)).toEqual([])
})

test('an interrupt keeps the best so far', async () => {
  const abort = new AbortController()
  const progress = (at: TrainProgress): void => {
    if (at.stage === 'search' && at.best !== null) abort.abort()
  }
  const source = makeSource(visits(2_000, 5))
  const { signal } = abort
  const { manifest } = await trainOnJournal(source, registry, request({ progress, signal }))
  expect(manifest.learner).toBe('logistic')
  expect(manifest.tried).toHaveLength(1)
})

test('settings of the definition count, are kept, and are refused before the replay', async () => {
  const source = makeSource(visits(1_500, 6))
  const given = { ...definition, parameters: { tree: { depth: 2 } } }
  const trained = await trainOnJournal(source, registry, request({ definition: given }))
  const tree = trained.manifest.tried.find(({ learner }) => learner === 'tree')
  expect(tree?.parameters).toMatchObject({ depth: 2 })
  const stages = new Set<string>()
  const progress = (at: TrainProgress): void => void stages.add(at.stage)
  const wrong = { ...definition, parameters: { tree: { depth: -2 } } }
  await expect(
    trainOnJournal(source, registry, request({ definition: wrong, progress })),
  ).rejects.toMatchObject({ code: 'ERR_LEARNER_PARAMETER' })
  expect(stages.size).toBe(0)
})
