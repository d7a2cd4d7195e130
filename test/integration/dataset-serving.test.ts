/**
 * A dataset's feature vectors are those that serving computed, bit for bit: shards in their threads
 * score a simulated shop's events with a model that keeps what it is given; then the journal that they
 * wrote is replayed, and the vectors at the same positions compared.
 */
import { setTimeout } from 'node:timers/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import { RECORD_KIND } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import { buildDataset } from '../../src/model/dataset.ts'
import type { RowSink } from '../../src/model/dataset/replay.ts'
import { replayJournal } from '../../src/model/dataset/replay.ts'
import { planModel } from '../../src/model/definition.ts'
import { Random } from '../../src/model/random.ts'
import { categoryCode } from '../../src/profile/category-code.ts'
import type { IngestRoute } from '../../src/protocol/shards.ts'
import { ShardClient } from '../../src/shard/client.ts'
import { journalSource } from '../../src/shard/journal-source.ts'
import type { ShardOptions } from '../../src/shard/messages.ts'
import { Shop } from '../../src/simulator/shop.ts'
import { temporaryDirectory } from './server.ts'

const SHARDS = 2
const LIVE_EVENTS = 7_500
const HISTORY_EVENTS = 7_500
/** Of the events, those at which serving's vector is looked at. */
const ASKED_SHARE = 0.75
const AT_ONCE = 500
const DAY_MS = 86_400_000
const SEED = Number(process.env.LIMN_TEST_SEED ?? Math.floor(Math.random() * 1e9))

const shipped = loadProfileConfig('config/profile.yaml').definition
const recent = { part: 'behaviour', op: 'recent', on: '*', k: 6, value: 'price' } as const
const definition = { ...shipped, traits: { ...shipped.traits, recent_events: recent } }
const plan = planModel({
  target: { event: 'Order Completed', within: '1ms' },
  sampling: { perProfileMax: 65_535, rowsMax: 1_000_000 },
  exclude: { bots: false },
})
const random = new Random(SEED)
const directory = temporaryDirectory()
/** Position → number of the vector in its shard's list. */
const asked = new Map<string, number>()
/** Position → what serving gave to its model. */
const served = new Map<string, Float32Array>()
let servedNames: readonly string[] = []

function spawn(shard: number, vectors: MessagePort): Worker {
  const options: ShardOptions = {
    shard,
    shardCount: SHARDS,
    dataDir: directory.path,
    mapSizeMaxBytes: 1 << 30,
    definition,
    limits: DEFAULT_LIMITS,
    dedupeHours: 24,
    dedupeBytesMax: 1 << 24,
    checkpointIntervalMs: 3_600_000,
    deadLettersMax: 100,
    deadLettersBytesMax: 1 << 20,
    retentionMs: Number.POSITIVE_INFINITY,
    timers: true,
  }
  const actor = pathToFileURL(resolve('dist/src/shard/actor.js')).href
  return new Worker(resolve('test/integration/recording-shard.mjs'), {
    workerData: { ...options, actor, vectors },
    transferList: [vectors],
  })
}

/** Sends events in their order, alone each; some ask for a prediction. */
async function send(client: ShardClient, route: IngestRoute, messages: readonly object[]) {
  for (let first = 0; first < messages.length; first += AT_ONCE) {
    const replies = messages.slice(first, first + AT_ONCE).map((message) =>
      client.ingest({
        route,
        body: new Uint8Array(Buffer.from(JSON.stringify({ batch: [message] }))),
        receivedAt: Date.now(),
        predict: random.next() < ASKED_SHARE ? ['recorder'] : [],
        userAgent: '',
        lane: 0,
      }),
    )
    for (const { predictions } of await Promise.all(replies)) {
      const prediction = predictions?.recorder
      if (prediction === undefined) continue
      if ('error' in prediction) throw new Error(prediction.error.message)
      asked.set(prediction.position, prediction.score)
    }
    if (first % 2_500 === 0) await setTimeout(600)
  }
}

/** The first so many events of a shop's 30 days before an instant. */
function shopEvents(seed: number, endTime: number, count: number): Record<string, unknown>[] {
  const shop = new Shop({ seed, shoppers: 200, startTime: endTime - 30 * DAY_MS })
  const messages: Record<string, unknown>[] = []
  for (let event = shop.next(); event.time <= endTime; event = shop.next()) {
    messages.push(event.message)
  }
  return messages.slice(0, count)
}

/** Visits that end in a log-in, each with a user who was here before, told in turn. */
function joiningVisits(count: number, endTime: number): Record<string, unknown>[] {
  const event = (i: number, minute: number, message: Record<string, unknown>) => {
    const timestamp = new Date(endTime - 7_200_000 + minute * 60_000 + i).toISOString()
    return { type: 'track', messageId: `join-${i}-${minute}`, timestamp, ...message }
  }
  const visitor = (i: number) => ({ anonymousId: `visitor-${i}` })
  const member = (i: number) => ({ userId: `member-${i}` })
  const view = (category: string) => {
    return { event: 'Product Viewed', properties: { category, price: 9.5 } }
  }
  const steps = [
    (i: number) => ({ ...member(i), event: 'Order Completed', properties: { revenue: i } }),
    (i: number) => ({ ...visitor(i), ...view('shoes') }),
    (i: number) => ({ ...visitor(i), ...view('hats') }),
    (i: number) => ({ ...visitor(i), ...member(i), type: 'identify', traits: { plan: 'a' } }),
    (i: number) => ({ ...visitor(i), ...view('coats') }),
    (i: number) => ({ ...member(i), event: 'Order Completed', properties: { revenue: 2 * i } }),
  ]
  return steps.flatMap((step, minute) =>
    Array.from({ length: count }, (_, i) => event(i, minute * 7, step(i))),
  )
}

