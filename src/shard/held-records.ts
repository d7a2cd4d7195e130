import { hashKey } from '../event/hash.ts'
import { KEY_KIND, MESSAGE_TYPES } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { isJoining, previousKey } from '../replay/replayer.ts'

const IDENTIFY = MESSAGE_TYPES.indexOf('identify')
const ALIAS = MESSAGE_TYPES.indexOf('alias')
/** Of the type in a record's head. */
const TYPE_AT = 5

/** A record that waits until joins before it, of an id that it names, are done. */
export interface HeldRecord<Owner> {
  readonly owner: Owner
  readonly shard: number
  readonly bytes: Uint8Array<ArrayBuffer>
}

interface Held<Owner> extends HeldRecord<Owner> {
  readonly ids: readonly number[]
}

/**
 * Keeps the order of what comes in here around joins: an identify or alias goes to where it is decided
 * and then to its profile, and what follows it under one of the ids that it names would be there first.
 * So it waits here until the join is done. Ids are hashes; two that are taken for one make a record
 * wait for nothing, no more. With no join under way it costs a look at a byte a record.
 *
 * Owns the records that wait; what they are of is not acknowledged, so what waits is within the bound
 * of what is in flight.
 */
export class HeldRecords<Owner> {
  /** Id → joins under way that name it. */
  private readonly joining = new Map<number, number>()
  private held: Held<Owner>[] = []
  private readonly cursor = new RecordCursor()

  get size(): number {
    return this.held.length
  }

  /** Whether the record at `at` may need {@link idsOf}: a join, or one while joins are under way. */
  concerns(bytes: Uint8Array, at: number): boolean {
    const type = bytes[at + TYPE_AT]
    return type === IDENTIFY || type === ALIAS || this.joining.size > 0
  }

  /** The ids that a record names. */
  idsOf(
    bytes: Uint8Array,
    at: number,
  ): { readonly ids: readonly number[]; readonly joins: boolean } {
    const cursor = this.cursor.over(bytes).at(at)
    const ids = [idOf(cursor.keyHashLow, cursor.keyHashHigh)]
    if (!isJoining(cursor)) return { ids, joins: false }
    const named = previousKey(cursor)
    if (named === null) return { ids, joins: false }
    for (const kind of [KEY_KIND.anonymous, KEY_KIND.user] as const) {
      const { low, high } = hashKey(kind, named.key)
      ids.push(idOf(low, high))
    }
    return { ids, joins: true }
  }

  /** Whether the record must wait; then it is kept. */
  keeps(ids: readonly number[], record: HeldRecord<Owner>): boolean {
    const waits = ids.some((id) => this.joining.has(id) || this.isHeld(id))
    if (waits) this.held.push({ ...record, bytes: record.bytes.slice(), ids })
    return waits
  }

  begin(ids: readonly number[]): void {
    for (const id of ids) this.joining.set(id, (this.joining.get(id) ?? 0) + 1)
  }

  end(ids: readonly number[]): void {
    for (const id of ids) {
      const left = (this.joining.get(id) ?? 0) - 1
      if (left > 0) this.joining.set(id, left)
      else this.joining.delete(id)
    }
  }

  /** The first record that need not wait any more. */
  takeReady(): HeldRecord<Owner> | null {
    const blocked = new Set<number>()
    for (let i = 0; i < this.held.length; i++) {
      const record = this.held[i]
      if (!record.ids.some((id) => this.joining.has(id) || blocked.has(id))) {
        this.held.splice(i, 1)
        return record
      }
      for (const id of record.ids) blocked.add(id)
    }
    return null
  }

  private isHeld(id: number): boolean {
    return this.held.some(({ ids }) => ids.includes(id))
  }
}

function idOf(low: number, high: number): number {
  return high * 4_294_967_296 + low
}
