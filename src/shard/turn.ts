import { formatKey, hashOf, ownerOf, parseKey } from '../event/profile-key.ts'
import type { ProfileKey } from '../event/profile-key.ts'
import { ARRIVAL_STEP_MS, RECORD_FLAG, RECORD_KIND, createRecordFields } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { RecordWriter } from '../event/record-writer.ts'
import { FORMER_MAX, FORWARD_HOPS_MAX } from '../identity/limits.ts'
import type { Identity } from '../identity/transition.ts'
import type { ShardStore } from '../journal/shard-store.ts'
import { ROW_MARK } from '../profile/compile.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { BatchResult, Command, JoinRequest, PeerMessage } from '../protocol/shard-messages.ts'
import type { PredictRequest, Stage } from '../protocol/shard-messages.ts'
import { isJoining, keyOfRecord } from '../replay/replayer.ts'
import type { Replayer } from '../replay/replayer.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { Batch } from './batch.ts'
import type { DedupeWindow } from './dedupe.ts'
import type { Predictor } from './predictor.ts'

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
  readonly dedupeMs: number
  readonly predictor: Predictor
  readonly post: (shard: number, message: PeerMessage, onResult: PeerResult) => void
  readonly clock: Clock
  /** The profile was joined to another, which has its history now. */
  readonly forwarded: (row: number) => void
  /** Calls back once the row has nothing that is not folded; the batch waits for it. */
  readonly whenFolded: (row: number, batch: Batch, action: () => void) => void
  /** Called between two of many records: look-ups need not wait for all of them. */
  readonly pause: () => void
  /** Called once for each record applied, after its fold. */
  readonly touched: (row: number, cursor: RecordCursor) => void
}

/** Told what another shard made of a passed-on message. */
export type PeerResult = (result: BatchResult) => void

/** Handles identify and alias records before they are applied; see joins.ts. */
export interface Joining {
  /** Decides about the record, and applies it here or passes it on. */
  handle(cursor: RecordCursor, place: Place): void
  /** Keeps a record that was passed on too often while that may be a fault of old data; or not. */
  keeps(cursor: RecordCursor, place: Place): boolean
}

/** Where a record stands: its batch, its index there, its stage, and how far it has come. */
export interface Place {
  readonly batch: Batch
  readonly record: number
  readonly stage: Stage
  readonly hops: number
  /** What a joining record has found so far. */
  readonly join?: JoinRequest
  /** Profiles that may know the record already, to be asked before it is applied. */
  readonly ask?: readonly string[]
  /** Those that were asked and do not. */
  readonly told?: readonly string[]
  /** Those that have sent it back to its own key. */
  readonly returned?: readonly string[]
}

/** A record of the shard's own making, but for its kind and key. */
export interface OwnRecord {
  readonly name?: string
  readonly message?: string
  /** Remembered like an event's. */
  readonly messageId?: string
  /** Event and arrival time; now, if absent. */
  readonly time?: number
}

/**
 * One turn of a shard: dedupe → chain → journal → fold, for all records at hand, then one group
 * commit. Owns the block being written. Batches are released when the block and all before it are
 * durable; messages to other shards that depend on it are held back until then, so that no shard acts
 * on what this one could still lose. A failed commit is reported through `onFailure` and nothing is
 * acknowledged from then on.
 */
export class Turn {
  readonly parts: TurnParts
  joining: Joining | null = null
  private readonly block = new RecordWriter(1 << 18)
  private batches: Batch[] = []
  private outbox: (() => void)[] = []
  private nextSequence: number
  private readonly fields = createRecordFields()
  private readonly onFailure: (error: unknown) => void
  private readonly ownCursor = new RecordCursor()
  /** Resolves when all that was handed to the journal is durable; never, once something was not. */
  private prefix: Promise<void> = Promise.resolve()
  /** When the last commit began, on the monotonic clock. */
  private committedAt = Number.NEGATIVE_INFINITY
  private commitTimer: Cancel | null = null
  /** Arrival time when the first record went through to another profile. */
  private begunAt: number | null = null
  /** Rows that gave records away a short time ago, and the keys that these came under. */
  private readonly given = new Map<number, { origins: ReadonlySet<string>; until: number }>()

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
  applyRecords(bytes: Uint8Array, place: Omit<Place, 'record'>): void {
    const { batch } = place
    this.batches.push(batch)
    const cursor = new RecordCursor().over(bytes)
    let offset = 0
    for (let record = 0; record < batch.outcomes.length; record++) {
      cursor.at(offset)
      offset += cursor.byteLength
      this.takeRecord(cursor, { ...place, record })
    }
  }

