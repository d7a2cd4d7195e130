import { formatKey, ownerOf, parseKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { KEY_KIND, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { RecordWriter } from '../event/record-writer.ts'
import { SLICE_BYTES_MAX, SLICE_RECORDS_MAX } from '../identity/limits.ts'
import { confirmedText, readForward, readRestored, readSplit } from '../identity/notes.ts'
import { LimnError } from '../protocol/errors.ts'
import { isBusy, isUnavailable } from '../protocol/shard-messages.ts'
import type { BatchResult, Command, ImportCommand } from '../protocol/shard-messages.ts'
import { copyOfRecord, ownRecords, recordsOf } from '../replay/history.ts'
import type { HistoryReader, HistoryRecord } from '../replay/history.ts'
import type { Background } from './background.ts'
import { predictOf } from './turn.ts'
import type { Place, Turn } from './turn.ts'

/** Commands of a shard that are under way at a time; more wait. */
export const COMMANDS_MAX = 64
/** Before a command that another shard could not carry out yet is sent again. */
const BUSY_MS = 100

/** A row's oldest command that is not confirmed, while it is under way. */
interface Underway {
  readonly row: number
  readonly sequence: number
  readonly owner: number
  readonly head: Pick<Command, 'id' | 'position' | 'from' | 'to'>
  /** Sequences of what is to be moved, oldest first. */
  readonly records: readonly number[]
  readonly note: {
    readonly links: readonly string[]
    readonly event: Uint8Array<ArrayBuffer> | null
    readonly once?: boolean
  }
  readonly moves: boolean
  /** What it moves goes back where it came under. */
  readonly back: boolean
  slice: number
  next: number
}

/**
 * Sends the commands that this shard's decisions began, until their targets have journalled them.
 *
 * Owns nothing that a crash could lose: what is pending lies in the rows, and everything of a command
 * in its record and the chain behind it. Of a row one command is under way at a time, a slice of it at
 * a time, so that a target hears of them in their order. Nothing is sent before it is durable here, and
 * it is confirmed by the answer of whoever has journalled it, never by who queued it.
 */
export class Commands {
  private readonly turn: Turn
  private readonly history: HistoryReader
  private readonly background: Background
  /** Rows with commands that are not confirmed, and those that wait for what becomes of one. */
  private readonly rows = new Map<number, Map<number, Place>>()
  private readonly underway = new Map<number, Underway | null>()
  private readonly idleRows = new Set<number>()
  /** Rows → a request to give records back that could not be carried out yet, while it is repeated. */
  private readonly putOff = new Map<number, number>()
  /** Rows with a command that another command waits for. */
  private readonly owed = new Set<number>()
  /** Slices are put together in these, which are used again. */
  private readonly writers: RecordWriter[] = []
  confirmed = 0

  constructor(turn: Turn, history: HistoryReader, background: Background) {
    this.turn = turn
    this.history = history
    this.background = background
  }

  /** Rows with commands that are not confirmed. */
  get size(): number {
    return this.rows.size
  }

  /** A record of the row began a command; `place` is told what becomes of its event. */
  begin(row: number, sequence: number, place: Place | null): void {
    const places = this.rows.get(row) ?? new Map<number, Place>()
    if (place !== null) {
      place.batch.hold()
      places.set(sequence, place)
    }
    this.rows.set(row, places)
    this.startOrWait(row)
  }

  /**
   * {@link begin} on behalf of a command that waits for it: it does not wait for room, for the others may
   * be the ones that wait. There are no more of them than shards have commands under way.
   */
  beginOwed(row: number, sequence: number, place: Place | null): void {
    this.owed.add(row)
    this.begin(row, sequence, place)
  }

  /** Takes up what the rows say is pending: at a start, when the shards are connected. */
  takeUpPending(): void {
    const { profiles } = this.turn.parts
    for (const row of profiles.sideRows()) {
      if (profiles.identity(row).pending.length > 0 && !this.rows.has(row)) {
        this.begin(row, -1, null)
      }
    }
  }

  private startOrWait(row: number): void {
    if (this.underway.has(row)) return
    if (this.underway.size >= COMMANDS_MAX && !this.owed.has(row)) {
      this.idleRows.add(row)
      return
    }
    this.idleRows.delete(row)
    const sequence = this.next(row)
    if (sequence === undefined) {
      this.rows.delete(row)
      this.owed.delete(row)
      this.putOff.delete(row)
      return
    }
    this.underway.set(row, null)
    this.turn.whenDurable(() => this.background.add(this.start(row, sequence)))
  }

  /**
   * The oldest that is pending. Where that asks for records and was put off, what gives some goes before
   * it: it may be what the other waits for.
   */
  private next(row: number): number | undefined {
    const { pending } = this.turn.parts.profiles.identity(row)
    const [oldest] = pending
    if (oldest !== this.putOff.get(row)) return oldest
    return pending.find((sequence) => this.kindOf(sequence) === RECORD_KIND.split) ?? oldest
  }

  private kindOf(sequence: number): number | null {
    const record = this.history.record(sequence)
    return record === null ? null : new RecordCursor().over(record.bytes).at(record.offset).kind
  }

  private *start(row: number, sequence: number): Generator<void> {
    const { shard, shardCount, profiles } = this.turn.parts
    const begins = this.history.record(sequence)
    if (begins === null) throw lost(shard, sequence)
    const cursor = new RecordCursor().over(copyOfRecord(begins)).at(0)
    const source = profiles.keyOf(row)
    const renames = source.kind === KEY_KIND.rename
    const target = renames && cursor.kind === RECORD_KIND.restored ? source : targetOf(cursor)
    const records: number[] = []
    if (!renames) {
      for (const record of this.moved(cursor)) {
        if (record !== null) records.push(record.sequence)
        yield
      }
    }
    const note =
      cursor.kind === RECORD_KIND.forward ? readForward(cursor.message) : { links: [], event: null }
    const from = userOf(source)
    const head = {
      id: 0,
      position: `${shard}:${sequence}`,
      from: formatKey(from),
      to: formatKey(userOf(target)),
    }
    // A rename is carried out where the renamed user is; its `to` is where that one goes.
    const owner = ownerOf(renames ? from : target, shardCount)
    const moves = !renames && cursor.kind !== RECORD_KIND.restored
    const back = cursor.kind === RECORD_KIND.split
    const at = { row, sequence, owner, head, records: records.reverse(), note, moves, back }
    this.underway.set(row, { ...at, slice: 0, next: 0 })
    yield* this.sendNext(row, cursor)
  }

  /** The records that the command of a record moves, newest first. */
  private moved(cursor: RecordCursor): Iterable<HistoryRecord | null> {
    const before = ownRecords(this.history.walk(cursor.previousSequence))
    if (cursor.kind === RECORD_KIND.forward) return before
    if (cursor.kind !== RECORD_KIND.split) return []
    return recordsOf(before, readSplit(cursor.message).origins.map(parseKey))
  }

  private *sendNext(row: number, cursor: RecordCursor): Generator<void> {
    const at = this.underway.get(row)
    if (at === undefined || at === null) return
    if (!at.moves) return this.post(at, this.plainCommand(at, cursor))
    const writer = this.writers.pop() ?? new RecordWriter(SLICE_BYTES_MAX)
    const record = new RecordCursor()
    let { next } = at
    let count = 0
    while (
      next < at.records.length &&
      count < SLICE_RECORDS_MAX &&
      writer.length < SLICE_BYTES_MAX
    ) {
      const moved = this.history.record(at.records[next])
      if (moved === null) throw lost(this.turn.parts.shard, at.records[next])
      record.over(moved.bytes).at(moved.offset)
      writer.appendBytes(moved.bytes, moved.offset, record.byteLength)
      next++
      count++
      yield
    }
    const bytes = writer.take()
    this.writers.push(writer)
    if (this.underway.get(row) !== at) return
    at.next = next
    const last = next === at.records.length
    this.post(at, this.importCommand(at, { bytes, count, last }))
  }

  private importCommand(
    at: Underway,
    slice: {
      readonly bytes: Uint8Array<ArrayBuffer>
      readonly count: number
      readonly last: boolean
    },
  ): ImportCommand {
    const { head, note, back } = at
    const place = this.rows.get(at.row)?.get(at.sequence)
    const predict = !slice.last || place === undefined ? null : predictOf(place)
    const event = slice.last ? note.event : null
    const { links, once = false } = note
    // What comes back may have been sent again meanwhile, and be there under its message id.
    const moved = { links, once: once || back, back, event, predict }
    return { type: 'import', ...head, ...slice, slice: at.slice, ...moved }
  }

  private plainCommand({ row, sequence, head, note }: Underway, cursor: RecordCursor): Command {
    const renames = this.turn.parts.profiles.kindOf(row) === KEY_KIND.rename
    if (!renames) {
      const { origins } = readRestored(cursor.message)
      return { type: 'split', ...head, origins, predict: null }
    }
    const place = this.rows.get(row)?.get(sequence)
    const predict = place === undefined ? null : predictOf(place)
    return { type: 'rename', ...head, event: note.event, predict }
  }

  private post(at: Underway, command: Command): void {
    this.turn.parts.post(at.owner, command, (result) => this.answered(at, command, result))
  }

  private answered(at: Underway, command: Command, result: BatchResult): void {
    if (this.underway.get(at.row) !== at) return
    const last = command.type !== 'import' || command.last
    if (isUnavailable(result)) {
      // One that is only put off is heard of when it is done.
      if (last && !isBusy(result)) this.settle(at, result)
      if (command.type === 'split') this.putOff.set(at.row, at.sequence)
      this.turn.parts.clock.after(BUSY_MS, () => this.sendAgain(at))
      return
    }
    if (!last) {
      at.slice++
      this.background.add(this.sendNext(at.row, new RecordCursor()))
      return
    }
    this.settle(at, result)
    this.confirm(at)
  }

  /** Begins anew; a target passes over what it has. */
  private sendAgain(at: Underway): void {
    if (this.underway.get(at.row) !== at) return
    this.underway.delete(at.row)
    // What it waits for may wait for room itself.
    this.idleRows.add(at.row)
    this.startIdle()
    this.turn.flush()
  }

  private startIdle(): void {
    for (const waiting of this.idleRows) {
      if (this.underway.size >= COMMANDS_MAX) break
      this.idleRows.delete(waiting)
      this.startOrWait(waiting)
    }
  }

  private settle({ row, sequence }: Underway, result: BatchResult): void {
    const place = this.rows.get(row)?.get(sequence)
    if (place === undefined) return
    this.rows.get(row)?.delete(sequence)
    place.batch.adopt(place.record, result)
    place.batch.release()
  }

  private confirm({ row, sequence }: Underway): void {
    const key = this.turn.parts.profiles.keyOf(row)
    this.turn.appendOwn(RECORD_KIND.forwardConfirmed, key, { message: confirmedText(sequence) })
    this.confirmed++
    this.underway.delete(row)
    this.startOrWait(row)
    this.startIdle()
    this.turn.flush()
  }
}

/** A user's key; of a place in the forest of renames the user's that it is of. */
function userOf(key: ProfileKey): ProfileKey {
  return key.kind === KEY_KIND.rename ? { kind: KEY_KIND.user, key: key.key } : key
}

/** Where the command of a record goes. */
function targetOf(cursor: RecordCursor): ProfileKey {
  if (cursor.kind === RECORD_KIND.split) return parseKey(readSplit(cursor.message).origins[0])
  return parseKey(cursor.name)
}

function lost(shard: number, sequence: number): LimnError {
  const message = `shard ${shard}: record ${sequence}, which a join waits for, is not in the journal`
  return new LimnError('ERR_STORAGE_CORRUPT', message)
}
