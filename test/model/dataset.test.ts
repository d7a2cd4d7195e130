import { describe, expect, test } from 'vitest'
import { buildDataset, type Dataset } from '../../src/model/dataset/dataset.ts'
import { planModel, type ModelDefinition } from '../../src/model/definition.ts'
import { Random } from '../../src/model/random.ts'
import { splitRows } from '../../src/model/training/split-rows.ts'
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
  const { count, labels, rows, width } = dataset.table
  return Array.from({ length: count }, (_, i) => ({
    hour: dataset.times[i] / HOUR_MS,
    label: labels[i],
    features: [...rows.subarray(i * width, i * width + 3)],
  }))
}

function split({ table, times, persons: groups }: Dataset, horizonMs: number) {
  const { labels, classes } = table
  const by = { kind: 'time', holdout: 0.25, horizonMs, folds: 0 } as const
  return splitRows({ labels, classes, times, groups }, by, 1)
}

function labelsOf(dataset: Dataset): number[] {
  return [...dataset.table.labels]
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
    labelsOf(await build([{ key: 'a', time: 0 }, order(at), end]))[0]
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
  expect(labelsOf(dataset)).toEqual([1, 0, 0])
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
  expect(labelsOf(dataset)).toEqual([1, 0])
})

test('bots and copies are neither rows nor outcomes', async () => {
  const dataset = await build([
    { key: 'a', time: 0 },
    { key: 'a', time: 1, name: 'Order', flags: BOT },
    { key: 'a', time: 2, name: 'Order', flags: IMPORTED },
    end,
  ])
  expect(labelsOf(dataset)).toEqual([0])
})

test('keeps to its limits whatever the number of events, the same way each time', async () => {
  const events: MadeEvent[] = Array.from({ length: 5_000 }, (_, i) => ({
    key: `user-${i % 50}`,
    time: i * 60_000,
  }))
  const bounded = await build(events, { sampling: { rowsMax: 300 } })
  expect(bounded.table.count + bounded.censored).toBeLessThanOrEqual(300)
  expect(bounded.table.count).toBeGreaterThan(100)
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
  const { known: knownRows, holdout, facts } = split(dataset, plan.target.within)
  if (facts.kind !== 'time' || holdout === null) throw new Error('not split by time')
  const known = knownRows.length
  const { holdoutFrom } = facts
  expect([...knownRows]).toEqual([...knownRows.keys()])
  const lastKnown = dataset.times[known - 1] + plan.target.within
  expect(lastKnown).toBeLessThanOrEqual(dataset.times[holdout[0]])
  expect(dataset.times[known] + plan.target.within).toBeGreaterThan(holdoutFrom)
  expect(holdout.at(-1)).toBe(dataset.table.count - 1)
  const later = events.map((event) =>
    event.time >= holdoutFrom ? { ...event, name: 'Order', value: 1 } : event,
  )
  const changed = await buildDataset(makeSource(later), plan, quiet)
  const before = ({ table }: Dataset) => [
    table.rows.subarray(0, known * table.width),
    table.labels.subarray(0, known),
  ]
  expect(before(changed)).toEqual(before(dataset))
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
  expect(() => split(dataset, planModel({ target }).target.within)).toThrowError(
    expect.objectContaining({ code }),
  )
})

describe('labels', () => {
  const visit = (hours: number): MadeEvent => ({ key: 'a', time: hours * HOUR_MS })
  const order = (hours: number, value: number, category?: string): MadeEvent => {
    return { key: 'a', time: hours * HOUR_MS, name: 'Order', value, category }
  }
  const events = [visit(0), visit(1), order(2, 10), order(3, 5, 'shoes'), order(30, 7, 'hats'), end]

  test('absent: there is none; bots do not count', async () => {
    const dataset = await build(
      [visit(0), visit(1), { key: 'a', time: 2 * HOUR_MS, flags: BOT }, end],
      { target: { event: '*', label: 'absent', within: '24h' } },
    )
    expect(labelsOf(dataset)).toEqual([0, 1])
    expect(dataset.table.schema.label?.classes).toEqual(['no', 'yes'])
  })

  test('count, and sum of a value where a condition holds', async () => {
    const counted = await build(events, { target: { ...target, label: 'count' } })
    expect(labelsOf(counted)).toEqual([2, 2, 1, 0, 0])
    expect(counted.table).toMatchObject({ task: 'count', classes: 0 })
    const summed = await build(events, {
      target: { ...target, within: '48h', label: 'sum', value: 'value', where: 'value > 5' },
    })
    expect(labelsOf(summed)).toEqual([17, 17, 7, 7, 0])
  })

  test('next: the first that has a value; without one a row is left out', async () => {
    const dataset = await build(events, {
      target: { ...target, within: '30h', label: 'next', value: 'category' },
    })
    const { schema, labels } = dataset.table
    expect(schema.label?.classes).toEqual(['hats', 'shoes'])
    expect([...labels].map((label) => schema.label?.classes[label])).toEqual([
      'shoes',
      'shoes',
      'shoes',
      'hats',
    ])
    expect(dataset.unlabelled).toBe(1)
    expect(dataset.table.task).toBe('multiclass')
  })

  test('next: rare values are one class behind the others', async () => {
    const many = ['b', 'b', 'b', 'a', 'a', 'x', 'y'].flatMap((category, i): MadeEvent[] => [
      { key: `u${i}`, time: i },
      { key: `u${i}`, time: HOUR_MS + i, name: 'Order', category },
    ])
    const sorted = many.sort((a, b) => a.time - b.time)
    const dataset = await build([...sorted, end], {
      target: { ...target, label: 'next', value: 'category', classesMax: 2 },
      sampling: { on: 'Viewed' },
    })
    expect(dataset.table.schema.label?.classes).toEqual(['a', 'b', '(other)'])
    expect(labelsOf(dataset)).toEqual([1, 1, 1, 0, 0, 2, 2])
  })
})