  /** Applies one record, passes it on to the shard that holds its profile, or has a join decided. */
  takeRecord(cursor: RecordCursor, place: Place): void {
    const { joining } = this
    const { stage } = place
    if (stage === 'ask') return this.askAround(cursor, place)
    if (stage === 'apply' || joining === null || !isJoining(cursor)) this.applyOne(cursor, place)
    else joining.handle(cursor, place)
  }

  /** Applies one record, or passes it on to where its profile was joined to. */
  applyOne(cursor: RecordCursor, place: Place): void {
    const { profiles, clock, shard } = this.parts
    const row = profiles.findRecord(cursor)
    const was = row >= 0 && profiles.isMarked(row, ROW_MARK.forwarded | ROW_MARK.former)
    const forward = was ? profiles.forwardOf(row) : null
    const { messageHashLow: low, messageHashHigh: high } = cursor
    const now = clock.now()
    if (was && forward === null && this.asksFormer(cursor, row, place)) return
    if (this.given.size > 0 && row >= 0 && this.returnsGiven(cursor, row, place)) return
    const repeated = forward === null ? !this.isNew(low, high, now) : this.knows(low, high, now)
    if (repeated) {
      place.batch.duplicate(place.record)
      if (row >= 0) place.batch.advance(shard, profiles.lastSequence(row))
      if (forward === null) this.scoreIfAsked(row, place)
      return
    }
    if (forward !== null) return this.passOn(cursor, row, place)
    const applied = row < 0 ? profiles.ensureRecord(cursor) : row
    this.noteOrigin(applied, cursor)
    this.orderArrival(applied, cursor, place.hops > 0)
    this.appendTo(applied, cursor)
    place.batch.advance(shard, this.nextSequence - 1)
    this.parts.touched(applied, cursor)
    const late = (cursor.flags & LATE) === RECORD_FLAG.late
    if (!late) return this.scoreIfAsked(applied, place)
    this.parts.whenFolded(applied, place.batch, () => this.scoreIfAsked(applied, place))
  }

  /** The row gave away, or forgot, what came under these keys; what is still on its way here is theirs, too. */
  noteGiven(row: number, origins: readonly string[]): void {
    const now = this.parts.clock.now()
    for (const [other, { until }] of this.given) if (until < now) this.given.delete(other)
    const known = this.given.get(row)?.origins ?? []
    this.given.set(row, { origins: new Set([...known, ...origins]), until: now + ON_ITS_WAY_MS })
  }

  /** Keys were joined to the row again. */
  noteTaken(row: number, ids: readonly string[]): void {
    const given = this.given.get(row)
    if (given === undefined) return
    const origins = new Set([...given.origins].filter((id) => !ids.includes(id)))
    this.given.set(row, { origins, until: given.until })
  }

  /**
   * Sends a record that was passed on back to its own key where that was given its records. Once: what
   * comes again was joined again, by a join that is on its way here.
   */
  private returnsGiven(cursor: RecordCursor, row: number, place: Place): boolean {
    if (place.hops === 0 || (cursor.flags & RECORD_FLAG.origin) === 0) return false
    const given = this.given.get(row)
    const { origin } = cursor
    if (given === undefined || !given.origins.has(formatKey(origin))) return false
    if (given.until < this.parts.clock.now()) return false
    const { returned = [] } = place
    const giver = formatKey(this.parts.profiles.keyOf(row))
    if (returned.includes(giver)) return false
    if (this.knows(cursor.messageHashLow, cursor.messageHashHigh)) return false
    const next = { ...place, hops: 1, stage: 'apply', returned: [...returned, giver] } as const
    this.relay(rekeyed(cursor, origin), origin, next)
    return true
  }

  /** Whether a message id was seen here within the horizon. 0, 0 is none. */
  knows(low: number, high: number, now = this.parts.clock.now()): boolean {
    return (low !== 0 || high !== 0) && this.parts.dedupe.has(low, high, now)
  }

  private isNew(low: number, high: number, now: number): boolean {
    return (low === 0 && high === 0) || this.parts.dedupe.add(low, high, now, now)
  }

