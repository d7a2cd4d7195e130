/** What subscribers hear, and when: the real actor in this thread, over a store whose commits wait. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import type { ShardStore } from '../../src/journal/shard-store.ts'
import { loadServedModel } from '../../src/model/version/served-model.ts'
import type { FromShard, ToShard } from '../../src/protocol/shard-messages.ts'
import type { LiveMessage } from '../../src/protocol/shards.ts'
import { LiveTopics, canonicalTopic } from '../../src/router/live-topics.ts'
import { SystemClock } from '../../src/runtime/clock.ts'
import { ShardActor } from '../../src/shard/actor.ts'
import { openShardStore } from '../../src/shard/open-store.ts'
import type { ShardOptions } from '../../src/shard/options.ts'
import { until } from '../gateway/gateway-fixture.ts'
import { shardOptions } from '../router/quiet-client.ts'
import { temporaryDirectory } from '../integration/server.ts'

describe('a shard whose commits wait', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let actor: ShardActor
  let sent: FromShard[]
  /** Commits begun, each to be settled by the test. */
  let commits: { finish(): void; fail(error: Error): void }[]

  const openWaiting = (options: ShardOptions): ShardStore => {
    const store = openShardStore(options)
    const append = store.append.bind(store)
    vi.spyOn(store, 'append').mockImplementation((records, count, writtenAt) => {
      const { firstSequence, committed } = append(records, count, writtenAt)
      const gate = new Promise<void>((finish, fail) => commits.push({ finish, fail }))
      gate.catch(() => undefined)
      return { firstSequence, committed: committed.then(() => gate) }
    })
    return store
  }

  beforeEach(() => {
    directory = temporaryDirectory()
    sent = []
    commits = []
    actor = new ShardActor(
      shardOptions({
        shard: 0,
        shardCount: 1,
        dataDir: directory.path,
        definition: loadProfileConfig('config/profile.yaml').definition,
        timers: false,
      }),
      { post: (messages) => void sent.push(...messages), poll: () => null },
      { clock: new SystemClock(), openStore: openWaiting, loadVersion: loadServedModel },
    )
    actor.start()
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    for (const commit of commits) commit.finish()
    actor.receive([{ type: 'stop', id: 999 }])
    await until(() => sent.some((message) => message.type === 'done' || message.type === 'failed'))
    directory.remove()
  })

  let nextId = 1
  const track = (event: string): ToShard => ({
    type: 'ingest',
    id: nextId++,
    request: {
      route: 'track',
      body: new Uint8Array(Buffer.from(JSON.stringify({ userId: 'u1', event }))),
      receivedAt: Date.now(),
      predict: [],
      userAgent: '',
      lane: 0,
    },
  })
  const heard = (): string[] =>
    sent.flatMap((message) => {
      if (message.type === 'ingested') return ['acknowledged']
      return message.type === 'live' ? [message.topic] : []
    })
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const recent = async (): Promise<number> => {
    actor.receive([{ type: 'stats', id: nextId++ }])
    const before = sent.length
    await until(() => sent.slice(before).some(({ type }) => type === 'stats'))
    const answer = sent.findLast((message) => message.type === 'stats')
    return answer?.type === 'stats' ? answer.recent.length : -1
  }

  it('tells of an event when it is durable, not before, in the order of the turns', async () => {
    const topics = ['profile:user:u1', 'profile:user:u2']
    actor.receive(topics.map((topic) => ({ type: 'watch', topic, on: true })))
    actor.receive([track('Product Viewed')])
    await until(() => commits.length === 1)
    actor.receive([track('Product Added')])
    await until(() => commits.length === 2)
    await turns()
    expect(heard()).toEqual([])
    expect(await recent()).toBe(0)
    commits[0]?.finish()
    await until(() => heard().length === 2)
    await turns()
    expect(heard()).toEqual(['profile:user:u1', 'acknowledged'])
    commits[1]?.finish()
    await until(() => heard().length === 4)
    expect(heard().slice(2)).toEqual(['profile:user:u1', 'acknowledged'])
    const events = sent.flatMap((message) => (message.type === 'live' ? [message.body] : []))
    expect(events.map((body) => JSON.parse(body).data.event.event)).toEqual([
      'Product Viewed',
      'Product Added',
    ])
    expect(await recent()).toBe(1)
  })

  it('tells of changes of segments and states when they are durable', async () => {
    const { segments } = loadProfileConfig('config/profile.yaml').definition
    const topics = Object.keys(segments).map((name) => `segment:${name}`)
    actor.receive(topics.map((topic) => ({ type: 'watch', topic, on: true })))
    actor.receive([track('Order Completed')])
    await until(() => commits.length === 1)
    await turns()
    expect(heard()).toEqual([])
    commits[0]?.finish()
    await until(() => heard().includes('acknowledged'))
    expect(heard().some((topic) => topic.startsWith('segment:'))).toBe(true)
    expect(heard().at(-1)).toBe('acknowledged')
  })

  it('tells nothing of an event whose commit failed', async () => {
    actor.receive([{ type: 'watch', topic: 'profile:user:u1', on: true }])
    actor.receive([track('Product Viewed')])
    await until(() => commits.length === 1)
    commits[0]?.fail(new Error('no room'))
    await until(() => sent.some(({ type }) => type === 'failed'))
    await turns()
    expect(heard()).toEqual([])
  })
})

describe('live topics', () => {
  it.each([
    ['profile:u1', 'profile:user:u1'],
    ['profile:user:u1', 'profile:user:u1'],
    ['profile:user:user:u1', 'profile:user:user:u1'],
    ['profile:anonymous:a', 'profile:anonymous:a'],
    ['segment:user', 'segment:user'],
    ['overview', 'overview'],
  ])('%s is %s', (topic, canonical) => {
    expect(canonicalTopic(topic)).toBe(canonical)
    expect(canonicalTopic(canonical)).toBe(canonical)
  })

  it('shares one watch among spellings, and each hears under its own', () => {
    const watches: string[] = []
    const topics = new LiveTopics((topic, on) => watches.push(`${on ? '+' : '-'}${topic}`))
    const heard: string[] = []
    const hear =
      (who: string) =>
      ({ topic, body }: LiveMessage): void => {
        expect(JSON.parse(body)).toEqual({ topic, time: 1, data: 'x' })
        heard.push(`${who} ${topic}`)
      }
    const push = (): string[] => {
      const topic = 'profile:user:ü"1'
      topics.publish({ topic, body: JSON.stringify({ topic, time: 1, data: 'x' }) })
      return heard.splice(0)
    }
    const short = topics.subscribe('profile:ü"1', hear('a'))
    const long = topics.subscribe('profile:user:ü"1', hear('b'))
    const again = topics.subscribe('profile:ü"1', hear('c'))
    expect(push()).toEqual(['a profile:ü"1', 'c profile:ü"1', 'b profile:user:ü"1'])
    long()
    long()
    expect(push()).toEqual(['a profile:ü"1', 'c profile:ü"1'])
    short()
    expect([...topics.watched()]).toEqual(['profile:user:ü"1'])
    expect(push()).toEqual(['c profile:ü"1'])
    again()
    expect(push()).toEqual([])
    expect(watches).toEqual(['+profile:user:ü"1', '-profile:user:ü"1'])
    // Leaving twice must not end what began since.
    const later = topics.subscribe('profile:ü"1', hear('d'))
    again()
    expect(push()).toEqual(['d profile:ü"1'])
    later()
    expect(watches).toHaveLength(4)
  })
})
