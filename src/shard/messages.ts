import type { MessagePort } from 'node:worker_threads'
import type { IngestLimits } from '../event/limits.ts'
import type { ProfileDefinition } from '../profile/definition.ts'
import type {
  ErrorValue,
  IngestReply,
  IngestRequest,
  PredictionValue,
  Query,
  QueryReply,
  RejectedItem,
  ShardStats,
} from '../protocol/shards.ts'

/** Everything a shard needs to know at its start; structured-clonable. */
export interface ShardOptions {
  readonly shard: number
  readonly shardCount: number
  /** The data directory; the shard's own environment is `shard-<n>` in it. */
  readonly dataDir: string
  readonly mapSizeMaxBytes: number
  readonly definition: ProfileDefinition
  readonly limits: IngestLimits
  readonly dedupeHours: number
  readonly dedupeBytesMax: number
  readonly checkpointIntervalMs: number
  /** How long records are kept after they were written; Infinity for ever. */
  readonly retentionMs: number
  readonly deadLettersMax: number
  readonly deadLettersBytesMax: number
  /** Fire due instants of silent shoppers by the wall clock; an offline import leaves them. */
  readonly timers: boolean
}

/** What a record became: an index into a batch's outcome bytes. */
export const OUTCOME = { applied: 0, duplicate: 1, rejected: 2 } as const

/**
 * How far a record has come. `link`: an identify or alias is at the shard of the anonymous profile it
 * names; `linkUser`: an alias is at the shard of the user it names; `apply`: at its profile's shard.
 */
export type Stage = 'link' | 'linkUser' | 'apply'

/** One record of a batch whose profile is to be scored after it. */
export interface PredictRequest {
  readonly record: number
  readonly models: readonly string[]
}

export type Predictions = Record<string, PredictionValue | { error: ErrorValue }>

/** The shard that owns a record went down before it answered; whether it was applied is not known. */
export const SHARD_UNAVAILABLE = 'ERR_SHARD_UNAVAILABLE'

export function isUnavailable(result: BatchResult): boolean {
  return result.rejected.some((item) => item.code === SHARD_UNAVAILABLE)
}

export interface BatchResult {
  readonly outcomes: Uint8Array
  readonly rejected: readonly RejectedItem[]
  /** shard → last sequence */
  readonly positions: readonly (readonly [number, number])[]
  readonly predictions: Predictions | null
}

/** Messages between shards, each way over one port, in order. */
export type PeerMessage =
  | {
      readonly type: 'records'
      readonly id: number
      readonly bytes: Uint8Array<ArrayBuffer>
      readonly count: number
      readonly predict: PredictRequest | null
      readonly stage: Stage
      readonly hops: number
    }
  | ImportMessage
  | { readonly type: 'applied'; readonly id: number; readonly result: BatchResult }

/** History that moves to another profile, and the event that caused it. */
export interface ImportMessage {
  readonly type: 'import'
  readonly id: number
  /** The moved records under the target's key, oldest first. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly count: number
  /** An `import` record under the target's key. */
  readonly note: Uint8Array<ArrayBuffer>
  /** The identify or alias record, or null when a restart sends the import again. */
  readonly event: Uint8Array<ArrayBuffer> | null
  readonly predict: PredictRequest | null
  readonly hops: number
}

export type ToShard =
  | { readonly type: 'ingest'; readonly id: number; readonly request: IngestRequest }
  | { readonly type: 'query'; readonly id: number; readonly query: Query }
  | { readonly type: 'stats'; readonly id: number }
  | { readonly type: 'peer'; readonly shard: number; readonly port: MessagePort }
  | { readonly type: 'peerDown'; readonly shard: number }
  | { readonly type: 'watch'; readonly topic: string; readonly on: boolean }
  | {
      readonly type: 'model'
      readonly id: number
      readonly name: string
      readonly directory: string | null
    }
  | { readonly type: 'removeDeadLetter'; readonly id: number; readonly letter: number }
  | { readonly type: 'checkpoint'; readonly id: number }
  | { readonly type: 'stop'; readonly id: number }

export type FromShard =
  | { readonly type: 'ingested'; readonly id: number; readonly reply: IngestReply }
  | { readonly type: 'answered'; readonly id: number; readonly reply: QueryReply }
  | {
      readonly type: 'stats'
      readonly id: number
      readonly stats: ShardStats
      readonly recent: readonly RecentShopper[]
    }
  | { readonly type: 'state'; readonly state: string; readonly detail: string }
  | { readonly type: 'done'; readonly id: number; readonly error: ErrorValue | null }
  | { readonly type: 'live'; readonly topic: string; readonly body: string }
  | { readonly type: 'failed'; readonly error: ErrorValue }

export interface RecentShopper {
  readonly id: string
  readonly event: string
  readonly time: number
}

/** The thread boundary of a shard: a real worker port, or an in-process pair in tests. */
export interface ShardPort {
  post(messages: FromShard[], transfer?: readonly ArrayBuffer[]): void
}