describe('sampling', () => {
  const at = (key: string, hours: number, more: Partial<MadeEvent> = {}): MadeEvent => {
    return { key, time: hours * HOUR_MS, ...more }
  }
  const hoursOf = (dataset: Dataset) => [...dataset.times].map((time) => time / HOUR_MS)

  test('session: the n-th event of each', async () => {
    const events = [0, 0.1, 0.2, 5, 5.1, 9, 9.1, 9.2].map((hours) => at('a', hours))
    const dataset = await build([...events, end], { sampling: { at: 'session', nth: 2 } })
    expect(hoursOf(dataset)).toEqual([0.1, 5.1, 9.1])
  })

  test('event: only at those named', async () => {
    const events = [at('a', 0), at('a', 1, { name: 'Order' }), at('a', 2), end]
    const dataset = await build(events, { sampling: { on: ['Order', 'Other'] } })
    expect(hoursOf(dataset)).toEqual([1])
  })

  test('day: at each midnight, who was active lately, as of then', async () => {
    const events = [
      at('a', 10, { value: 3 }),
      at('b', 20),
      at('bot', 21, { flags: BOT }),
      at('a', 30, { value: 4 }),
      at('c', 49),
      at('last', 300),
    ]
    const dataset = await build(events, {
      sampling: { at: 'day', activeWithin: '36h' },
      target: { ...target, label: 'absent', event: '*' },
    })
    expect(described(dataset)).toEqual([
      { hour: 24, label: 0, features: [1, 3, 24] },
      { hour: 24, label: 1, features: [1, 0, 24] },
      { hour: 48, label: 1, features: [1, 0, 48] },
      { hour: 48, label: 1, features: [2, 4, 48] },
      { hour: 72, label: 1, features: [1, 0, 72] },
    ])
    expect([...dataset.sequences]).toEqual([0, 1, 1, 3, 4])
  })

  test('day: a profile that was joined to another is no row any more', async () => {
    const events = [
      at('anonymous-1', 10),
      at('anonymous-1', 11, { forwardTo: 'user:u' }),
      at('u', 11),
      at('last', 100),
    ]
    const dataset = await build(events, { sampling: { at: 'day', activeWithin: '1d' } })
    expect([...dataset.sequences]).toEqual([2])
  })

  test('no row after an event that is older than what the profile has seen', async () => {
    const order = at('a', 30, { name: 'Order' })
    const dataset = await build([order, at('b', 31), at('a', 5), at('a', 29), at('a', 32), end])
    expect(hoursOf(dataset)).toEqual([30, 31, 32])
    expect(dataset.late).toBe(2)
  })

  test('exclude: no row where a condition holds, bots or not', async () => {
    const events = [
      at('a', 0, { value: 1 }),
      at('a', 1, { value: 2 }),
      at('a', 2, { value: 2, flags: BOT }),
      end,
    ]
    const none = await build(events, { exclude: { when: 'value == 1' } })
    expect(hoursOf(none)).toEqual([1])
    expect(none.excluded).toBe(1)
    const bots = await build(events, { exclude: { when: 'events == 1', bots: false } })
    expect(hoursOf(bots)).toEqual([1, 2])
  })
})

test('categories are places among the texts that rows have; other rows are missing', async () => {
  const dataset = await build([
    { key: 'a', time: 0, category: 'shoes' },
    { key: 'a', time: 1, category: 'hats' },
    { key: 'a', time: 2 },
    { key: 'a', time: 3, category: 'shoes' },
    { ...end, category: 'unseen' },
  ])
  const { columns, rows, width } = dataset.table
  expect(columns[3]).toMatchObject({ kind: 'category', categories: ['hats', 'shoes'] })
  const values = Array.from({ length: 4 }, (_, i) => rows[i * width + 3])
  expect(values).toEqual([1, 0, Number.NaN, 1])
})
