/** One time for all threads of a process. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { ownerOf, parseKey } from '../../src/event/profile-key.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import type { ShardClient } from '../../src/router/client.ts'
import { SystemClock } from '../../src/runtime/clock.ts'
import { temporaryDirectory } from '../integration/server.ts'
import { quietClient, shardOptions } from './quiet-client.ts'

const SHARDS = 2
const DAY_MS = 86_400_000
const entry = pathToFileURL(resolve('dist/workers/shard.js'))
const directory = temporaryDirectory()
let running: ShardClient | null = null

afterEach(async () => {
  await running?.stop()
  directory.remove()
})

/** A process whose wall clock said so much more than the machine's when it started. */
async function start(aheadMs: number): Promise<{ client: ShardClient; clock: SystemClock }> {
  const real = new SystemClock().base
  const clock = new SystemClock({ ...real, wallMs: real.wallMs + aheadMs })
  const client = quietClient(
    SHARDS,
    (shard) => {
      const workerData = shardOptions({
        shard,
        shardCount: SHARDS,
        dataDir: directory.path,
        clock: clock.base,
        checkpointIntervalMs: 50,
      })
      return new Worker(entry, { workerData })
    },
    clock,
  )
  running = client
  await client.start()
  return { client, clock }
}

async function stop(): Promise<void> {
  await running?.stop()
  running = null
}

/** A user of each shard sees something. */
async function seeInEach(client: ShardClient, clock: SystemClock): Promise<void> {
  const users = Array.from({ length: SHARDS }, (_, shard) => userOf(shard))
  const batch = users.map((userId) => ({ type: 'track', event: 'Seen', userId }))
  const reply = await client.ingest({
    route: 'batch',
    body: new Uint8Array(Buffer.from(JSON.stringify({ batch }))),
    receivedAt: clock.now(),
    predict: [],
    userAgent: '',
    lane: 0,
  })
  expect(reply).toMatchObject({ error: null, accepted: SHARDS })
}

function userOf(shard: number): string {
  for (let i = 0; ; i++) {
    const key = `u${i}`
    if (ownerOf(parseKey(key), SHARDS) === shard) return key
  }
}

/** When each shard's newest block was written. */
async function writtenAt(): Promise<number[]> {
  const shards = Array.from({ length: SHARDS }, async (_, shard) => {
    const options = { shard, shardCount: SHARDS, deadLettersMax: 0, readOnly: true }
    const store = ShardStore.open(`${directory.path}/shard-${shard}`, options)
    const at = store.lastWrittenAt()
    await store.close()
    return Number(at)
  })
  return Promise.all(shards)
}

test('all shards have the time that they are given, also one that was started again', async () => {
  const { client, clock } = await start(3 * DAY_MS)
  const before = clock.now()
  await client.crash(1)
  await expect.poll(() => client.ready(), { timeout: 10_000 }).toBe(true)
  await seeInEach(client, clock)
  // What is done now and then begins when the time is agreed: also there.
  await expect
    .poll(async () => (await client.stats()).every((s) => (s.counters.checkpoints ?? 0) > 0))
    .toBe(true)
  await stop()
  for (const at of await writtenAt()) {
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual(clock.now())
  }
})

test('all go on from the newest instant that any of them has written', async () => {
  const first = await start(2 * DAY_MS)
  await seeInEach(first.client, first.clock)
  await stop()
  const before = await writtenAt()
  const second = await start(0)
  expect(second.client.lastWrittenAt).toBe(Math.max(...before))
  expect(second.clock.now()).toBeGreaterThan(Math.max(...before))
  await seeInEach(second.client, second.clock)
  await stop()
  for (const at of await writtenAt()) expect(at).toBeGreaterThan(Math.max(...before))
})

test('a time that is adopted while they run reaches all before what is sent after it', async () => {
  const { client, clock } = await start(0)
  await seeInEach(client, clock)
  await client.adoptClock({ ...clock.base, wallMs: clock.base.wallMs + DAY_MS })
  const adopted = clock.now()
  await seeInEach(client, clock)
  await stop()
  for (const at of await writtenAt()) expect(at).toBeGreaterThanOrEqual(adopted)
})
