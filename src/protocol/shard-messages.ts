import type { ClockBase } from './clock.ts'
import type {
  ErrorValue,
  IngestReply,
  IngestRequest,
  PredictionValue,
  Query,
  QueryReply,
  RejectedItem,
  ShardStats,
} from './shards.ts'

/** What a record became: an index into a batch's outcome bytes. */
export const OUTCOME = { applied: 0, duplicate: 1, rejected: 2 } as const

/**
 * How far a record has come. Of one that may join: `link`, it is at the shard of the anonymous profile
 * it names; `linkUser`, an alias is at the shard of the user it names; `admit`, at the shard of the
 * profile that would grow; `decide` and `rename`, at the shard that decides. `ask`: at a shard that may
 * have seen it before. `apply`: on its way to its profile.
 */
export type Stage = 'link' | 'linkUser' | 'admit' | 'decide' | 'rename' | 'ask' | 'apply'

/** What an identify or alias has found on its way to the decision. */
export interface JoinRequest {
  /** The profile that would be joined to another. */
  readonly source: string
  /** Where to look for the other one, which may have been renamed. */
  readonly target: string
  /** Ids and records that the source would bring along. */
  readonly links: number
  readonly records: number
}

/** One record of a batch whose profile is to be scored after it. */
export interface PredictRequest {
  readonly record: number
  readonly models: readonly string[]
}

export type Predictions = Record<string, PredictionValue | { error: ErrorValue }>

/** The shard that keeps the forest of renames. */
export const FOREST_SHARD = 0

/** A command that cannot be carried out yet; it is sent again. */
export const SHARD_BUSY = 'ERR_SHARD_BUSY'

/** The shard that owns a record went down before it answered; whether it was applied is not known. */
export const SHARD_UNAVAILABLE = 'ERR_SHARD_UNAVAILABLE'

export function isBusy(result: BatchResult): boolean {
  return result.rejected.some(({ code }) => code === SHARD_BUSY)
}

export function isUnavailable(result: BatchResult): boolean {
  return result.rejected.some(({ code }) => code === SHARD_UNAVAILABLE || code === SHARD_BUSY)
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
      readonly join: JoinRequest | null
      /** `ask`: ids whose shards are to be asked, the receiver's first. */
      readonly ask: readonly string[]
      /** Those that were asked already and do not know it. */
      readonly told: readonly string[]
      /** Profiles that have sent it back to its own key. */
      readonly returned: readonly string[]
    }
  | Command
  | HealMessage
  | { readonly type: 'applied'; readonly id: number; readonly result: BatchResult }

/**
 * What a shard that has journalled a decision asks of another. It is sent again until it is answered;
 * `position` (of the record that began it) and slice tell a repeat.
 */
export type Command = ImportCommand | RenameCommand | SplitCommand

interface CommandHead {
  readonly id: number
  readonly position: string
  /** The profile that the command comes from. */
  readonly from: string
  /** The profile that it is for; `user:…` or `anonymous:…`. */
  readonly to: string
}

/** History that moves to another profile, and the event that caused it. */
export interface ImportCommand extends CommandHead {
  readonly type: 'import'
  readonly slice: number
  readonly last: boolean
  /** The records come back after an undone join. */
  readonly back: boolean
  /** Keys that are joined to the source. */
  readonly links: readonly string[]
  /** The moved records under the source's key, oldest first. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly count: number
  /** The target may have some of the records already, under their message ids. */
  readonly once: boolean
  /** With the last slice: the identify or alias; null where an earlier command has it. */
  readonly event: Uint8Array<ArrayBuffer> | null
  readonly predict: PredictRequest | null
}

/** The shard that keeps the forest of renames has renamed `from` to `to`. */
export interface RenameCommand extends CommandHead {
  readonly type: 'rename'
  readonly event: Uint8Array<ArrayBuffer> | null
  readonly predict: PredictRequest | null
}

/** A join was undone: records that came under `origins` are to be given back to the first of them. */
export interface SplitCommand extends CommandHead {
  readonly type: 'split'
  readonly origins: readonly string[]
  readonly predict: null
}

/**
 * Between shards that open data of the first format, see `src/shard/healing.ts`. `tellRenames` and
 * `tellArrived` ask for `renames` and `arrived`, and are answered after these; `undo` when it is
 * durable; `settled` when the forest of renames is whole. Any may be sent again.
 */
export interface HealMessage {
  readonly type: 'heal'
  readonly id: number
  readonly step: 'tellRenames' | 'renames' | 'undo' | 'settled' | 'tellArrived' | 'arrived'
  readonly items: readonly HealItem[]
  readonly predict: null
}

/** Of a forward: its key, and the sequence of its record in the shard of the key. */
export interface HealItem {
  readonly key: string
  readonly sequence: number
  /** A rename: where it goes, when it was; '' and 0 of others. */
  readonly to: string
  readonly time: number
  /**
   * A rename: sequence of the key's forward that moved records. To be undone: of the one that moved
   * what comes back. -1 for none.
   */
  readonly moved: number
}

type QueryOf<K extends Query['kind']> = Extract<Query, { kind: K }>

/** Time travel and whatever else is no look-up. */
export type ShardQuery =
  | Exclude<Query, { kind: 'profile' | 'predictions' }>
  | (QueryOf<'profile'> & { readonly at: number })

/** A profile that is forwarded is answered by the shard of its successor: the client asks again. */
export const REDIRECT = 307
/** Forwards that a look-up follows at most. Identity makes no more in a row. */
export const REDIRECTS_MAX = 10

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
  /** Undoes the newest join of `user:…` or `anonymous:…`; answered with `answered`. */
  | { readonly type: 'undo'; readonly id: number; readonly of: string }
  | { readonly type: 'stats'; readonly id: number }
  | { readonly type: 'peer'; readonly shard: number; readonly port: PeerPort }
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
  /** What arrival time is reckoned from; taken at once. Timers begin with the first of these. */
  | { readonly type: 'clock'; readonly id: number; readonly base: ClockBase }
  /** How long retention waits beyond the time that it is set to; Infinity holds it. */
  | { readonly type: 'retentionLag'; readonly ms: number }
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
  /** When the newest block was written that was there at the start; null where there is none. */
  | { readonly type: 'written'; readonly at: number | null }
  | { readonly type: 'done'; readonly id: number; readonly error: ErrorValue | null }
  | { readonly type: 'live'; readonly topic: string; readonly body: string }
  | { readonly type: 'failed'; readonly error: ErrorValue }

export interface RecentShopper {
  readonly id: string
  readonly event: string
  readonly time: number
}

/** One end of the way between two shards; a `MessagePort` is one. Messages keep their order. */
export interface PeerPort {
  postMessage(message: PeerMessage, transfer?: readonly ArrayBuffer[]): void
  on(event: 'message', listener: (message: PeerMessage) => void): unknown
  close(): void
}

/** The thread boundary of a shard. */
export interface ShardPort {
  post(messages: FromShard[], transfer?: readonly ArrayBuffer[]): void
  /** Messages that have arrived but were not yet delivered; null for none. Never waits. */
  poll(): ToShard[] | null
}
