import { expect, test } from 'vitest'
import { buildDataset, type Dataset } from '../../src/model/dataset.ts'
import { planModel, type ModelDefinition } from '../../src/model/definition.ts'
import { Random } from '../../src/model/random.ts'
import { splitByTime } from '../../src/model/split.ts'
import { BOT, HOUR_MS, IMPORTED, makeSource, type MadeEvent } from './made-source.ts'

const target = { event: 'Order', within: '24h' }
const quiet = (): void => undefined
const end: MadeEvent = { key: 'last', time: 100 * HOUR_MS }

function build(
  events: readonly MadeEvent[],
  definition: Partial<ModelDefinition> = {},
  shards = 1,
): Promise<Dataset> {
  return buildDataset(makeSource(events, shards), planModel({ target, ...definition }), quiet)
}

function described(dataset: Dataset): { hour: number; label: number; features: number[] }[] {
  return Array.from({ length: dataset.count }, (_, i) => ({
    hour: dataset.times[i] / HOUR_MS,
    label: dataset.labels[i],
    features: [...dataset.rows.subarray(i * dataset.width, (i + 1) * dataset.width)],
  }))
}

test('reads features as of the event, and labels from what arrived later', async () => {
  const dataset = await build([
    { key: 'a', time: 0, value: 5 },
    { key: 'a', time: 10 * HOUR_MS, value: 6 },
    { key: 'a', time: 30 * HOUR_MS, name: 'Order', value: 7 },
    { key: 'b', time: 31 * HOUR_MS, value: 8 },
    end,
  ])
  expect(described(dataset)).toEqual([
    { hour: 0, label: 0, features: [1, 5, 0] },
    { hour: 10, label: 1, features: [2, 6, 10] },
    { hour: 30, label: 0, features: [3, 7, 30] },
    { hour: 31, label: 0, features: [1, 8, 31] },
  ])
  expect(dataset.censored).toBe(1)
  expect(dataset.positions).toEqual([{ shard: 0, next: 5 }])
})

test('counts an outcome at the end of the time to come, not after it', async () => {
  const order = (hours: number): MadeEvent => ({ key: 'a', time: hours * HOUR_MS, name: 'Order' })
  const labels = async (at: number) =>
    (await build([{ key: 'a', time: 0 }, order(at), end])).labels[0]
  expect(await labels(24)).toBe(1)
  expect(await labels(24.001)).toBe(0)
})

test('at the same millisecond, only what comes later in the journal is an outcome', async () => {
  const dataset = await build([
    { key: 'a', time: 0 },
    { key: 'a', time: 0, name: 'Order' },
    { key: 'a', time: 0 },
    end,
  ])
  expect([...dataset.labels]).toEqual([1, 0, 0])
})

test('an order after a log-in is an outcome of the anonymous visit, across shards', async () => {
  const events: MadeEvent[] = [
    { key: 'anonymous-1', time: 0, shard: 1 },
    { key: 'anonymous-1', time: HOUR_MS, shard: 1, forwardTo: 'user:u' },
    { key: 'u', time: 0, shard: 0, flags: IMPORTED },
    { key: 'u', time: 2 * HOUR_MS, shard: 0, name: 'Order' },
    end,
  ]
  const dataset = await build(events, {}, 2)
  expect([...dataset.shards]).toEqual([1, 0])
  expect([...dataset.labels]).toEqual([1, 0])
})

test('bots and copies are neither rows nor outcomes', async () => {
  const dataset = await build([
    { key: 'a', time: 0 },
    { key: 'a', time: 1, name: 'Order', flags: BOT },
    { key: 'a', time: 2, name: 'Order', flags: IMPORTED },
    end,
  ])
  expect([...dataset.labels]).toEqual([0])
})

test('keeps to its limits whatever the number of events, the same way each time', async () => {
  const events: MadeEvent[] = Array.from({ length: 5_000 }, (_, i) => ({
    key: `user-${i % 50}`,
    time: i * 60_000,
  }))
  const bounded = await build(events, { sampling: { rowsMax: 300 } })
  expect(bounded.count + bounded.censored).toBeLessThanOrEqual(300)
  expect(bounded.count).toBeGreaterThan(100)
  expect(await build(events, { sampling: { rowsMax: 300 } })).toEqual(bounded)
  const sparse = await build(events, { sampling: { minGap: '6h', perProfileMax: 3 } })
  const perProfile = new Map<number, number>()
  for (const sequence of sparse.sequences) {
    const profile = sequence % 50
    perProfile.set(profile, (perProfile.get(profile) ?? 0) + 1)
  }
  expect(Math.max(...perProfile.values())).toBeLessThanOrEqual(3)
})

test('no training row knows anything of the holdout', async () => {
  const random = new Random(3)
  const events: MadeEvent[] = Array.from({ length: 4_000 }, (_, i) => ({
    key: `user-${Math.floor(random.next() * 40)}`,
    time: i * 5 * 60_000,
    name: random.next() < 0.05 ? 'Order' : 'Viewed',
  }))
  const plan = planModel({ target })
  const dataset = await buildDataset(makeSource(events), plan, quiet)
  const split = splitByTime(dataset, plan)
  expect(split.training[0]).toBe(0)
  expect(split.validation[0]).toBe(split.training[1])
  const lastKnown = dataset.times[split.validation[1] - 1] + plan.withinMs
  expect(lastKnown).toBeLessThanOrEqual(dataset.times[split.holdout[0]])
  expect(dataset.times[split.validation[1]] + plan.withinMs).toBeGreaterThan(split.holdoutFrom)
  expect(split.holdout[1]).toBe(dataset.count)
  const later = events.map((event) =>
    event.time >= split.holdoutFrom ? { ...event, name: 'Order', value: 1 } : event,
  )
  const changed = await buildDataset(makeSource(later), plan, quiet)
  const known = split.validation[1]
  expect(changed.rows.subarray(0, known * 3)).toEqual(dataset.rows.subarray(0, known * 3))
  expect(changed.labels.subarray(0, known)).toEqual(dataset.labels.subarray(0, known))
})

test('refuses an empty journal, and one that is shorter than the time to come', async () => {
  const code = 'ERR_DATASET_EMPTY'
  await expect(build([])).rejects.toMatchObject({ code })
  await expect(
    build([
      { key: 'a', time: 0 },
      { key: 'a', time: HOUR_MS },
    ]),
  ).rejects.toMatchObject({
    code,
  })
  const dataset = await build([{ key: 'a', time: 0 }, { key: 'a', time: HOUR_MS }, end])
  expect(() => splitByTime(dataset, planModel({ target }))).toThrowError(
    expect.objectContaining({ code }),
  )
})

test('refuses a definition that makes no sense', () => {
  const refused = (definition: Partial<ModelDefinition>) =>
    expect(() => planModel({ target, ...definition })).toThrowError(
      expect.objectContaining({ code: 'ERR_MODEL_DEFINITION' }),
    )
  refused({ target: { event: 'Order', within: 'a day' } })
  refused({ target: { event: 'Order', within: '0h' } })
  refused({ sampling: { rate: 0 } })
  refused({ holdout: 1 })
  refused({ learners: [] })
})
