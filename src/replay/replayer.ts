import type { ProfileKey } from '../event/profile-key.ts'
import {
  KEY_KIND,
  MESSAGE_TYPES,
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
} from '../event/record.ts'
import type { RecordCursor } from '../event/record-cursor.ts'
import { isLinked, transition } from '../identity/transition.ts'
import { ROW_MARK } from '../profile/compile.ts'
import type { Fold } from '../profile/fold.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { HistoryReader } from './history.ts'
import { foldAgain, isDeferred } from './refold.ts'

const ANONYMOUS_ID = STRING_FIELDS.indexOf('anonymous_id')
const PREVIOUS_ID = STRING_FIELDS.indexOf('previous_id')
const IDENTIFY = MESSAGE_TYPES.indexOf('identify')
const ALIAS = MESSAGE_TYPES.indexOf('alias')

/**
 * When a profile is folded again: `here`, at the record that says so, which gives a replay exactly what
 * was served at each position; `later`, by the caller, who finds it marked.
 */
export type Refolding = 'here' | 'later'

/**
 * Applies journal records to profiles: the same steps for a live turn, recovery and training.
 *
 * Invariant: a record is applied to its profile exactly once, in sequence order; one whose sequence
 * the profile has already seen (its checkpoint page was newer) is passed over. A record that belongs
 * before what is folded already (moved by a join, or history that came late) is not folded; its row is
 * marked until it is folded again from all its records. Single-threaded.
 */
export class Replayer {
  /** Rows that were marked since the set was last emptied. */
  readonly marked = new Set<number>()
  /** Rows of which the journal says already that they were folded again with all they have. */
  readonly journalled = new Set<number>()
  refolding: Refolding
  private readonly profiles: ProfileStore
  private readonly fold: Fold
  private readonly history: HistoryReader

  constructor(
    { profiles, fold }: { profiles: ProfileStore; fold: Fold },
    history: HistoryReader,
    refolding: Refolding,
  ) {
    this.profiles = profiles
    this.fold = fold
    this.history = history
    this.refolding = refolding
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
    const { kind } = cursor
    if (kind === RECORD_KIND.event || kind === RECORD_KIND.timer) {
      this.applyFolded(row, cursor, sequence)
    } else if (kind === RECORD_KIND.refold) this.applyRefold(row)
    else this.applyIdentity(row, cursor, sequence)
  }

  /** The profile has been folded again from all records it has. */
  refolded(row: number): void {
    this.profiles.noteFolded(row)
    this.marked.delete(row)
    this.journalled.delete(row)
  }

  private applyFolded(row: number, cursor: RecordCursor, sequence: number): void {
    this.profiles.countRecord(row, cursor.arrivalTime)
    if (isDeferred(cursor.flags)) {
      this.profiles.noteUnfolded(row, sequence)
      // A join's last slice says when all of them are there.
      if ((cursor.flags & RECORD_FLAG.imported) === 0) this.mark(row)
      return
    }
    this.fold.apply(row, cursor)
    if (cursor.kind === RECORD_KIND.event) this.linkNamed(row, cursor)
  }

  /**
   * An identify of data in the first format names an id that nothing was moved from; nowadays a join
   * has been journalled before its event comes here.
   */
  private linkNamed(row: number, cursor: RecordCursor): void {
    if (cursor.type !== IDENTIFY || cursor.keyKind !== KEY_KIND.user) return
    const named = previousKey(cursor)
    if (named === null) return
    const state = this.profiles.identity(row)
    if (isLinked(state, named)) return
    const link = { ...named, source: '', time: cursor.arrivalTime }
    this.profiles.setIdentity(row, { ...state, links: [...state.links, link] })
  }

  private applyRefold(row: number): void {
    if (!this.profiles.isMarked(row, ROW_MARK.refold)) return
    this.journalled.add(row)
    if (this.refolding === 'later') {
      // What came before this record is folded by then: a join that moves only newer records marks
      // nothing, as it did not when this record was written.
      this.profiles.clearUnfolded(row)
      return
    }
    foldAgain({ profiles: this.profiles, fold: this.fold, row }, this.history)
    this.refolded(row)
  }

  private applyIdentity(row: number, cursor: RecordCursor, sequence: number): void {
    const [next, commands] = transition(this.profiles.identity(row), cursor, sequence)
    this.profiles.setIdentity(row, next)
    for (const command of commands) {
      if (command === 'empty') this.empty(row)
      else if (command !== 'send' && this.hasUnfolded(row, cursor.kind)) this.mark(row)
      if (command === 'refoldHere') this.applyRefold(row)
    }
  }

  /** What a join moved may all have arrived after what was there, and is folded then. */
  private hasUnfolded(row: number, kind: number): boolean {
    if (kind !== RECORD_KIND.import) return true
    return this.profiles.unfolded(row) < Number.POSITIVE_INFINITY
  }

  private empty(row: number): void {
    this.profiles.reset(row)
    this.profiles.setHistory(row, 0)
    this.refolded(row)
  }

  private mark(row: number): void {
    this.profiles.setMark(row, ROW_MARK.refold, true)
    this.marked.add(row)
    this.journalled.delete(row)
  }
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
