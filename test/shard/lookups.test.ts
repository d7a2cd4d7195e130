/** Look-ups through a shard's real thread. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import type { IngestReply, ProfileScope, Query } from '../../src/protocol/shards.ts'
import { ShardClient } from '../../src/shard/client.ts'
import { LOOKUPS_WAITING_MAX } from '../../src/shard/lookup-channel.ts'
import type { ShardOptions } from '../../src/shard/messages.ts'
import { temporaryDirectory } from '../integration/server.ts'

const SHARDS = 2
const entry = pathToFileURL(resolve('dist/workers/shard.js'))

function optionsOf(shard: number, dataDir: string): ShardOptions {
  return {
    shard,
    shardCount: SHARDS,
    dataDir,
    mapSizeMaxBytes: 1 << 30,
    definition: loadProfileConfig('config/profile.yaml').definition,
    limits: DEFAULT_LIMITS,
    dedupeHours: 24,
    dedupeBytesMax: 1 << 24,
    checkpointIntervalMs: 3_600_000,
    deadLettersMax: 100,
    deadLettersBytesMax: 1 << 20,
    retentionMs: Number.POSITIVE_INFINITY,
    timers: false,
  }
}

function profileOf(id: string, minPosition = '', scope: ProfileScope = 'all'): Query {
  return { kind: 'profile', id, scope, minPosition, at: null }
}

describe('look-ups', () => {
  const directory = temporaryDirectory()
  const client = new ShardClient({
    count: SHARDS,
    spawn: (shard) => new Worker(entry, { workerData: optionsOf(shard, directory.path) }),
    segments: [],
    inflightBytesMax: 1 << 26,
    overviewIntervalMs: 1000,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    onFatal: (error) => {
      throw new Error(error.message)
    },
  })
  const send = (messages: readonly object[]): Promise<IngestReply> =>
    client.ingest({
      route: 'batch',
      body: new Uint8Array(Buffer.from(JSON.stringify({ batch: messages }))),
      receivedAt: Date.now(),
      predict: [],
      userAgent: '',
      lane: 0,
    })
  const view = (userId: string): object => ({ type: 'track', event: 'Product Viewed', userId })
  const asked = async (
    query: Query,
  ): Promise<{ status: number; body: Record<string, unknown> }> => {
    const { status, body } = await client.query(query)
    return { status, body: JSON.parse(body) as Record<string, unknown> }
  }

  beforeAll(() => client.start())
  afterAll(async () => {
    await client.stop()
    directory.remove()
  })

  it('see what was acknowledged, whoever asks and for whatever part', async () => {
    const endings = ['', 'é"\\', 'x'.repeat(200)]
    const ids = Array.from({ length: 300 }, (_, i) => `all-${i}-${endings[i % 3]}`)
    const { position } = await send(ids.map(view))
    const answers = await Promise.all(ids.map((id) => asked(profileOf(id, position))))
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual(
      ids.map((id) => [200, `user:${id}`]),
    )
    expect(answers[7].body.behaviour).toMatchObject({ events: 1, views_1h: 1 })
    for (const scope of ['traits', 'segments', 'machines'] as const) {
      const { body } = await asked(profileOf(ids[0], '', scope))
      expect(Object.keys(body)).toEqual(['id', 'position', scope])
    }
  })

  it('answer the right one, though predictions, errors and profiles are asked together', async () => {
    await send([view('mixed')])
    const queries: [Query, number][] = [
      [profileOf('mixed'), 200],
      [{ kind: 'predictions', id: 'mixed', model: 'none', minPosition: '' }, 404],
      [profileOf('nobody'), 404],
      [{ kind: 'predictions', id: 'mixed', model: null, minPosition: '' }, 200],
      [profileOf('mixed', '0:999999,1:999999'), 409],
      [profileOf('mixed', 'here'), 400],
      [{ kind: 'events', id: 'mixed', limit: 1, before: '' }, 200],
      [profileOf('mixed', '', 'machines'), 200],
    ]
    const many = Array.from({ length: 50 }, () => queries).flat()
    const answers = await Promise.all(many.map(([query]) => asked(query)))
    expect(answers.map(({ status }) => status)).toEqual(many.map(([, status]) => status))
    expect(answers[3].body).toEqual({ predictions: {} })
  })

  it('overtake events that wait, which is not to be seen in what they answer', async () => {
    const order: string[] = []
    const bodies = Array.from({ length: 40 }, (_, i) =>
      send(Array.from({ length: 250 }, () => view('overtaken'))).then((reply) => {
        order.push(`body ${i}`)
        return reply
      }),
    )
    const first = asked(profileOf('overtaken')).then((answer) => {
      order.push('look-up')
      return answer
    })
    await bodies[0]
    const between = await asked(profileOf('overtaken'))
    const replies = await Promise.all(bodies)
    const { status } = await first
    expect([200, 404]).toContain(status)
    expect(order.indexOf('look-up')).toBeLessThan(order.indexOf('body 39'))
    expect((between.body.behaviour as { events: number }).events).toBeGreaterThanOrEqual(250)
    const positions = replies.map(({ position }) => position).join(',')
    const last = await asked(profileOf('overtaken', positions))
    expect(last.body.behaviour).toMatchObject({ events: 10_000 })
  })

  it('find an event in the history as soon as it is applied', async () => {
    const body = send([view('history')])
    const page = asked({ kind: 'events', id: 'history', limit: 10, before: '' })
    await body
    const { status, body: answer } = await page
    if (status === 200) expect(answer.events).toHaveLength(1)
    const later = await asked({ kind: 'events', id: 'history', limit: 10, before: '' })
    expect(later.body.events).toHaveLength(1)
  })

  it('are refused when too many wait, and only then', async () => {
    await send([view('crowd')])
    const many = Array.from({ length: LOOKUPS_WAITING_MAX + 10 }, () => profileOf('crowd'))
    const answers = await Promise.all(many.map((query) => client.query(query)))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(10)
    expect(JSON.parse(refused[0].body)).toMatchObject({ error: { code: 'ERR_OVERLOADED' } })
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(LOOKUPS_WAITING_MAX)
    expect((await asked(profileOf('crowd'))).status).toBe(200)
  })

  it('are failed when the thread ends, and answered again when it is back', async () => {
    await send([view('crash')])
    const crashed = Promise.all([client.crash(0), client.crash(1)])
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => asked(profileOf(i % 2 === 0 ? 'crash' : `c${i}`))),
    )
    await crashed
    for (const { status, body } of answers.filter((answer) => answer.status === 503)) {
      expect(status).toBe(503)
      expect(body).toMatchObject({ error: { code: 'ERR_SHARD_UNAVAILABLE' } })
    }
    await expect.poll(() => client.ready(), { timeout: 30_000 }).toBe(true)
    expect((await asked(profileOf('crash'))).status).toBe(200)
  })
})
