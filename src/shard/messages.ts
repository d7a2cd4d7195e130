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

type QueryOf<K extends Query['kind']> = Extract<Query, { kind: K }>

/** Time travel and whatever else is no look-up. */
export type ShardQuery =
  | Exclude<Query, { kind: 'profile' | 'predictions' }>
  | (QueryOf<'profile'> & { readonly at: number })

/** What a look-up is about: a profile or a part of it, or its predictions. */
export const LOOKUPS = ['all', 'traits', 'segments', 'machines', 'predictions'] as const
/**
 * A look-up in a message is so many values in a row: index into {@link LOOKUPS}, id, least position
 * ('' for any), model ('' for all). A message for each would cost more than the answer.
 */
export const LOOKUP_FIELDS = 4
/** An answer's head in a message: number of the look-up, status, end of its body in the bytes. */
export const ANSWER_FIELDS = 3

export type ToShard =
  | {
      readonly type: 'lookups'
      /** The first one's number; the others' follow. Numbers have nothing to do with other ids. */
      readonly first: number
      readonly fields: readonly (string | number)[]
    }
  | { readonly type: 'ingest'; readonly id: number; readonly request: IngestRequest }
  | { readonly type: 'query'; readonly id: number; readonly query: ShardQuery }
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
  | {
      readonly type: 'answers'
      readonly heads: readonly number[]
      readonly bytes: Uint8Array<ArrayBuffer>
    }
  | { readonly type: 'ingested'; readonly id: number; readonly reply: IngestReply }
  | { readonly type: 'answered'; readonly id: number; readonly reply: QueryReply }
  | {
      readonly type: 'stats'
      readonly id: number
      readonly stats: ShardStats
      readonly recent: readonly RecentShopper[]
    }
  | { readonly type: 'state'; readonly state: string; readonly detail: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'done'; readonly id: number; readonly error: ErrorValue | null }
  | { readonly type: 'live'; readonly topic: string; readonly body: string }
  | { readonly type: 'failed'; readonly error: ErrorValue }

export interface RecentShopper {
  readonly id: string
  readonly event: string
  readonly time: number
}

/** The thread boundary of a shard. */
export interface ShardPort {
  post(messages: FromShard[], transfer?: readonly ArrayBuffer[]): void
  /** Messages that have arrived but were not yet delivered; null for none. Never waits. */
  poll(): ToShard[] | null
}
