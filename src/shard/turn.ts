import { RECORD_KIND, createRecordFields } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { RecordWriter } from '../event/record-writer.ts'
import type { ShardStore } from '../journal/shard-store.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { Batch } from './batch.ts'
import type { DedupeWindow } from './dedupe.ts'
import { hashOf, ownerOf } from './key.ts'
import type { ProfileKey } from './key.ts'
import type { BatchResult, PeerMessage, PredictRequest, Stage } from './messages.ts'
import type { Predictor } from './predictor.ts'
import { isJoining } from './replayer.ts'
import type { Replayer } from './replayer.ts'

/** Longest walk along forwards (a user joined to a user joined to …). */
export const FORWARD_HOPS_MAX = 8

/** Least time from the beginning of one commit to the next, unless much has come together. */
const COMMIT_GAP_MS = 2
const COMMIT_BYTES = 256 * 1024

export interface TurnParts {
  readonly shard: number
  readonly shardCount: number
  readonly store: ShardStore
  readonly profiles: ProfileStore
  readonly replayer: Replayer
  readonly dedupe: DedupeWindow
  readonly predictor: Predictor
  readonly post: (shard: number, message: PeerMessage, onResult: PeerResult) => void
  readonly now: () => number
  /** Called once for each record applied, after its fold. */
  readonly touched: (row: number, cursor: RecordCursor) => void
  /** The profile was joined to another, which has its history now. */
  readonly forwarded: (row: number) => void
}

/** Told what another shard made of a passed-on message. */
export type PeerResult = (result: BatchResult) => void

/** Handles identify and alias records before they are applied; see joins.ts. */
export interface Joining {
  /** True when it has dealt with the record (or passed it on); false: apply it here. */
  handle(cursor: RecordCursor, place: Place): boolean
}

/** Where a record stands: its batch, its index there, its stage, and how far it has been forwarded. */
export interface Place {
  readonly batch: Batch
  readonly record: number
  readonly stage: Stage
  readonly hops: number
}

/**
 * One turn of a shard: dedupe → chain → journal → fold, for all records at hand, then one group
 * commit. Owns the block being written. Batches are released when the block is durable; messages to
 * other shards that depend on it are held back until then, so that no shard acts on what this one
 * could still lose. A failed commit is reported through `onFailure` and nothing is acknowledged.
 */
export class Turn {
  readonly parts: TurnParts
  joining: Joining = { handle: () => false }
  private readonly block = new RecordWriter(1 << 18)
  private batches: Batch[] = []
  private outbox: (() => void)[] = []
  private nextSequence: number
  private readonly fields = createRecordFields()
  private readonly onFailure: (error: unknown) => void
  private readonly ownCursor = new RecordCursor()
  private lastCommit: Promise<void> = Promise.resolve()
  /** When the last commit began, on the clock of `performance.now()`. */
  private committedAt = Number.NEGATIVE_INFINITY
  private commitTimer: NodeJS.Timeout | null = null

  constructor(parts: TurnParts, onFailure: (error: unknown) => void) {
    this.parts = parts
    this.onFailure = onFailure
    this.nextSequence = parts.store.nextSequence
  }

  /** Of the records applied, whether or not they are durable. */
  get lastSequence(): number {
    return this.nextSequence - 1
  }

  /** Applies records back to back in `bytes`; `batch` hears of each. */
  applyRecords(bytes: Uint8Array, count: number, batch: Batch, stage: Stage, hops: number): void {
    this.batches.push(batch)
    const cursor = new RecordCursor().over(bytes)
    let offset = 0
    for (let record = 0; record < count; record++) {
      cursor.at(offset)
      offset += cursor.byteLength
      this.applyOne(cursor, { batch, record, stage, hops })
    }
  }

  /** Applies one record, or passes it on to the shard that holds its profile. */
  applyOne(cursor: RecordCursor, place: Place): void {
    if (place.stage !== 'apply' && isJoining(cursor) && this.joining.handle(cursor, place)) return
    const { profiles, dedupe } = this.parts
    const row = profiles.findRecord(cursor)
    const forward = row < 0 ? null : profiles.forwardOf(row)
    if (forward !== null) return this.passOn(cursor, forward, place)
    const { messageHashLow: low, messageHashHigh: high } = cursor
    const now = this.parts.now()
    if ((low !== 0 || high !== 0) && !dedupe.add(low, high, now, now)) {
      place.batch.duplicate(place.record)
      if (row >= 0) place.batch.advance(this.parts.shard, profiles.lastSequence(row))
      this.scoreIfAsked(row, place)
      return
    }
    const applied = row < 0 ? profiles.ensureRecord(cursor) : row
    this.appendTo(applied, cursor)
    place.batch.advance(this.parts.shard, this.nextSequence - 1)
    this.scoreIfAsked(applied, place)
    this.parts.touched(applied, cursor)
  }

  /** Chains, journals and folds the record as this shard's next. */
  append(cursor: RecordCursor): void {
    this.appendTo(this.parts.profiles.ensureRecord(cursor), cursor)
  }

  private appendTo(row: number, cursor: RecordCursor): void {
    const { profiles, replayer } = this.parts
    cursor.previousSequence = profiles.lastSequence(row)
    this.block.appendBytes(cursor.bytes, cursor.offset, cursor.byteLength)
    const sequence = this.nextSequence++
    if (cursor.kind === RECORD_KIND.import) this.flushBlock()
    replayer.applyTo(row, cursor, sequence)
  }

