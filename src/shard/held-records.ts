import { hashKey } from '../event/hash.ts'
import { KEY_KIND, MESSAGE_TYPES } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { isJoining, previousKey } from '../replay/replayer.ts'

const IDENTIFY = MESSAGE_TYPES.indexOf('identify')
const ALIAS = MESSAGE_TYPES.indexOf('alias')
/** Of the type in a record's head. */
const TYPE_AT = 5

/** A record that waits until what it must not overtake is done. */
export interface HeldRecord<Owner> {
  readonly owner: Owner
  readonly shard: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface NamedIds {
  /** Hashes of the ids that a record names. */
  readonly ids: readonly number[]
  readonly joins: boolean
}

interface Held<Owner> extends HeldRecord<Owner> {
  readonly ids: readonly number[]
  /** A join waits for everything handed out up to this dispatch; −1 of other records. */
  after: number
}

/**
 * Keeps the order of what comes in here around joins: an identify or alias goes to where it is decided
 * and then to its profile, and neither what it follows nor what follows it goes the same way. So it
 * waits for what was handed out before it, and what follows it under one of the ids that it names waits
 * until it is done. Ids are hashes; two that are taken for one make a record wait for nothing, no more.
 * With no join under way it costs a look at a byte a record.
 *
 * Owns the records that wait; what they are of is not acknowledged, so what waits is within the bound
 * of what is in flight.
 */
export class HeldRecords<Owner> {
  /** Id → joins under way, and records held, that name it. */
  private readonly named = new Map<number, number>()
  private held: Held<Owner>[] = []
  /** Dispatch → parts of it that are not settled; in ascending order. */
  private readonly outstanding = new Map<number, number>()
  private dispatch = 0
  private readonly cursor = new RecordCursor()

  get size(): number {
    return this.held.length
  }

  /** Whether the record at `at` may need {@link idsOf}: a join, or one while joins are under way. */
  concerns(bytes: Uint8Array, at: number): boolean {
    const type = bytes[at + TYPE_AT]
    return type === IDENTIFY || type === ALIAS || this.named.size > 0
  }

  idsOf(bytes: Uint8Array, at: number): NamedIds {
    const cursor = this.cursor.over(bytes).at(at)
    const ids = [idOf(cursor.keyHashLow, cursor.keyHashHigh)]
    if (!isJoining(cursor)) return { ids, joins: false }
    const previous = previousKey(cursor)
    if (previous === null) return { ids, joins: false }
    for (const kind of [KEY_KIND.anonymous, KEY_KIND.user] as const) {
      const { low, high } = hashKey(kind, previous.key)
      ids.push(idOf(low, high))
    }
    return { ids, joins: true }
  }

  /** Whether the record must wait; then it is kept. */
  keeps({ ids, joins }: NamedIds, record: HeldRecord<Owner>): boolean {
    if (!joins && !ids.some((id) => this.named.has(id))) return false
    const after = joins ? this.dispatch : -1
    this.held.push({ ...record, bytes: record.bytes.slice(), ids, after })
    this.name(ids)
    return true
  }

  /** A join was done. */
  end(ids: readonly number[]): void {
    for (const id of ids) {
      const left = (this.named.get(id) ?? 0) - 1
      if (left > 0) this.named.set(id, left)
      else this.named.delete(id)
    }
  }

  /** So many parts go out together; returns what they are settled by. */
  dispatched(parts: number): number {
    if (parts > 0) this.outstanding.set(this.dispatch, parts)
    return this.dispatch++
  }

  settled(dispatch: number): void {
    const left = (this.outstanding.get(dispatch) ?? 0) - 1
    if (left > 0) this.outstanding.set(dispatch, left)
    else this.outstanding.delete(dispatch)
  }

  /** Takes out the records that need not wait any more, up to the first after which `ends` says so. */
  takeReady(ends: (record: HeldRecord<Owner>) => boolean): HeldRecord<Owner>[] {
    const [oldest = Infinity] = this.outstanding.keys()
    const ready: Held<Owner>[] = []
    const waiting: Held<Owner>[] = []
    const blocked = new Map(this.underWay())
    const goingOut = new Set<number>()
    let ended = false
    for (const record of this.held) {
      // A join waits for what goes out now under its ids, too.
      if (record.after >= 0 && record.ids.some((id) => goingOut.has(id))) {
        record.after = this.dispatch
      }
      const free = !record.ids.some((id) => (blocked.get(id) ?? 0) > 0)
      if (!ended && free && record.after < Math.min(oldest, this.dispatch)) {
        ready.push(record)
        ended = ends(record)
        if (record.after < 0) {
          for (const id of record.ids) goingOut.add(id)
          continue
        }
      } else waiting.push(record)
      for (const id of record.ids) blocked.set(id, 1)
    }
    this.held = waiting
    // A join that goes out is under way under its ids; another record is not waited for any more.
    for (const { ids, after } of ready) if (after < 0) this.end(ids)
    return ready
  }

  /** Ids of joins under way: those that are named more often than records are held under them. */
  private underWay(): Map<number, number> {
    const counts = new Map(this.named)
    for (const { ids } of this.held) {
      for (const id of ids) counts.set(id, (counts.get(id) ?? 0) - 1)
    }
    return counts
  }

  private name(ids: readonly number[]): void {
    for (const id of ids) this.named.set(id, (this.named.get(id) ?? 0) + 1)
  }
}

function idOf(low: number, high: number): number {
  return high * 4_294_967_296 + low
}
