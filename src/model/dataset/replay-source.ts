import type { Hash64 } from '../../event/hash.ts'
import type { RecordCursor } from '../../event/record-cursor.ts'
import type { Feature } from '../../profile/feature-vector.ts'

/** Records as the journal keeps them. */
interface RecordBlock {
  readonly firstSequence: number
  readonly count: number
  readonly bytes: Uint8Array
  /** Byte offset of each record. */
  readonly offsets: ArrayLike<number>
}

/** Expressions that a replay evaluates; null for none. */
export interface ReplayExpressions {
  /** Over the event: whether it is an outcome. */
  readonly where: string | null
  /** Over the event: what an outcome's value is. */
  readonly value: string | null
  /** Over the event, if there is one, and the profile: whether no row may be taken. */
  readonly exclude: string | null
}

/** One shard's journal with empty profiles to fold it into. */
export interface ReplayedShard {
  readonly shard: number
  /** For progress. */
  readonly records: number
  blocks(): Iterable<RecordBlock>
  /** Folds the record as serving did and returns its profile's row, from 0; -1: it had no effect. */
  apply(cursor: RecordCursor, sequence: number): number
  /** As of `now`, or of the newest event time that the profile has seen, if later. */
  writeFeatures(row: number, now: number, out: Float32Array, offset: number): void
  /** Whether `where` holds for the event that was just applied; true without it. */
  matches(cursor: RecordCursor): boolean
  /** `value` of the event that was just applied; null without it. */
  valueOf(cursor: RecordCursor): number | string | boolean | null
  /** Whether `exclude` holds for the row at the event that was just applied. */
  excludesEvent(row: number, cursor: RecordCursor): boolean
  /** Whether `exclude` holds for the row as of `now`, with no event at hand. */
  excludesAt(row: number, now: number): boolean
  /** Events of the row's open session; 0 where none is open. */
  sessionEvents(row: number): number
  /** Texts that any profile of the shard has held, of which category features are codes. */
  texts(): Iterable<string>
  close(): void
}

/** Where training data comes from; composed of journal and profiles by the worker. */
export interface ReplaySource {
  readonly shardCount: number
  readonly features: readonly Feature[]
  readonly schemaHash: string
  /**
   * Opened one after the other, so that one shard's profiles are in memory at a time.
   * @throws LimnError of an expression that cannot be compiled
   */
  open(shard: number, expressions: ReplayExpressions): ReplayedShard
  /** Hash of the key that a `forward` record's name gives, such as `user:x`. */
  keyHash(id: string): Hash64
}
