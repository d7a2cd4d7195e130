import { formatKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { readRestored, readSplit } from '../identity/notes.ts'

/**
 * One record of a shopper's history: at `offset` of `bytes`, which are valid until the next one is read,
 * here or by anyone, and not to be written to. Who works in slices is done with it before it yields.
 */
export interface HistoryRecord {
  readonly sequence: number
  readonly bytes: Uint8Array
  readonly offset: number
}

/** Reads a shard's records, those in flight too. */
export interface HistoryReader {
  /** Newest first, from the given sequence back along the profile's chain. */
  walk(lastSequence: number): Iterable<HistoryRecord>
  /** One record; null where the journal does not have it. */
  record(sequence: number): HistoryRecord | null
}

/** The record's bytes alone, to keep. */
export function copyOfRecord({ bytes, offset }: HistoryRecord): Uint8Array<ArrayBuffer> {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true)
  return new Uint8Array(bytes.subarray(offset, offset + length))
}

/** How a walk ended. */
export interface WalkEnd {
  /** It came to the profile's first record; false where the journal has dropped older ones. */
  whole: boolean
}

/**
 * The events and timers that a profile is made of, newest first: a walk along its chain which leaves
 * out what was given back, and ends where its records went to another profile. Null for a record that
 * is left out, so that whoever works in slices can pause there too: there may be a whole history of them.
 */
export function* ownRecords(
  newestFirst: Iterable<HistoryRecord>,
  end: WalkEnd = { whole: false },
): Generator<HistoryRecord | null> {
  const cursor = new RecordCursor()
  const gone = new Set<string>()
  let forwardsPassed = 0
  end.whole = false
  for (const record of newestFirst) {
    const { kind, previousSequence } = cursor.over(record.bytes).at(record.offset)
    if (kind === RECORD_KIND.event || kind === RECORD_KIND.timer) {
      yield gone.size === 0 || !gone.has(formatKey(cursor.origin)) ? record : null
    } else if (kind === RECORD_KIND.split) {
      for (const origin of readSplit(cursor.message).origins) gone.add(origin)
    } else if (kind === RECORD_KIND.restored && readRestored(cursor.message).whole) {
      forwardsPassed++
    } else if (kind === RECORD_KIND.restored || kind === RECORD_KIND.forward) {
      if (kind === RECORD_KIND.restored || forwardsPassed === 0) {
        end.whole = true
        return
      }
      forwardsPassed--
    }
    if (previousSequence < 0) end.whole = true
  }
}

/** Of a profile's records, newest first, those that came under one of the keys; null for another. */
export function* recordsOf(
  records: Iterable<HistoryRecord | null>,
  keys: readonly ProfileKey[],
): Generator<HistoryRecord | null> {
  const cursor = new RecordCursor()
  const names = new Set(keys.map(formatKey))
  for (const record of records) {
    if (record === null) yield null
    else
      yield names.has(formatKey(cursor.over(record.bytes).at(record.offset).origin)) ? record : null
  }
}