  /** Chains, journals and folds the record as this shard's next; its message id is remembered. */
  append(cursor: RecordCursor): void {
    const { profiles, dedupe, clock } = this.parts
    const { messageHashLow: low, messageHashHigh: high } = cursor
    if (low !== 0 || high !== 0) {
      // What a join moves is remembered from when it arrived.
      const now = clock.now()
      const moved =
        (cursor.flags & (RECORD_FLAG.imported | RECORD_FLAG.historical)) === RECORD_FLAG.imported
      dedupe.add(low, high, moved ? Math.min(now, cursor.arrivalTime) : now, now)
    }
    const row = profiles.ensureRecord(cursor)
    this.orderArrival(row, cursor, (cursor.flags & RECORD_FLAG.imported) !== 0)
    this.appendTo(row, cursor)
  }

  private appendTo(row: number, cursor: RecordCursor): void {
    const { profiles, replayer } = this.parts
    cursor.previousSequence = profiles.lastSequence(row)
    this.block.appendBytes(cursor.bytes, cursor.offset, cursor.byteLength)
    replayer.applyTo(row, cursor, this.nextSequence++)
    if (cursor.kind === RECORD_KIND.forward) this.parts.forwarded(row)
  }

  /**
   * A profile is the fold of its records by arrival, so what comes straight to it must arrive after
   * what is there: one that was overtaken arrives with what overtook it. What came another way (moved
   * by a join, passed on, history) keeps its place among what its sender sent; where that is before
   * what is there, it is folded when the profile is folded again.
   */
  private orderArrival(row: number, cursor: RecordCursor, keepsPlace: boolean): void {
    if (cursor.kind > RECORD_KIND.timer) return
    const { profiles } = this.parts
    const arrival = profiles.arrival(row)
    const onItsWay = keepsPlace && profiles.isMarked(row, ROW_MARK.forwarded)
    if (cursor.arrivalTime >= arrival && !onItsWay) return
    if (keepsPlace || (cursor.flags & RECORD_FLAG.historical) !== 0) {
      cursor.setFlags(cursor.flags | RECORD_FLAG.late)
    } else cursor.setArrival(arrival)
  }

  /** Journals a record that this shard makes itself (timer, forward, …); returns its sequence. */
  appendOwn(kind: number, key: ProfileKey, own: OwnRecord = {}): number {
    this.ownCursor.over(this.ownRecord(kind, key, own)).at(0)
    this.append(this.ownCursor)
    return this.nextSequence - 1
  }

  private ownRecord(kind: number, key: ProfileKey, own: OwnRecord): Uint8Array<ArrayBuffer> {
    const writer = new RecordWriter(1024)
    const fields = this.fields
    const time = own.time ?? this.parts.clock.now()
    fields.kind = kind
    fields.keyKind = key.kind
    fields.key = key.key
    fields.name = own.name ?? ''
    fields.message = own.message ?? ''
    fields.messageId = own.messageId ?? ''
    fields.eventTime = time
    fields.arrivalTime = time
    writer.append(fields)
    return writer.take()
  }

  /** Passes a record on under the key that its profile was joined to. */
  private passOn(cursor: RecordCursor, row: number, place: Place): void {
    const { profiles } = this.parts
    const { batch, record } = place
    const { forward, former } = profiles.identity(row)
    if (forward === null) throw new Error('the profile is not forwarded')
    if (place.hops >= FORWARD_HOPS_MAX) {
      if (this.joining?.keeps(cursor, place) === true) return
      const reason = `the profile is forwarded more than ${FORWARD_HOPS_MAX} times`
      return batch.reject(record, 'ERR_IDENTITY_FORWARDS', reason)
    }
    // What was sent to be asked for has been through here before, and keeps its place.
    if (place.hops === 0) this.passThrough(row, cursor)
    this.noteOrigin(row, cursor)
    const bytes = rekeyed(cursor, forward)
    const ask = this.askable(former, place)
    const next = { ...place, hops: place.hops + 1 }
    if (ask.length === 0 || !isNamed(cursor))
      this.relay(bytes, forward, { ...next, stage: 'apply' })
    else this.relay(bytes, parseKey(ask[0]), { ...next, stage: 'ask', ask })
  }

