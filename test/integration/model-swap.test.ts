/** All shards answer from the same version, also where one of them cannot load another. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import { ModelWatcher } from '../../src/model-watcher.ts'
import { ModelRegistry } from '../../src/model/registry.ts'
import { LimnError } from '../../src/protocol/errors.ts'
import { ShardClient } from '../../src/shard/client.ts'
import type { ShardOptions } from '../../src/shard/messages.ts'
import { saveMade } from '../model/version/made-version.ts'
import { temporaryDirectory } from './server.ts'

const SHARDS = 3
const directory = temporaryDirectory()
const ids = Array.from({ length: 60 }, (_, i) => `user-${i}`)
let client: ShardClient

function spawn(shard: number): Worker {
  const options: ShardOptions = {
    shard,
    shardCount: SHARDS,
    dataDir: directory.path,
    mapSizeMaxBytes: 1 << 28,
    definition: { traits: {}, segments: {}, machines: {} },
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
  return new Worker(resolve('test/integration/choosy-shard.mjs'), {
    workerData: { ...options, actor },
  })
}

beforeAll(async () => {
  client = new ShardClient({
    count: SHARDS,
    spawn,
    segments: [],
    inflightBytesMax: 1 << 26,
    overviewIntervalMs: 1_000,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    onFatal: (error) => {
      throw new Error(error.message)
    },
  })
  await client.start()
  const batch = ids.map((userId) => ({ type: 'track', userId, event: 'Product Viewed' }))
  const reply = await client.ingest({
    route: 'batch',
    body: new Uint8Array(Buffer.from(JSON.stringify({ batch }))),
    receivedAt: Date.now(),
    predict: [],
    userAgent: '',
    lane: 0,
  })
  expect(reply.accepted).toBe(ids.length)
})

afterAll(async () => {
  await client.stop()
  directory.remove()
})

/** Versions that answer for shoppers of all shards; null where none serves. */
async function answering(): Promise<(string | null)[]> {
  const { status, body } = await client.query({ kind: 'predictionBatch', model: 'named', ids })
  if (status === 404) return [null]
  const { predictions } = JSON.parse(body) as { predictions: { prediction: { version: string } }[] }
  return [...new Set(predictions.map(({ prediction }) => prediction.version))]
}

test('a version that one shard cannot load is served by none', async () => {
  const half = () => expect(client.setModel('named', 'half')).rejects.toThrow('no room for it')
  await half()
  expect(await answering()).toEqual([null])
  await client.setModel('named', 'first')
  expect(await answering()).toEqual(['first'])
  await half()
  expect(await answering()).toEqual(['first'])
  await client.setModel('named', 'second')
  expect(await answering()).toEqual(['second'])
})

test('the watcher tries again what may succeed later, and nothing else', async () => {
  const registry = new ModelRegistry(`${directory.path}/models`)
  for (const seed of [1, 2]) await saveMade(registry, { seed })
  const swaps: string[] = []
  const answers: (LimnError | null)[] = []
  const watcher = new ModelWatcher({
    registry,
    models: ['absent', 'purchase'],
    swap: async (_name, path) => {
      swaps.push(path ?? 'none')
      const answer = answers.shift() ?? null
      if (answer !== null) throw answer
    },
    log: pino({ level: 'silent' }),
  })
  const looks = async (times: number): Promise<string[]> => {
    for (let i = 0; i < times; i++) await watcher.look()
    return swaps.splice(0).map((path) => path.split('/').at(-1) ?? '')
  }
  await registry.promote('purchase', 1)
  const away = new LimnError('ERR_SHARD_UNAVAILABLE', 'down', { retryable: true })
  answers.push(away, away)
  expect(await looks(5)).toEqual(['1', '1', '1'])
  await registry.promote('purchase', 2)
  answers.push(new LimnError('ERR_MODEL_CORRUPT', 'damaged'))
  expect(await looks(3)).toEqual(['2'])
  await registry.rollback('purchase')
  expect(await looks(3)).toEqual(['1'])
})
