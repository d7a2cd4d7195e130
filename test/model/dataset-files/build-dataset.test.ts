import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  buildDatasetFiles,
  type BuildOptions,
} from '../../../src/model/dataset-files/build-dataset.ts'
import { readDataset } from '../../../src/model/dataset-files/read-dataset.ts'
import { buildDataset } from '../../../src/model/dataset/dataset.ts'
import { planModel, type ModelDefinition } from '../../../src/model/definition.ts'
import { Random } from '../../../src/model/random.ts'
import { makeSource, type MadeEvent } from '../made-source.ts'
import { temporary } from './made-dataset.ts'

let made: ReturnType<typeof temporary>
let directory: string
beforeEach(() => {
  made = temporary()
  directory = join(made.path, 'deep', 'dataset')
})
afterEach(() => made.remove())

const target = { event: 'Order', within: '24h' }

/** Shoppers who look around, buy, and now and then log in. */
function journal(count = 6_000): MadeEvent[] {
  const random = new Random(9)
  const categories = ['shoes', 'hats', 'näive 日本', 'coats', 'bags']
  return Array.from({ length: count }, (_, i) => {
    const shopper = Math.floor(random.next() * 60)
    const category = categories[Math.floor(random.next() ** 2 * categories.length)]
    const event = { key: `u${shopper}`, shard: shopper % 3, time: i * 60_000, category }
    if (random.next() < 0.01) return { ...event, forwardTo: `user:u${(shopper + 3) % 60}` }
    return { ...event, name: random.next() < 0.1 ? 'Order' : 'Viewed', value: random.normal() }
  })
}

const MODELS: Record<string, Partial<ModelDefinition>> = {
  happens: {},
  absent: { target: { ...target, label: 'absent' } },
  count: { target: { ...target, label: 'count' } },
  sum: { target: { ...target, label: 'sum', value: 'value' } },
  next: {
    target: { event: 'Order', within: '2h', label: 'next', value: 'category', classesMax: 3 },
  },
  days: { sampling: { at: 'day' } },
  excluded: { exclude: { when: 'events > 40' }, sampling: { minGap: '1h' } },
}

function build(definition: Partial<ModelDefinition>, options: Partial<BuildOptions> = {}) {
  const source = makeSource(journal(), 3)
  const plan = planModel({ target, ...definition })
  return buildDatasetFiles(source, plan, { model: 'made', directory, ...options })
}

for (const [name, definition] of Object.entries(MODELS)) {
  for (const rowsMax of [150_000, 500]) {
    test(`files have the rows that memory has: ${name}, at most ${rowsMax}`, async () => {
      const plan = planModel({
        target,
        ...definition,
        sampling: { ...definition.sampling, rowsMax },
      })
      const wanted = await buildDataset(makeSource(journal(), 3), plan, () => undefined)
      const manifest = await build(definition, { rowsMax })
      const { table, times, shards, sequences } = await readDataset(directory)
      expect(table).toEqual({ ...wanted.table, unlabelled: 0 })
      expect({ times, shards, sequences }).toEqual({
        times: wanted.times,
        shards: wanted.shards,
        sequences: wanted.sequences,
      })
      const { positions, records, from, to, censored, unlabelled, excluded, late, schemaHash } =
        wanted
      expect(manifest).toMatchObject({
        positions,
        records,
        from,
        to,
        censored,
        unlabelled,
        excluded,
        late,
        schemaHash,
        rows: wanted.table.count,
      })
    })
  }
}

test('without rowsMax all rows are written, however many the definition keeps in memory', async () => {
  const manifest = await build({ sampling: { rowsMax: 10 } })
  expect(manifest.rows + manifest.censored).toBeGreaterThan(5_000)
  expect(manifest.target).toBe('Order within 24h')
  expect(readdirSync(join(made.path, 'deep'))).toEqual(['dataset'])
})

test('an interrupt ends the replay or the writing, and nothing is left', async () => {
  for (const stage of ['replay', 'write']) {
    const abort = new AbortController()
    const building = build(
      {},
      {
        signal: abort.signal,
        progress: (at) => {
          if (at.stage === stage) abort.abort(new Error(`enough of ${stage}`))
        },
      },
    )
    await expect(building).rejects.toThrow(`enough of ${stage}`)
    expect(readdirSync(join(made.path, 'deep'))).toEqual([])
  }
})

test('what cannot be built has a code, before the replay where that can be', async () => {
  await build({})
  let replayed = false
  const progress = (): void => {
    replayed = true
  }
  await expect(build({}, { progress })).rejects.toMatchObject({ code: 'ERR_DATASET_EXISTS' })
  expect(replayed).toBe(false)
  const far = { target: { ...target, within: '365d' } }
  await expect(build(far, { overwrite: true })).rejects.toMatchObject({ code: 'ERR_DATASET_EMPTY' })
  expect((await readDataset(directory)).manifest.rows).toBeGreaterThan(0)
})
