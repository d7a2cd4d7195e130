import {
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
  MESSAGE_TYPES,
  KEY_KIND,
} from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import type { ImportNote } from '../event/record.ts'
import type { Fold } from '../profile/fold.ts'
import type { ProfileStore } from '../profile/store.ts'
import { formatKey, parseKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'

/** One record of a shopper's history; a copy that outlives its block. */
export interface HistoryRecord {
  readonly sequence: number
  readonly bytes: Uint8Array
}

/** A profile's records, newest first, from the given sequence back along the chain. */
export type HistoryReader = (lastSequence: number) => Iterable<HistoryRecord>

const ANONYMOUS_ID = STRING_FIELDS.indexOf('anonymous_id')
const PREVIOUS_ID = STRING_FIELDS.indexOf('previous_id')
const IDENTIFY = MESSAGE_TYPES.indexOf('identify')
const ALIAS = MESSAGE_TYPES.indexOf('alias')

/**
 * Applies journal records to profiles: the same steps for a live turn, recovery and training.
 *
 * Invariant: a record is applied to its profile exactly once, in sequence order; one whose sequence
 * the profile has already seen (its checkpoint page was newer) is passed over. Single-threaded.
 */
export class Replayer {
  /** Forwards whose target has not confirmed the import: source key → sequence of the forward. */
  readonly pendingForwards = new Map<string, number>()
  private readonly profiles: ProfileStore
  private readonly fold: Fold
  private readonly history: HistoryReader

  constructor(profiles: ProfileStore, fold: Fold, history: HistoryReader) {
    this.profiles = profiles
    this.fold = fold
    this.history = history
  }

  /** Applies the record at the cursor; returns its profile's row, or -1 when it was seen before. */
  apply(cursor: RecordCursor, sequence: number): number {
    const row = this.profiles.ensureRecord(cursor)
    if (sequence <= this.profiles.lastSequence(row)) return -1
    this.applyTo(row, cursor, sequence)
    return row
  }

  /** Applies a record that is new to its profile's row. */
  applyTo(row: number, cursor: RecordCursor, sequence: number): void {
    this.profiles.setLastSequence(row, sequence)
    if (cursor.kind === RECORD_KIND.event) {
      if ((cursor.flags & RECORD_FLAG.imported) === 0) this.applyEvent(row, cursor)
    } else if (cursor.kind === RECORD_KIND.timer) {
      this.fold.apply(row, cursor)
    } else {
      this.applyIdentity(row, cursor, sequence)
    }
  }

  private applyEvent(row: number, cursor: RecordCursor): void {
    this.fold.apply(row, cursor)
    if (cursor.type !== IDENTIFY && cursor.type !== ALIAS) return
    if (cursor.keyKind !== KEY_KIND.user) return
    const previous = previousKey(cursor)
    if (previous !== null && !this.isLinked(row, previous)) {
      this.profiles.addLink(row, { ...previous, source: '', time: cursor.arrivalTime })
    }
  }

  private applyIdentity(row: number, cursor: RecordCursor, sequence: number): void {
    if (cursor.kind === RECORD_KIND.forward) {
      this.profiles.setForward(row, parseKey(cursor.name))
      this.profiles.reset(row)
      if (cursor.message !== '') this.pendingForwards.set(keyTextOf(cursor), sequence)
    } else if (cursor.kind === RECORD_KIND.forwardConfirmed) {
      this.pendingForwards.delete(keyTextOf(cursor))
    } else if (cursor.kind === RECORD_KIND.import) {
      this.applyImport(row, cursor, sequence)
    }
  }

  private applyImport(row: number, cursor: RecordCursor, sequence: number): void {
    const note = JSON.parse(cursor.message) as ImportNote
    const time = cursor.arrivalTime
    this.profiles.addLink(row, { ...parseKey(cursor.name), source: note.source, time })
    for (const id of note.links) {
      const key = parseKey(id)
      if (!this.isLinked(row, key)) this.profiles.addLink(row, { ...key, source: '', time })
    }
    const newestFirst = [...this.history(sequence)]
    if (reachesBack(newestFirst)) this.foldAgain(row, newestFirst)
    else foldHistory(this.fold, row, importedWith(newestFirst), Number.POSITIVE_INFINITY)
  }

  /** Folds a profile anew from its records, interleaved by arrival. */
  foldAgain(row: number, newestFirst: Iterable<HistoryRecord>): void {
    this.profiles.reset(row)
    foldHistory(this.fold, row, newestFirst, Number.POSITIVE_INFINITY)
  }

  private isLinked(row: number, key: ProfileKey): boolean {
    return this.profiles.links(row).some((l) => l.kind === key.kind && l.key === key.key)
  }
}

/**
 * Whether records, newest first, reach back to the profile's first one. Where the journal has dropped
 * older ones, a fold of what is left is not the whole profile.
 */
export function reachesBack(newestFirst: readonly HistoryRecord[]): boolean {
  const oldest = newestFirst.at(-1)
  return oldest !== undefined && new RecordCursor().over(oldest.bytes).at(0).previousSequence < 0
}

/**
 * The records that came with the newest, which is an import note. Where the older part of a profile is
 * gone it keeps what it has, and these are folded on top, as late events.
 */
function importedWith(newestFirst: readonly HistoryRecord[]): readonly HistoryRecord[] {
  const cursor = new RecordCursor()
  const moved = newestFirst.slice(1)
  const end = moved.findIndex(({ bytes }) => {
    return (cursor.over(bytes).at(0).flags & RECORD_FLAG.imported) === 0
  })
  return end < 0 ? moved : moved.slice(0, end)
}

/** Folds events and timers that arrived up to `untilMs` in order of arrival; returns how many. */
export function foldHistory(
  fold: Fold,
  row: number,
  newestFirst: Iterable<HistoryRecord>,
  untilMs: number,
): number {
  const cursor = new RecordCursor()
  const records: { arrival: number; record: HistoryRecord }[] = []
  for (const record of newestFirst) {
    cursor.over(record.bytes).at(0)
    const folds = cursor.kind === RECORD_KIND.event || cursor.kind === RECORD_KIND.timer
    if (folds && cursor.arrivalTime <= untilMs) {
      records.push({ arrival: cursor.arrivalTime, record })
    }
  }
  records.sort((a, b) => a.arrival - b.arrival || a.record.sequence - b.record.sequence)
  for (const { record } of records) fold.apply(row, cursor.over(record.bytes).at(0))
  return records.length
}

/** The anonymous or former id that an identify or alias names besides its own key. */
export function previousKey(cursor: RecordCursor): ProfileKey | null {
  const alias = cursor.type === ALIAS
  const key = cursor.text(alias ? PREVIOUS_ID : ANONYMOUS_ID)
  return key === '' ? null : { kind: KEY_KIND.anonymous, key }
}

/** Whether the record is an identify or alias that joins another profile to its own. */
export function isJoining(cursor: RecordCursor): boolean {
  if (cursor.kind !== RECORD_KIND.event || cursor.keyKind !== KEY_KIND.user) return false
  if (cursor.type === ALIAS) return true
  return cursor.type === IDENTIFY && cursor.stringStart(ANONYMOUS_ID) >= 0
}

export function isAlias(cursor: RecordCursor): boolean {
  return cursor.type === ALIAS
}

export function keyOfRecord(cursor: RecordCursor): ProfileKey {
  return { kind: cursor.keyKind, key: cursor.key }
}

export function keyTextOf(cursor: RecordCursor): string {
  return formatKey(keyOfRecord(cursor))
}