/** Shops have shoppers of the same names. */
function ofAnotherShop(message: Record<string, unknown>): Record<string, unknown> {
  const ids = ['userId', 'anonymousId', 'previousId'].filter((key) => message[key] !== undefined)
  const renamed = ids.map((key) => [key, `old-${String(message[key])}`])
  return { ...message, ...Object.fromEntries(renamed) }
}

beforeAll(async () => {
  console.log(`seed ${SEED}; LIMN_TEST_SEED=${SEED} repeats it`)
  const channels = Array.from({ length: SHARDS }, () => new MessageChannel())
  const client = new ShardClient({
    count: SHARDS,
    spawn: (shard) => spawn(shard, channels[shard].port2),
    segments: [],
    inflightBytesMax: 1 << 28,
    overviewIntervalMs: 1_000,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    onFatal: (error) => {
      throw new Error(error.message)
    },
  })
  await client.start()
  await client.setModel('recorder', directory.path)
  await send(client, 'batch', shopEvents(SEED, Date.now(), LIVE_EVENTS))
  await send(client, 'batch', joiningVisits(60, Date.now()))
  const longAgo = Date.now() - 40 * DAY_MS
  const history = shopEvents(SEED + 1, longAgo, HISTORY_EVENTS).map(ofAnotherShop)
  await send(client, 'import', history)
  const lists = channels.map(({ port1 }) => {
    return new Promise<{ shard: number; featureNames: string[]; kept: Float32Array[] }>((take) =>
      port1.once('message', take),
    )
  })
  await client.setModel('recorder', null)
  const kept = await Promise.all(lists)
  for (const [position, index] of asked) {
    const list = kept[Number(position.split(':')[0])]
    servedNames = list.featureNames
    served.set(position, list.kept[index])
  }
  await client.stop()
  for (const { port1 } of channels) port1.close()
}, 180_000)

afterAll(() => directory.remove())

test('what was sent has joins and fired timers, and enough was asked', async () => {
  const kinds = new Map<number, number>()
  const cursor = new RecordCursor()
  for (let shard = 0; shard < SHARDS; shard++) {
    const options = { shard, shardCount: SHARDS, deadLettersMax: 0, readOnly: true }
    const store = ShardStore.open(`${directory.path}/shard-${shard}`, options)
    for (const block of store.blocks(0)) {
      cursor.over(block.bytes)
      for (let i = 0; i < block.count; i++) {
        const { kind } = cursor.at(block.offsets[i])
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
    }
    await store.close()
  }
  expect(kinds.get(RECORD_KIND.timer)).toBeGreaterThan(50)
  expect(kinds.get(RECORD_KIND.forward)).toBeGreaterThanOrEqual(60)
  expect(kinds.get(RECORD_KIND.import)).toBeGreaterThanOrEqual(60)
  expect(served.size).toBeGreaterThanOrEqual(10_000)
})

test('the vectors that a replay gives to a sink are those that serving scored', async () => {
  const source = journalSource({ dataDir: directory.path, shardCount: SHARDS, profile: definition })
  const places = servedNames.map((name) => source.features.findIndex((f) => f.name === name))
  expect(places).not.toContain(-1)
  const whole = new Float32Array(source.features.length)
  const own = new Float32Array(places.length)
  let compared = 0
  const different: string[] = []
  const sink: RowSink = {
    count: 0,
    wants: () => true,
    add({ shard, sequence }, _hash, write) {
      const expected = served.get(`${shard}:${sequence}`)
      if (expected === undefined) return
      write(whole, 0)
      for (let i = 0; i < places.length; i++) own[i] = whole[places[i]]
      compared++
      const [found, wanted] = [bitsOf(own), bitsOf(expected)]
      const at = found.findIndex((bits, i) => bits !== wanted[i])
      if (at < 0) return
      different.push(`${shard}:${sequence} ${servedNames[at]}: ${own[at]}, not ${expected[at]}`)
    },
  }
  const { late } = await replayJournal(source, plan, sink, () => undefined)
  expect(different).toEqual([])
  expect(compared).toBeGreaterThanOrEqual(Math.max(10_000, served.size - late))
})

test('a dataset has the same numbers, and the texts that the codes stand for', async () => {
  const source = journalSource({ dataDir: directory.path, shardCount: SHARDS, profile: definition })
  const { table, shards, sequences } = await buildDataset(source, plan, () => undefined)
  const columns = servedNames.map((name) => table.columns.findIndex((c) => c.name === name))
  const codes = columns.map((column) => table.columns[column].categories.map(categoryCode))
  const row = new Float32Array(columns.length)
  let compared = 0
  for (let i = 0; i < table.count; i++) {
    const expected = served.get(`${shards[i]}:${sequences[i]}`)
    if (expected === undefined) continue
    compared++
    columns.forEach((column, j) => {
      const value = table.rows[i * table.width + column]
      const { kind } = table.columns[column]
      row[j] = kind === 'category' && value === value ? codes[j][value] : value
    })
    expect(bitsOf(row), `${shards[i]}:${sequences[i]}`).toEqual(bitsOf(expected))
  }
  expect(compared).toBeGreaterThanOrEqual(10_000)
})

function bitsOf(vector: Float32Array): Uint32Array {
  return new Uint32Array(vector.buffer, vector.byteOffset, vector.length)
}
