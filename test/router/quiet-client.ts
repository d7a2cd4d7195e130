import { MessageChannel } from 'node:worker_threads'
import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import { ShardClient } from '../../src/router/client.ts'
import type { SpawnShard } from '../../src/router/shard-thread.ts'
import { SystemClock } from '../../src/runtime/clock.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import type { ShardOptions } from '../../src/shard/options.ts'

/** A client of real threads that logs nothing and throws where the process would end. */
export function quietClient(
  count: number,
  spawn: SpawnShard,
  clock: Clock = new SystemClock(),
): ShardClient {
  return new ShardClient({
    count,
    spawn,
    clock,
    createChannel: () => new MessageChannel(),
    segments: [],
    inflightBytesMax: 1 << 28,
    overviewIntervalMs: 1_000,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    onFatal: (error) => {
      throw new Error(error.message)
    },
  })
}

/** What a shard needs to know, with the defaults of tests. */
export function shardOptions(
  given: Pick<ShardOptions, 'shard' | 'shardCount' | 'dataDir'> & Partial<ShardOptions>,
): ShardOptions {
  return {
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
    ...given,
  }
}
