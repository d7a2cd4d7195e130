import { totalmem } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { packageRoot } from './config/server-config.ts'
import type { ServerConfig } from './config/server-config.ts'
import type { ProfileConfig } from './config/profile-config.ts'
import { ingestLimits } from './event/limits.ts'
import { ClockKeeper } from './clock-keeper.ts'
import { lockDataDirectory } from './journal/directory.ts'
import type { DataDirectoryLock } from './journal/directory.ts'
import { RetentionHold } from './journal/retention-hold.ts'
import { ModelWatcher } from './model-watcher.ts'
import { ModelRegistry } from './model/registry.ts'
import { ShardClient } from './router/client.ts'
import { SystemClock } from './runtime/clock.ts'
import type { ShardOptions } from './shard/options.ts'
import type { ErrorValue } from './protocol/shards.ts'

export interface EngineOptions {
  readonly config: ServerConfig
  readonly profile: ProfileConfig
  readonly log: Logger
  /** False for an offline import: due instants are left to the next `serve`. */
  readonly timers: boolean
  readonly onFatal: (error: ErrorValue) => void
}

/** Shards and models without a gateway: what `serve` serves and offline commands work on. */
export interface Engine {
  readonly shards: ShardClient
  readonly registry: ModelRegistry
  readonly lock: DataDirectoryLock
  readonly models: ModelWatcher
  readonly clock: ClockKeeper
  stop(): Promise<void>
}

const MS_AN_HOUR = 3_600_000
const MS_A_DAY = 86_400_000
/** A shard's share of memory for JavaScript objects; profiles' columns live outside of it. */
const HEAP_SHARE = 0.25
const DEDUPE_SHARE = 1 / 8
const DEDUPE_BYTES_MAX = 16 * 2 ** 30

/**
 * Takes the data directory, starts a worker thread a shard, recovers, loads live models. Throws
 * `ERR_STORAGE_LOCKED` when another process has the directory.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { config, profile, log } = options
  const lock = lockDataDirectory(config.storage.dir, { shardCount: config.storage.shards })
  const registry = new ModelRegistry(config.models.dir)
  const segments = Object.entries(profile.definition.segments).map(([name, segment]) => {
    return { name, description: segment.description ?? '', when: segment.when }
  })
  const clock = new SystemClock()
  const shards: ShardClient = new ShardClient({
    clock,
    createChannel: () => new MessageChannel(),
    count: config.storage.shards,
    spawn: (shard) => spawnShard(options, { shard, keeper, clock }),
    segments,
    inflightBytesMax: Math.ceil(config.ingest.inflightBytesMax / config.storage.shards) + 1_048_576,
    overviewIntervalMs: config.live.overviewIntervalMs,
    log,
    onFatal: options.onFatal,
  })
  const keeper = keepClock(options, clock, shards)
  const models = new ModelWatcher({
    registry,
    models: Object.keys(profile.models),
    swap: (name, directory) => shards.setModel(name, directory),
    log,
  })
  const engine: Engine = {
    shards,
    registry,
    lock,
    models,
    clock: keeper,
    stop: async () => {
      models.stop()
      await shards.stop()
      keeper.stop()
      lock.release()
    },
  }
  try {
    await shards.start()
    lock.setReady()
    keeper.start(shards.lastWrittenAt)
    if (config.models.serving) await models.look()
  } catch (error) {
    await shards.stop().catch(() => undefined)
    lock.release()
    throw error
  }
  return engine
}

/** Location of a worker's compiled entry. */
export function workerEntry(name: 'shard' | 'train'): URL {
  return pathToFileURL(join(packageRoot(), 'dist', 'workers', `${name}.js`))
}

/** Most memory for message ids; a shard remembers at most 16 GiB of them. */
function dedupeBytesOf(config: ServerConfig): number {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  const bytes = config.dedupe.memoryBytesMax ?? memory * DEDUPE_SHARE
  return Math.min(bytes, config.storage.shards * DEDUPE_BYTES_MAX)
}

function keepClock(
  { config, log }: EngineOptions,
  clock: SystemClock,
  shards: ShardClient,
): ClockKeeper {
  const settleMs = config.journal.retentionSettleHours * MS_AN_HOUR
  return new ClockKeeper({
    clock,
    hold: new RetentionHold(join(config.storage.dir, 'retention-hold.json'), settleMs),
    settleMs,
    retains: config.journal.retentionDays > 0,
    log,
    adopt: (base) => shards.adoptClock(base),
    setRetentionLag: (ms) => shards.setRetentionLag(ms),
  })
}

function spawnShard(
  options: EngineOptions,
  { shard, keeper, clock }: { shard: number; keeper: ClockKeeper; clock: SystemClock },
): Worker {
  const { config, profile } = options
  const workerData: ShardOptions = {
    shard,
    shardCount: config.storage.shards,
    dataDir: config.storage.dir,
    mapSizeMaxBytes: config.storage.mapSizeMaxBytes,
    definition: profile.definition,
    limits: ingestLimits(config.ingest),
    dedupeHours: config.dedupe.hours,
    dedupeBytesMax: dedupeBytesOf(config) / config.storage.shards,
    retentionMs: (config.journal.retentionDays || Infinity) * MS_A_DAY,
    checkpointIntervalMs: config.checkpoint.intervalSeconds * 1000,
    deadLettersMax: config.deadLetters.max,
    deadLettersBytesMax: config.deadLetters.bytesMax,
    timers: options.timers,
    clock: clock.base,
    retentionLagMs: keeper.retentionLagMs,
  }
  const heapMb = Math.floor((totalmem() * HEAP_SHARE) / config.storage.shards / 1_048_576)
  return new Worker(workerEntry('shard'), {
    name: `shard-${shard}`,
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: Math.max(512, heapMb) },
  })
}
