/**
 * How many events a second does what a team would build instead take: Node and Redis?
 *
 * Load: the same messages of the same generator, handed over in this process as if a queue had
 * delivered them (no socket, which favours Redis); a batch of 250 is parsed, becomes one pipeline, and
 * its replies are awaited; 4 batches under way. Two ways to write it: plain commands (neither atomic
 * nor deduplicated) and a Lua script an event (both). Redis on a Unix socket, first memory only, then
 * with an append-only file synced every second; Limn acknowledges after the sync of each commit.
 * Traits kept: events, by kind and day and hour, last seen, event and product, categories and brands,
 * orders, spend; a few of the shipped definition's.
 */
import type { Benchmark, BenchmarkContext, Outcome } from './benchmark.ts'
import { size, speed } from './benchmark.ts'
import { EventStamps, FrameRing } from './load/frames.ts'
import { writeWithCommands, writeWithScript } from './redis/event-writers.ts'
import type { EventWriter, ShopEvent } from './redis/event-writers.ts'
import { findRedis, startRedis } from './redis/redis-server.ts'
import type { RedisServer } from './redis/redis-server.ts'

const BATCH_EVENTS = 250
const BATCHES_UNDER_WAY = 4
const WRITERS = { commands: writeWithCommands, script: writeWithScript }

export const redis: Benchmark = {
  name: 'redis',
  figures: [
    speed('redisEventsPerSecond', '/s', { better: 'higher' }),
    size('ratioToRedis', '×', { better: 'higher' }),
  ],
  async run(context) {
    const version = findRedis()
    if (version === null) return notRun('redis-server is not installed')
    const server = await startRedis()
    try {
      return await compare(context, server, version)
    } finally {
      await server.stop()
    }
  },
}

async function compare(
  context: BenchmarkContext,
  server: RedisServer,
  version: string,
): Promise<Outcome> {
  const { profiles, seconds, measured } = context
  const load = new RedisLoad(server, profiles)
  await load.run(writeWithCommands, { events: profiles, sweep: true })
  const bytes = (await server.usedBytes()) / profiles
  const notes: string[] = []
  let best = 0
  for (const persistence of ['memory only', 'synced every second'] as const) {
    if (persistence === 'synced every second') await server.persist()
    for (const [name, writer] of Object.entries(WRITERS)) {
      const { perSecond, cpuNs } = await load.run(writer, { seconds: seconds / 2 })
      if (persistence === 'memory only') best = Math.max(best, perSecond)
      notes.push(`${name}, ${persistence}: ${Math.round(perSecond)}/s, ${Math.round(cpuNs)} ns`)
    }
  }
  const limn = measured.ingestJsonEventsPerSecond ?? null
  return {
    results: {
      redisEventsPerSecond: Math.round(best),
      ratioToRedis: limn === null ? null : limn / best,
    },
    notes: {
      redisEventsPerSecond: `the fastest in memory only; Redis ${version}; events/s and CPU an event of Redis and Node: ${notes.join('; ')}; ${Math.round(bytes)} B a profile`,
      ratioToRedis:
        limn === null
          ? 'needs ingestJson in the same run'
          : 'durable JSON ingest to redisEventsPerSecond',
    },
  }
}

function notRun(reason: string): Outcome {
  const results = { redisEventsPerSecond: null, ratioToRedis: null }
  return { results, notes: { redisEventsPerSecond: reason, ratioToRedis: reason } }
}

interface Extent {
  readonly sweep?: boolean
  readonly events?: number
  readonly seconds?: number
}

/** Batches of messages through a writer; each run continues the message ids of the one before. */
class RedisLoad {
  private readonly server: RedisServer
  private readonly profiles: number
  private runs = 0

  constructor(server: RedisServer, profiles: number) {
    this.server = server
    this.profiles = profiles
  }

  async run(write: EventWriter, extent: Extent): Promise<{ perSecond: number; cpuNs: number }> {
    const { server, profiles } = this
    const run = this.runs++
    const stamps = new EventStamps({ profiles, sweep: extent.sweep === true, seed: run })
    const { events = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = extent
    const started = performance.now()
    const cpuStarted = this.cpuNanoseconds()
    let taken = 0
    const lane = async (seed: number): Promise<void> => {
      const ring = new FrameRing({ frames: 8, eventsPerFrame: BATCH_EVENTS, run, seed })
      for (let i = 0; taken < events && performance.now() - started < seconds * 1000; i++) {
        taken += BATCH_EVENTS
        ring.stamp(i % ring.frames, stamps)
        const frame = JSON.parse(ring.payload(i % ring.frames).toString()) as { batch: ShopEvent[] }
        await write(server.client, frame.batch)
      }
    }
    await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, (_, seed) => lane(seed)))
    const cpuNs = (this.cpuNanoseconds() - cpuStarted) / taken
    return { perSecond: (taken * 1000) / (performance.now() - started), cpuNs }
  }

  private cpuNanoseconds(): number {
    const { user, system } = process.cpuUsage()
    return (user + system) * 1000 + this.server.cpuNanoseconds()
  }
}