  /**
   * A live record goes elsewhere from its own key's row: it arrives after all that came to the row
   * before, which may still be on its way there, and before all that comes after.
   */
  passThrough(row: number, cursor: RecordCursor): void {
    if ((cursor.flags & NOT_AT_ITS_KEY) !== 0) return
    const { profiles } = this.parts
    // What went through before a crash is in no journal here; it arrived before this life began.
    this.begunAt ??= this.parts.clock.now()
    const after = Math.max(profiles.arrival(row) + ARRIVAL_STEP_MS, this.begunAt)
    if (cursor.arrivalTime < after) cursor.setArrival(after)
    profiles.noteArrival(row, cursor.arrivalTime)
  }

  /**
   * What was passed on here came under an id that is joined to this profile, though that join may be on
   * its way yet: it is noted now, so that the event goes along if this profile's own join is undone before.
   */
  private noteOrigin(row: number, cursor: RecordCursor): void {
    if ((cursor.flags & RECORD_FLAG.origin) === 0) return
    const { profiles } = this.parts
    const links = profiles.links(row)
    for (let i = links.length - 1; i >= 0; i--) if (cursor.isOrigin(links[i])) return
    const key = profiles.keyOf(row)
    if (cursor.isOrigin(key)) return
    this.appendOwn(RECORD_KIND.linked, key, { name: formatKey(cursor.origin) })
  }

  /**
   * Of a key whose join was undone: what came while it was joined may be known where that went, and be
   * on its way back. Whether the record is sent there first.
   */
  private asksFormer(cursor: RecordCursor, row: number, place: Place): boolean {
    const { messageHashLow: low, messageHashHigh: high } = cursor
    if (!isNamed(cursor) || this.knows(low, high)) return false
    const ask = this.askable(this.parts.profiles.identity(row).former, place)
    if (ask.length === 0) return false
    this.passThrough(row, cursor)
    const next = { ...place, hops: place.hops + 1, stage: 'ask', ask } as const
    this.relay(copyOf(cursor), parseKey(ask[0]), next)
    return true
  }

  /**
   * Profiles that may know a repeat of what came under a key, those of before first: that is the way which
   * the event itself has gone, so a repeat never overtakes one that is on it still.
   */
  private askable(former: Identity['former'], { told = [] }: Pick<Place, 'told'>): string[] {
    if (former.length === 0) return []
    const { clock, dedupeMs } = this.parts
    const since = clock.now() - dedupeMs
    const ids = former.filter(({ until }) => until >= since).map(({ to }) => formatKey(to))
    return ids.filter((id) => !told.includes(id)).reverse()
  }

  /**
   * A device has logged in as several people, or its join was undone: a repeat of what came under an
   * earlier one must be known there, and goes on to the present one only where it is not.
   */
  private askAround(cursor: RecordCursor, place: Place): void {
    const { batch, record, ask = [], told = [], returned = [] } = place
    if (this.knows(cursor.messageHashLow, cursor.messageHashHigh)) return batch.duplicate(record)
    const now = [...told, ask[0]]
    const rest = [...this.knownBeside(ask[0], now), ...ask.slice(1)]
    const ends = rest.length === 0 || now.length >= ASKED_MAX
    const to = ends ? keyOfRecord(cursor) : parseKey(rest[0])
    const bytes = copyOf(cursor)
    const hops = place.hops + 1
    const next = { batch, record, told: now, returned }
    if (ends) this.relay(bytes, to, { ...next, stage: 'apply', hops: 1 })
    else this.relay(bytes, to, { ...next, stage: 'ask', ask: rest, hops })
  }

  /**
   * Where else a repeat may be known that is not known at an id: where that went before, then where it
   * goes, or comes back to here. The latter is asked again, however often: by each of these ways the event
   * itself may be going.
   */
  private knownBeside(id: string, told: readonly string[]): string[] {
    const { profiles } = this.parts
    const { kind, key } = parseKey(id)
    const row = profiles.findKey(kind, key)
    if (row < 0) return []
    const { forward, former } = profiles.identity(row)
    const before = this.askable(former, { told })
    if (forward !== null) return [...before, formatKey(forward)]
    return before.length === 0 ? [] : [...before, id]
  }

  /** Sends one record to the shard of a key once this turn is durable, or takes it here. */
  relay(bytes: Uint8Array<ArrayBuffer>, to: ProfileKey, place: Place): void {
    this.relayTo(ownerOf(to, this.parts.shardCount), bytes, place)
  }

