/** One time for all threads of a process. */
import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { ownerOf, parseKey } from '../../src/event/profile-key.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import type { FromShard, ToShard } from '../../src/protocol/shard-messages.ts'
import type { ShardClient } from '../../src/router/client.ts'
import type { Thread } from '../../src/router/shard-thread.ts'
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

/** A user of each shard sees something, which is accepted unless told otherwise. */
async function seeInEach(
  client: ShardClient,
  clock: SystemClock,
  message: string | null = null,
  expected: object = { accepted: SHARDS },
): Promise<void> {
  const users = Array.from({ length: SHARDS }, (_, shard) => userOf(shard))
  const batch = users.map((userId) => {
    const messageId = message === null ? undefined : `${message}-${userId}`
    return { type: 'track', event: 'Seen', userId, messageId }
  })
  const reply = await client.ingest({
    route: 'batch',
    body: new Uint8Array(Buffer.from(JSON.stringify({ batch }))),
    receivedAt: clock.now(),
    predict: [],
    userAgent: '',
    lane: 0,
  })
  expect(reply).toMatchObject({ error: null, ...expected })
}

function userOf(shard: number): string {
  for (let i = 0; ; i++) {
    const key = `u${i}`
    if (ownerOf(parseKey(key), SHARDS) === shard) return key
  }
}

/** When each block of all shards was written, and when its records arrived. */
async function blocks(): Promise<{ writtenAt: number; arrivals: number[] }[]> {
  const cursor = new RecordCursor()
  const shards = Array.from({ length: SHARDS }, (_, shard) =>
    readShard(shard, (store) =>
      [...store.blocks(0)].map(({ bytes, offsets, writtenAt: written }) => {
        cursor.over(bytes)
        return { writtenAt: written, arrivals: [...offsets].map((at) => cursor.at(at).arrivalTime) }
      }),
    ),
  )
  return (await Promise.all(shards)).flat()
}

/** When each shard's newest block was written. */
function writtenAt(): Promise<number[]> {
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard)
  return Promise.all(shards.map((shard) => readShard(shard, (s) => Number(s.lastWrittenAt()))))
}

async function readShard<T>(shard: number, read: (store: ShardStore) => T): Promise<T> {
  const options = { shard, shardCount: SHARDS, deadLettersMax: 0, readOnly: true }
  const store = ShardStore.open(`${directory.path}/shard-${shard}`, options)
  try {
    return read(store)
  } finally {
    await store.close()
  }
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
  for (let i = 0; i < 10; i++) {
    await client.adoptClock({ ...clock.base, wallMs: clock.base.wallMs + DAY_MS })
    const adopted = clock.now()
    await seeInEach(client, clock)
    expect(adopted).toBeGreaterThan(Date.now() + i * DAY_MS)
  }
  await stop()
  let records = 0
  for (const { writtenAt: written, arrivals } of await blocks()) {
    for (const arrival of arrivals) expect(arrival).toBeLessThanOrEqual(written)
    records += arrivals.length
  }
  expect(records).toBe(10 * SHARDS)
})

test('a machine that starts in 1970 knows what was taken before', async () => {
  const first = await start(0)
  await seeInEach(first.client, first.clock, 'same')
  await stop()
  const second = await start(-Date.now())
  await seeInEach(second.client, second.clock, 'same', { duplicates: SHARDS })
})

/** A thread that says it is live, and answers a clock only when it is told to. */
class SlowThread implements Thread {
  readonly received: ToShard[] = []
  private readonly events = new EventEmitter()

  postMessage(messages: readonly ToShard[]): void {
    this.received.push(...messages)
  }

  on(event: string, listener: (...heard: never[]) => void): void {
    this.events.on(event, listener as (...heard: unknown[]) => void)
    if (event !== 'message') return
    const live = { type: 'state', state: 'live', detail: '' } as const
    queueMicrotask(() => this.post([{ type: 'written', at: null }, live]))
  }

  terminate(): Promise<void> {
    this.events.emit('exit', 0)
    return Promise.resolve()
  }

  clocks(): Extract<ToShard, { type: 'clock' }>[] {
    return this.received.filter((message) => message.type === 'clock')
  }

  answerClock(): void {
    const id = this.clocks().at(-1)?.id ?? 0
    this.post([{ type: 'done', id, error: null }])
  }

  private post(messages: readonly FromShard[]): void {
    this.events.emit('message', messages)
  }
}

test('this thread adopts a time only when every shard has it', async () => {
  const threads: SlowThread[] = []
  const clock = new SystemClock()
  const spawn = (): SlowThread => {
    const thread = new SlowThread()
    threads.push(thread)
    return thread
  }
  const client = quietClient(SHARDS, spawn, clock)
  await client.start()
  const before = clock.base
  const base = { ...before, wallMs: before.wallMs + DAY_MS }
  const adopting = client.adoptClock(base)
  await expect.poll(() => threads.every((thread) => thread.clocks().length === 2)).toBe(true)
  threads[0].answerClock()
  await new Promise((done) => setImmediate(done))
  expect(clock.base).toBe(before)
  threads[1].answerClock()
  await adopting
  expect(clock.base).toBe(base)
  for (const thread of threads) expect(thread.clocks()[1].base).toBe(base)
})