  /** Journals a record that this shard makes itself (timer, forward, …); returns its sequence. */
  appendOwn(
    kind: number,
    key: ProfileKey,
    text: { name: string; message: string },
    time: number,
  ): number {
    this.ownCursor.over(this.ownRecord(kind, key, text, time)).at(0)
    this.append(this.ownCursor)
    return this.nextSequence - 1
  }

  /** A record of this shard's own making, as bytes. */
  ownRecord(
    kind: number,
    key: ProfileKey,
    text: { name: string; message: string },
    time: number,
  ): Uint8Array<ArrayBuffer> {
    const writer = new RecordWriter(1024)
    const fields = this.fields
    fields.kind = kind
    fields.keyKind = key.kind
    fields.key = key.key
    fields.name = text.name
    fields.message = text.message
    fields.eventTime = time
    fields.arrivalTime = time
    writer.append(fields)
    return writer.take()
  }

  /** Passes a record on under another key: to that key's shard, or to this one again. */
  passOn(cursor: RecordCursor, key: ProfileKey, place: Place): void {
    const { batch, record } = place
    if (place.hops >= FORWARD_HOPS_MAX) {
      const reason = `the profile is forwarded more than ${FORWARD_HOPS_MAX} times`
      return batch.reject(record, 'ERR_IDENTITY_FORWARDS', reason)
    }
    const writer = new RecordWriter(cursor.byteLength + 256)
    writer.appendRekeyed(cursor, key.kind, new TextEncoder().encode(key.key), hashOf(key))
    this.relay(writer.take(), ownerOf(key, this.parts.shardCount), { ...place, stage: 'apply' })
  }

  /** Sends one record to a shard once this turn is durable, or applies it here. */
  relay(bytes: Uint8Array<ArrayBuffer>, owner: number, place: Place): void {
    const hops = place.hops + 1
    if (owner === this.parts.shard) {
      const cursor = new RecordCursor().over(bytes).at(0)
      this.applyOne(cursor, { ...place, hops })
      return
    }
    const predict = predictOf(place)
    this.postWhenDurable(owner, place, (id) => {
      return { type: 'records', id, bytes, count: 1, predict, stage: place.stage, hops }
    })
  }

  /** Posts after the commit; the batch waits for the answer. */
  postWhenDurable(owner: number, place: Place, message: (id: number) => PeerMessage): void {
    place.batch.hold()
    this.outbox.push(() => {
      this.parts.post(owner, message(0), (result) => {
        place.batch.adopt(place.record, result)
        place.batch.release()
      })
    })
  }

  /** Does something once the block with all records so far is durable. */
  whenDurable(action: () => void): void {
    this.outbox.push(action)
  }

  addBatch(batch: Batch): void {
    this.batches.push(batch)
  }

  /**
   * Hands the block so far to the journal, so that a profile's history can be read up to here; what
   * waits for durability waits on, for the commits are in order.
   */
  flushBlock(): void {
    if (this.block.count === 0) return
    const count = this.block.count
    const records = this.block.bytes.subarray(0, this.block.length)
    const { firstSequence, committed } = this.parts.store.append(records, count)
    this.block.truncate(0, 0)
    if (firstSequence + count !== this.nextSequence) {
      throw new Error(`journal is at ${firstSequence + count}, the turn at ${this.nextSequence}`)
    }
    this.lastCommit = committed
    committed.catch((error: unknown) => this.onFailure(error))
  }

  /**
   * Ends the turn. Its block is committed at once when the last commit began long enough ago, else
   * together with the turns that follow within {@link COMMIT_GAP_MS}: a commit costs the same for many
   * records as for one.
   */
  flush(): void {
    this.parts.predictor.scoreWaiting()
    if (this.block.count === 0 && this.batches.length === 0 && this.outbox.length === 0) return
    const wait = this.committedAt + COMMIT_GAP_MS - performance.now()
    if (wait <= 0 || this.block.length >= COMMIT_BYTES) this.commit()
    else this.commitTimer ??= setTimeout(() => this.commitLate(), wait)
  }

  /** Commits what was flushed and resolves when it is durable. */
  durable(): Promise<void> {
    this.commit()
    return this.lastCommit
  }

  /** One group commit, after which batches are released and messages go out. */
  private commit(): void {
    if (this.commitTimer !== null) clearTimeout(this.commitTimer)
    this.commitTimer = null
    this.committedAt = performance.now()
    this.flushBlock()
    const batches = this.batches
    const outbox = this.outbox
    this.batches = []
    this.outbox = []
    if (batches.length === 0 && outbox.length === 0) return
    this.lastCommit.then(
      () => {
        for (const action of outbox) action()
        for (const batch of batches) batch.release()
      },
      () => undefined,
    )
  }

  private commitLate(): void {
    try {
      this.commit()
    } catch (error) {
      this.onFailure(error)
    }
  }

  private scoreIfAsked(row: number, place: Place): void {
    const predict = place.batch.predict
    if (predict === null || predict.record !== place.record || row < 0) return
    const { predictor, shard, profiles } = this.parts
    const position = `${shard}:${profiles.lastSequence(row)}`
    predictor.enqueue(row, predict.models, position, (predictions) =>
      place.batch.score(predictions),
    )
  }
}

export function predictOf(place: Place): PredictRequest | null {
  const predict = place.batch.predict
  if (predict === null || predict.record !== place.record) return null
  return { record: 0, models: predict.models }
}