  relayTo(owner: number, bytes: Uint8Array<ArrayBuffer>, place: Place): void {
    if (owner === this.parts.shard) {
      return this.takeRecord(new RecordCursor().over(bytes).at(0), place)
    }
    const { stage, hops, join = null, ask = [], told = [], returned = [] } = place
    const predict = predictOf(place)
    place.batch.hold()
    this.outbox.push(() => {
      const head = { type: 'records', id: 0, bytes, count: 1, predict } as const
      const message: PeerMessage = { ...head, stage, hops, join, ask, told, returned }
      this.parts.post(owner, message, (result) => {
        place.batch.adopt(place.record, result)
        place.batch.release()
      })
    })
  }

  /** Sends a command on to the shard of its `to` once this turn is durable; `batch` hears of it. */
  passCommand(command: Command, batch: Batch): void {
    const owner = ownerOf(parseKey(command.to), this.parts.shardCount)
    batch.hold()
    this.outbox.push(() => {
      this.parts.post(owner, command, (result) => {
        batch.adopt(0, result)
        batch.release()
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
    const { store, clock } = this.parts
    const count = this.block.count
    const records = this.block.bytes.subarray(0, this.block.length)
    const { firstSequence, committed } = store.append(records, count, clock.now())
    this.block.truncate(0, 0)
    if (firstSequence + count !== this.nextSequence) {
      throw new Error(`journal is at ${firstSequence + count}, the turn at ${this.nextSequence}`)
    }
    this.prefix = Promise.all([this.prefix, committed]).then(() => undefined)
    this.prefix.catch((error: unknown) => this.onFailure(error))
  }

  /**
   * Ends the turn. Its block is committed at once when the last commit began long enough ago, else
   * together with the turns that follow within {@link COMMIT_GAP_MS}: a commit costs the same for many
   * records as for one.
   */
  flush(): void {
    this.parts.predictor.scoreWaiting()
    if (this.block.count === 0 && this.batches.length === 0 && this.outbox.length === 0) return
    const wait = this.committedAt + COMMIT_GAP_MS - this.parts.clock.monotonic()
    if (wait <= 0 || this.block.length >= COMMIT_BYTES) this.commit()
    else this.commitTimer ??= this.parts.clock.after(wait, () => this.commitLate())
  }

  /** Commits what was flushed and resolves when it and all before it are durable. */
  durable(): Promise<void> {
    this.commit()
    return this.prefix
  }

  /** One group commit, after which batches are released and messages go out. */
  private commit(): void {
    this.commitTimer?.()
    this.commitTimer = null
    this.committedAt = this.parts.clock.monotonic()
    this.flushBlock()
    const batches = this.batches
    const outbox = this.outbox
    this.batches = []
    this.outbox = []
    if (batches.length === 0 && outbox.length === 0) return
    this.prefix.then(
      () => this.release(batches, outbox),
      () => undefined,
    )
  }

  private release(batches: readonly Batch[], outbox: readonly (() => void)[]): void {
    try {
      for (const action of outbox) action()
      for (const batch of batches) batch.release()
    } catch (error) {
      this.onFailure(error)
    }
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

/** History keeps its arrival; what has an origin has been at its own key's row before. */
const NOT_AT_ITS_KEY = RECORD_FLAG.historical | RECORD_FLAG.origin

/** Flags that tell history that came late from a live event that did. */
const LATE = RECORD_FLAG.late | RECORD_FLAG.historical

/** How long a record may be on its way to a profile, at most: far more than it takes. */
const ON_ITS_WAY_MS = 30_000

/** Ids asked about one record at most: all that a device's former users were renamed to. */
const ASKED_MAX = FORMER_MAX * FORWARD_HOPS_MAX

/** Whether the record has a message id. */
function isNamed(cursor: RecordCursor): boolean {
  return cursor.messageHashLow !== 0 || cursor.messageHashHigh !== 0
}

export function predictOf(place: Place): PredictRequest | null {
  const predict = place.batch.predict
  if (predict === null || predict.record !== place.record) return null
  return { record: 0, models: predict.models }
}

/** The record under another key, as bytes of its own. */
export function rekeyed(cursor: RecordCursor, key: ProfileKey): Uint8Array<ArrayBuffer> {
  const writer = new RecordWriter(cursor.byteLength + 512)
  writer.appendRekeyed(cursor, key.kind, new TextEncoder().encode(key.key), hashOf(key))
  return writer.take()
}

export function copyOf(cursor: RecordCursor): Uint8Array<ArrayBuffer> {
  return new Uint8Array(cursor.bytes.slice(cursor.offset, cursor.offset + cursor.byteLength))
}
