import type { Hash64 } from '../event/hash.ts'
import type { RecordCursor } from '../event/record-cursor.ts'

/** Records as the journal keeps them. */
interface RecordBlock {
  readonly firstSequence: number
  readonly count: number
  readonly bytes: Uint8Array
  /** Byte offset of each record. */
  readonly offsets: ArrayLike<number>
}

/** One shard's journal with empty profiles to fold it into. */
export interface ReplayedShard {
  readonly shard: number
  /** For progress. */
  readonly records: number
  blocks(): Iterable<RecordBlock>
  /** Folds the record as serving did and returns its profile's row; -1: it had no effect. */
  apply(cursor: RecordCursor, sequence: number): number
  writeFeatures(row: number, now: number, out: Float32Array, offset: number): void
  close(): void
}

/** Where training data comes from; composed of journal and profiles by the worker. */
export interface ReplaySource {
  readonly shardCount: number
  readonly featureNames: readonly string[]
  readonly schemaHash: string
  /** Opened one after the other, so that one shard's profiles are in memory at a time. */
  open(shard: number): ReplayedShard
  /** Whether the record is the event with this name. */
  eventMatcher(event: string): (cursor: RecordCursor) => boolean
  /** Hash of the key that a `forward` record's name gives, such as `user:x`. */
  keyHash(id: string): Hash64
}
