import { KEY_KIND, RECORD_FLAG, RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { RecordWriter } from '../event/record-writer.ts'
import type { ImportNote } from '../event/record.ts'
import type { Batch } from './batch.ts'
import { formatKey, hashOf, ownerOf, parseKey, sameKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { isUnavailable } from '../protocol/shard-messages.ts'
import type { ImportMessage } from '../protocol/shard-messages.ts'
import { isAlias, keyOfRecord, previousKey } from '../replay/replayer.ts'
import type { HistoryReader, HistoryRecord } from '../replay/replayer.ts'
import { predictOf } from './turn.ts'
import type { Joining, Place, Turn } from './turn.ts'

/** Most profiles that may be joined to one; more is a shared device or a mistake. */
export const LINKS_MAX = 256
/** Most records that a join moves. */
export const MOVED_RECORDS_MAX = 100_000

/**
 * Joins of profiles: an anonymous shopper who logs in, a user who is renamed.
 *
 * An identify or alias first reaches the shard of the profile that it names besides its own (the
 * source). That shard
 *   1. journals a `forward` record; from then on the source's events are passed on;
 *   2. when that is durable, sends the source's records and the event to the target's shard;
 *   3. the target journals the records, an `import` note and the event as one block and folds the
 *      profile again, interleaved by arrival;
 *   4. when that is durable it answers, the batch is released, and the source journals
 *      `forwardConfirmed`.
 * A crash between 1 and 4 leaves a pending forward: recovery sends the import again, and the target
 * knows it by the position of the forward record (a link's `source`).
 */
export class Joins implements Joining {
  private readonly turn: Turn
  private readonly history: HistoryReader

  constructor(turn: Turn, history: HistoryReader) {
    this.turn = turn
    this.history = history
  }

  handle(cursor: RecordCursor, place: Place): boolean {
    const target = keyOfRecord(cursor)
    const named = previousKey(cursor)
    if (named === null) return false
    const source = place.stage === 'linkUser' ? { kind: KEY_KIND.user, key: named.key } : named
    if (sameKey(source, target)) return false
    const { shard, shardCount, profiles } = this.turn.parts
    if (ownerOf(source, shardCount) !== shard) {
      return this.relayAt(place.stage, cursor, source, place)
    }
    const row = profiles.findKey(source.kind, source.key)
    if (row < 0 && place.stage === 'link' && isAlias(cursor)) {
      const user = { kind: KEY_KIND.user, key: named.key }
      return this.relayAt('linkUser', cursor, user, place)
    }
    if (row < 0 && place.stage === 'linkUser') return this.relayToTarget(cursor, target, place)
    return this.join(row, source, target, cursor, place)
  }

  private join(
    row: number,
    source: ProfileKey,
    target: ProfileKey,
    cursor: RecordCursor,
    place: Place,
  ): boolean {
    const { profiles } = this.turn.parts
    const forward = row < 0 ? null : profiles.forwardOf(row)
    if (forward !== null && sameKey(forward, target))
      return this.relayToTarget(cursor, target, place)
    if (row >= 0 && forward === null) {
      const links = profiles.links(row)
      if (links.some((link) => sameKey(link, target))) {
        this.turn.passOn(cursor, source, place)
        return true
      }
      if (links.length >= LINKS_MAX) {
        const reason = `${formatKey(source).slice(0, 9)}… has ${LINKS_MAX} joined ids already`
        place.batch.reject(place.record, 'ERR_IDENTITY_LINKS', reason)
        return true
      }
      const moved = this.collect(row)
      if (moved.length > MOVED_RECORDS_MAX) {
        const reason = `a join moves at most ${MOVED_RECORDS_MAX} records, found more`
        place.batch.reject(place.record, 'ERR_IDENTITY_HISTORY', reason)
        return true
      }
      if (moved.length > 0) return this.move(row, moved, { source, target }, cursor, place)
    }
    const now = this.turn.parts.clock.now()
    const text = { name: formatKey(target), message: '' }
    this.turn.appendOwn(RECORD_KIND.forward, source, text, now)
    this.tellForwarded(source)
    return this.relayToTarget(cursor, target, place)
  }

  private move(
    row: number,
    moved: HistoryRecord[],
    keys: { source: ProfileKey; target: ProfileKey },
    cursor: RecordCursor,
    place: Place,
  ): boolean {
    const { shard, shardCount, profiles, clock } = this.turn.parts
    const links = profiles.links(row).map(formatKey)
    const text = { name: formatKey(keys.target), message: JSON.stringify({ moved: moved.length }) }
    const sequence = this.turn.appendOwn(RECORD_KIND.forward, keys.source, text, clock.now())
    const note = { source: `${shard}:${sequence}`, links }
    const event = cursor.bytes.slice(cursor.offset, cursor.offset + cursor.byteLength)
    const message = this.importMessage(keys, moved, note, event, place)
    const owner = ownerOf(keys.target, shardCount)
    if (owner === shard) {
      this.receive(message, place.batch, place.record)
      this.confirm(keys.source)
    } else {
      place.batch.hold()
      this.turn.whenDurable(() => this.sendImport(owner, message, keys.source, place))
    }
    return true
  }

  /** Sends again what a crash may have kept from arriving. Call when the shards are connected. */
  resendPending(pending: ReadonlyMap<string, number>): void {
    const cursor = new RecordCursor()
    for (const [source, sequence] of pending) {
      const records = [...this.history(sequence)]
      const forward = records.shift()
      if (forward === undefined) continue
      const target = parseKey(cursor.over(forward.bytes).at(0).name)
      const moved = untilForward(records)
      const keys = { source: parseKey(source), target }
      const note = { source: `${this.turn.parts.shard}:${sequence}`, links: [] }
      const message = this.importMessage(keys, moved, note, null, null)
      this.sendImport(ownerOf(target, this.turn.parts.shardCount), message, keys.source, null)
    }
  }

  /** Target side: journals and folds what another profile's shard sent. */
  receive(message: ImportMessage, batch: Batch, record: number): void {
    const { profiles, shard, shardCount } = this.turn.parts
    const note = new RecordCursor().over(message.note).at(0)
    const row = profiles.findRecord(note)
    const forward = row < 0 ? null : profiles.forwardOf(row)
    if (forward !== null) {
      const onward = rekeyImport(message, forward)
      const owner = ownerOf(forward, shardCount)
      const place = { batch, record, stage: 'apply' as const, hops: message.hops + 1 }
      if (owner === shard) return this.receive(onward, batch, record)
      return this.turn.postWhenDurable(owner, place, (id) => ({ ...onward, id }))
    }
    const { source } = JSON.parse(note.message) as ImportNote
    const known = row >= 0 && profiles.links(row).some((link) => link.source === source)
    if (!known) this.appendImport(message, note)
    if (row >= 0) batch.advance(shard, profiles.lastSequence(row))
    if (message.event === null) return
    const cursor = new RecordCursor().over(message.event).at(0)
    this.turn.applyOne(cursor, { batch, record, stage: 'apply', hops: message.hops })
  }

  private appendImport(message: ImportMessage, note: RecordCursor): void {
    const cursor = new RecordCursor().over(message.bytes)
    let offset = 0
    for (let i = 0; i < message.count; i++) {
      cursor.at(offset)
      offset += cursor.byteLength
      this.turn.append(cursor)
    }
    this.turn.append(note)
  }

  private sendImport(
    owner: number,
    message: ImportMessage,
    source: ProfileKey,
    place: Place | null,
  ): void {
    this.turn.parts.post(owner, message, (result) => {
      if (!isUnavailable(result)) {
        this.confirm(source)
        this.turn.flush()
      }
      if (place === null) return
      place.batch.adopt(place.record, result)
      place.batch.release()
    })
  }

  private confirm(source: ProfileKey): void {
    const now = this.turn.parts.clock.now()
    this.turn.appendOwn(RECORD_KIND.forwardConfirmed, source, { name: '', message: '' }, now)
    this.tellForwarded(source)
  }

  private tellForwarded(source: ProfileKey): void {
    const { profiles, forwarded } = this.turn.parts
    forwarded(profiles.findKey(source.kind, source.key))
  }

  private importMessage(
    keys: { source: ProfileKey; target: ProfileKey },
    moved: readonly HistoryRecord[],
    note: ImportNote,
    event: Uint8Array<ArrayBuffer> | null,
    place: Place | null,
  ): ImportMessage {
    const text = { name: formatKey(keys.source), message: JSON.stringify(note) }
    const time = this.turn.parts.clock.now()
    return {
      type: 'import',
      id: 0,
      bytes: rekeyAll(moved, keys.target),
      count: moved.length,
      note: this.turn.ownRecord(RECORD_KIND.import, keys.target, text, time),
      event,
      predict: place === null ? null : predictOf(place),
      hops: place?.hops ?? 0,
    }
  }

  /** The records of a profile since it was last forwarded, oldest first. */
  private collect(row: number): HistoryRecord[] {
    this.turn.flushBlock()
    return untilForward(this.history(this.turn.parts.profiles.lastSequence(row)))
  }

  private relayToTarget(cursor: RecordCursor, target: ProfileKey, place: Place): boolean {
    return this.relayAt('apply', cursor, target, place)
  }

  private relayAt(
    stage: Place['stage'],
    cursor: RecordCursor,
    to: ProfileKey,
    place: Place,
  ): boolean {
    const { shard, shardCount } = this.turn.parts
    const owner = ownerOf(to, shardCount)
    if (stage === 'apply' && owner === shard) {
      this.turn.applyOne(cursor, { ...place, stage })
      return true
    }
    const bytes = cursor.bytes.slice(cursor.offset, cursor.offset + cursor.byteLength)
    this.turn.relay(bytes, owner, { ...place, stage })
    return true
  }
}

function untilForward(newestFirst: Iterable<HistoryRecord>): HistoryRecord[] {
  const cursor = new RecordCursor()
  const found: HistoryRecord[] = []
  for (const record of newestFirst) {
    const kind = cursor.over(record.bytes).at(0).kind
    if (kind === RECORD_KIND.forward) break
    if (kind === RECORD_KIND.event || kind === RECORD_KIND.timer) found.push(record)
    if (found.length > MOVED_RECORDS_MAX) break
  }
  return found.reverse()
}

function rekeyAll(records: readonly HistoryRecord[], key: ProfileKey): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter()
  const cursor = new RecordCursor()
  const keyBytes = new TextEncoder().encode(key.key)
  const hash = hashOf(key)
  for (const record of records) {
    cursor.over(record.bytes).at(0)
    const at = writer.appendRekeyed(cursor, key.kind, keyBytes, hash)
    cursor.over(writer.bytes).at(at)
    cursor.setFlags(cursor.flags | RECORD_FLAG.imported)
  }
  return writer.take()
}

function rekeyImport(message: ImportMessage, key: ProfileKey): ImportMessage {
  const writer = new RecordWriter()
  const cursor = new RecordCursor()
  const keyBytes = new TextEncoder().encode(key.key)
  const hash = hashOf(key)
  const rekey = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
    cursor.over(bytes)
    for (let offset = 0; offset < bytes.length; offset += cursor.byteLength) {
      writer.appendRekeyed(cursor.at(offset), key.kind, keyBytes, hash)
    }
    return writer.take()
  }
  return {
    ...message,
    bytes: rekey(message.bytes),
    note: rekey(message.note),
    event: message.event === null ? null : rekey(message.event),
    hops: message.hops + 1,
  }
}
