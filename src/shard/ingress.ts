import { FrameDecoder } from '../event/decoder.ts'
import type { DecodeSink } from '../event/decoder.ts'
import { ARRIVAL_STEP_MS, RECORD_FLAG } from '../event/record.ts'
import { RecordWriter } from '../event/record-writer.ts'
import type { DeadLetter } from '../journal/dead-letters.ts'
import { emptyReply } from '../protocol/shards.ts'
import type { ErrorValue, IngestReply, IngestRequest, RejectedItem } from '../protocol/shards.ts'
import { formatPosition } from '../protocol/position.ts'
import type { NamedIds } from './held-records.ts'
import { HeldRecords } from './held-records.ts'
import { OUTCOME, SHARD_UNAVAILABLE } from '../protocol/shard-messages.ts'
import type { BatchResult, PredictRequest, Predictions } from '../protocol/shard-messages.ts'
import type { ShardOptions } from './options.ts'

/** A body that is being worked on, until all its records are durable. */
class Frame {
  sequence: number | null = null
  accepted = 0
  duplicates = 0
  rejected: RejectedItem[] = []
  predictions: Predictions | null = null
  error: ErrorValue | null = null
  parts = 1
  readonly positions = new Map<number, number>()
  readonly request: IngestRequest
  readonly reply: (reply: IngestReply) => void

  constructor(request: IngestRequest, reply: (reply: IngestReply) => void) {
    this.request = request
    this.reply = reply
  }
}

/** What one shard gets of the frames decoded together. */
export interface Part {
  readonly shard: number
  readonly count: number
  readonly writer: RecordWriter
  readonly predict: PredictRequest | null
  readonly done: (result: BatchResult) => void
}

/**
 * Decodes bodies into records, sorts these by the shard that owns them, and puts the answers of all
 * shards together. Owns one writer a shard; {@link decode} leaves records there and {@link parts}
 * hands them out. A frame with `predict` must be decoded and handed out alone, because the score
 * belongs after exactly that frame's last event.
 */
export class Ingress {
  readonly rejectedByCode = new Map<string, number>()
  received = 0
  accepted = 0
  duplicates = 0
  rejected = 0
  private readonly decoder: FrameDecoder
  private readonly sink: DecodeSink
  private owners: Owned[]
  private readonly held = new HeldRecords<{ frame: Frame; item: number }>()
  /** Frames whose held records are among the decoded ones now. */
  private unheld: Frame[] = []
  private frame: Frame | null = null
  private open: Frame[] = []
  private lastShard = 0
  private lastArrival = 0
  private readonly wake: () => void
  private readonly deadLetter: (letter: DeadLetter) => void

  /** @param wake asks for a turn: records that were held can go on */
  constructor(options: ShardOptions, deadLetter: (letter: DeadLetter) => void, wake: () => void) {
    this.wake = wake
    this.decoder = new FrameDecoder({ shardCount: options.shardCount, limits: options.limits })
    this.deadLetter = deadLetter
    const writers = Array.from({ length: options.shardCount }, () => new RecordWriter())
    this.owners = writers.map(noneOwned)
    this.sink = {
      writers,
      accepted: (item, shard, at) => this.accept(item, shard, at),
      rejected: (item, code, reason, original) => this.refuse(item, { code, reason }, original),
    }
  }

  /** Decodes one body; answers at once when the whole body is refused. */
  decode(request: IngestRequest, reply: (reply: IngestReply) => void): void {
    const frame = new Frame(request, reply)
    this.frame = frame
    const decoded = this.decoder.decode(request.body, request, this.sink)
    this.frame = null
    frame.sequence = decoded.sequence
    this.received += decoded.items
    if (decoded.error !== null) {
      this.count(decoded.error.code)
      const original = withoutKey(new TextDecoder().decode(request.body.subarray(0, 65_536)))
      this.letter(frame, decoded.error.code, decoded.error.message, original)
      reply({ ...emptyReply(), sequence: decoded.sequence, error: decoded.error })
      return
    }
    this.open.push(frame)
  }

  /** The records decoded since the last call, a part for each shard that owns any. */
  parts(): Part[] {
    const parts: Part[] = []
    const busy = this.sink.writers.filter(({ count }) => count > 0).length
    const dispatch = this.held.dispatched(busy)
    this.sink.writers.forEach((writer, shard) => {
      if (writer.count === 0) return
      const { frames, items, joins } = this.owners[shard]
      this.owners[shard] = noneOwned()
      for (const frame of new Set(frames)) frame.parts++
      const models = frames[frames.length - 1].request.predict
      const asks = models.length > 0 && shard === this.lastShard
      const predict = asks ? { record: frames.length - 1, models } : null
      const done = (result: BatchResult): void => {
        for (const ids of joins) this.held.end(ids)
        this.held.settled(dispatch)
        this.settle(frames, items, result)
        if (this.held.size > 0) this.wake()
      }
      parts.push({ shard, count: writer.count, writer, predict, done })
    })
    const open = this.open
    this.open = []
    for (const frame of open) this.finish(frame)
    const unheld = this.unheld
    this.unheld = []
    for (const frame of unheld) this.finish(frame)
    return parts
  }

  /**
   * Puts records that need not wait any more among the decoded ones, up to the end of a frame that asks
   * for a prediction; false when there is none. To be followed by {@link parts}.
   */
  releaseHeld(): boolean {
    if (this.held.size === 0) return false
    const ready = this.held.takeReady(({ owner }) => owner.frame.request.predict.length > 0)
    for (const { owner, shard, bytes } of ready) {
      const writer = this.sink.writers[shard]
      const at = writer.appendBytes(bytes, 0, bytes.length)
      this.own(owner, shard, this.held.idsOf(writer.bytes, at))
      this.unheld.push(owner.frame)
    }
    return ready.length > 0
  }

  private accept(item: number, shard: number, at: number): void {
    const frame = this.frame
    if (frame === null) return
    frame.accepted++
    const writer = this.sink.writers[shard]
    this.stamp(writer, at, frame.request.receivedAt)
    const owner = { frame, item }
    if (!this.held.concerns(writer.bytes, at)) return this.own(owner, shard, NO_JOIN)
    const named = this.held.idsOf(writer.bytes, at)
    const bytes = writer.bytes.subarray(at, writer.length)
    if (this.held.keeps(named, { owner, shard, bytes })) {
      frame.parts++
      writer.truncate(at, writer.count - 1)
    } else this.own(owner, shard, named)
  }

  /** What comes in here arrives one after another, whatever the clock's grain. */
  private stamp(writer: RecordWriter, at: number, receivedAt: number): void {
    if ((writer.bytes[at + FLAGS_AT] & RECORD_FLAG.historical) !== 0) return
    this.lastArrival = Math.max(receivedAt, this.lastArrival + ARRIVAL_STEP_MS)
    writer.setArrival(at, this.lastArrival)
  }

  private own(
    { frame, item }: { frame: Frame; item: number },
    shard: number,
    { ids, joins }: NamedIds,
  ): void {
    const owned = this.owners[shard]
    owned.frames.push(frame)
    owned.items.push(item)
    this.lastShard = shard
    if (!joins) return
    owned.joins.push(ids)
  }

  private refuse(item: number, why: { code: string; reason: string }, original: unknown): void {
    const frame = this.frame
    if (frame === null) return
    frame.rejected.push({ index: item, ...why })
    this.count(why.code)
    const text = typeof original === 'string' ? original : JSON.stringify(original)
    this.letter(frame, why.code, why.reason, text ?? 'null')
  }

  private letter(frame: Frame, code: string, reason: string, original: string): void {
    const { receivedAt, route } = frame.request
    this.deadLetter({ code, reason, receivedAt, route, original })
  }

  private count(code: string): void {
    this.rejected++
    this.rejectedByCode.set(code, (this.rejectedByCode.get(code) ?? 0) + 1)
  }

  private settle(frames: readonly Frame[], items: readonly number[], result: BatchResult): void {
    const { outcomes } = result
    for (let i = 0; i < frames.length; i++) {
      if (outcomes[i] === OUTCOME.duplicate) frames[i].duplicates++
      else if (outcomes[i] === OUTCOME.rejected) frames[i].accepted--
    }
    for (const { index, code, reason } of result.rejected) {
      if (code === SHARD_UNAVAILABLE) {
        frames[index].error = { code, message: reason, retryable: true }
        continue
      }
      frames[index].rejected.push({ index: items[index], code, reason })
      this.count(code)
    }
    const distinct = new Set(frames)
    for (const frame of distinct) {
      for (const [at, sequence] of result.positions) {
        frame.positions.set(at, Math.max(sequence, frame.positions.get(at) ?? -1))
      }
      if (result.predictions !== null) frame.predictions = result.predictions
      this.finish(frame)
    }
  }

  private finish(frame: Frame): void {
    frame.parts--
    if (frame.parts > 0) return
    this.accepted += frame.accepted
    this.duplicates += frame.duplicates
    frame.reply({
      sequence: frame.sequence,
      accepted: frame.accepted,
      duplicates: frame.duplicates,
      rejected: frame.rejected,
      position: formatPosition(frame.positions),
      predictions: frame.predictions,
      error: frame.error,
    })
  }
}

/** Records decoded for one shard: of which frame each is and which item; ids of those that join. */
interface Owned {
  readonly frames: Frame[]
  readonly items: number[]
  readonly joins: (readonly number[])[]
}

function noneOwned(): Owned {
  return { frames: [], items: [], joins: [] }
}

const NO_JOIN = { ids: [], joins: false }

/** Low byte of the flags in a record's head. */
const FLAGS_AT = 6

/** A refused body is kept as it came, but for the write key. */
function withoutKey(text: string): string {
  return text.replaceAll(/("writeKey"\s*:\s*")[^"]*"/g, '$1…"')
}
