import { isAscii } from 'node:buffer'
import type { ErrorValue } from '../protocol/shards.ts'
import { BotCheck } from './bot.ts'
import { fillRevenue, isObject, takeContext } from './fields.ts'
import type { JsonObject, Refusal } from './fields.ts'
import { JSON_DEPTH_MAX } from './limits.ts'
import type { IngestLimits } from './limits.ts'
import { describe, takeMessage } from './message.ts'
import { contextOf, originalOf, outerFault, outerOf, takeJson, unsafeName } from './outer.ts'
import type { DecodeRequest, Item, Outer } from './outer.ts'
import { hashKeyInto, shardOfHash } from './hash.ts'
import {
  KEY_KIND,
  MESSAGE_TYPES,
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
  createRecordFields,
} from './record.ts'
import type { RecordFields } from './record.ts'
import type { RecordWriter } from './record-writer.ts'
import { BodyScan, skipSpace } from './scan.ts'

export interface DecodeSink {
  /** One a shard; accepted records are appended to the writer of the shard they go to. */
  readonly writers: readonly RecordWriter[]
  accepted(item: number, shard: number, recordOffset: number): void
  rejected(item: number, code: string, reason: string, original: unknown): void
}

export interface DecodedFrame {
  /** The frame's `seq`, where it had one. */
  readonly sequence: number | null
  readonly items: number
  /** The whole body is refused. */
  readonly error: ErrorValue | null
}

const IDENTIFY = MESSAGE_TYPES.indexOf('identify')
const ALIAS = MESSAGE_TYPES.indexOf('alias')
const ANONYMOUS_ID = STRING_FIELDS.indexOf('anonymous_id')
const PREVIOUS_ID = STRING_FIELDS.indexOf('previous_id')
/** How much of an event that is too large is handed on as its original. */
const ORIGINAL_BYTES_MAX = 1024
const CLOSING_BRACE = 125
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * Decodes bodies of Segment messages into records: one message, or `{"batch":[…],"seq":n}` with an
 * outer `context` and `integrations` that the items inherit. Bad items are refused one by one with a
 * code; the rest is accepted. Never throws for bad input. Single-threaded: it reuses its record
 * fields and its scan.
 *
 * A message's JSON goes into its record as the bytes that came, unless something must change in it.
 *
 * Source: Segment HTTP tracking API; e-commerce spec v2.
 */
export class FrameDecoder {
  private readonly shardCount: number
  private readonly limits: IngestLimits
  private readonly fields: RecordFields = createRecordFields()
  private readonly scan = new BodyScan()
  private readonly bots = new BotCheck()
  private readonly routeHash = { low: 0, high: 0 }

  constructor(options: { shardCount: number; limits: IngestLimits }) {
    this.shardCount = options.shardCount
    this.limits = options.limits
  }

  decode(body: Uint8Array, request: DecodeRequest, sink: DecodeSink): DecodedFrame {
    const parsed = this.parse(body)
    if ('error' in parsed) return refused(null, parsed.error)
    const { value } = parsed
    if (!isObject(value)) {
      const message = 'the body must be a JSON object: a message, or {"batch":[…]}'
      return refused(null, { code: 'ERR_BODY_SHAPE', message })
    }
    const sequence = typeof value.seq === 'number' && Number.isFinite(value.seq) ? value.seq : null
    const outer = outerOf(value, request, this.scan)
    const error =
      value.batch === undefined
        ? this.decodeSingle(value, body, outer, sink)
        : this.decodeBatch(value.batch, body, outer, sink)
    if (error !== null) return refused(sequence, error)
    return { sequence, items: Array.isArray(value.batch) ? value.batch.length : 1, error: null }
  }

  private parse(body: Uint8Array): { value: unknown } | { error: ErrorValue } {
    this.scan.scan(body)
    if (this.scan.tooDeep) {
      const message = `the body is nested deeper than ${JSON_DEPTH_MAX} levels`
      return { error: { code: 'ERR_BODY_DEPTH', message } }
    }
    let text: string
    try {
      text = textOf(body)
    } catch {
      return { error: { code: 'ERR_BODY_UTF8', message: 'the body is not valid UTF-8' } }
    }
    try {
      return { value: JSON.parse(text) as unknown }
    } catch (error) {
      const reason = error instanceof Error ? error.message.slice(0, 200) : 'not JSON'
      return { error: { code: 'ERR_BODY_JSON', message: `the body is not JSON: ${reason}` } }
    }
  }

  private decodeSingle(
    message: JsonObject,
    body: Uint8Array,
    outer: Outer,
    sink: DecodeSink,
  ): ErrorValue | null {
    const { route } = outer.request
    if (route === 'batch' || route === 'import') {
      return { code: 'ERR_BODY_SHAPE', message: `/v1/${route} takes {"batch":[…]}` }
    }
    const type = route === 'stream' ? message.type : route
    const start = skipSpace(body, hasByteOrderMark(body) ? 3 : 0)
    const end = body.lastIndexOf(CLOSING_BRACE) + 1
    this.decodeMessage({ message, type, body, start, end }, 0, outer, sink)
    return null
  }

  private decodeBatch(
    batch: unknown,
    body: Uint8Array,
    outer: Outer,
    sink: DecodeSink,
  ): ErrorValue | null {
    if (!Array.isArray(batch)) {
      return { code: 'ERR_BODY_SHAPE', message: '"batch" must be an array of messages' }
    }
    if (batch.length > this.limits.batchEventsMax) {
      const message = `a batch has at most ${this.limits.batchEventsMax} events, found ${batch.length}`
      return { code: 'ERR_BATCH_LENGTH', message }
    }
    const fault = outerFault(outer, batch.length, this.limits.eventBytesMax)
    if (fault !== null) return fault
    const { items, starts, ends } = this.scan
    const located = items === batch.length
    for (let i = 0; i < batch.length; i++) {
      const message: unknown = batch[i]
      if (!isObject(message)) {
        const reason = `a message is an object, found ${describe(message)}`
        sink.rejected(i, 'ERR_EVENT_SHAPE', reason, message)
        continue
      }
      const start = located ? starts[i] : -1
      const end = located ? ends[i] : -1
      this.decodeMessage({ message, type: message.type, body, start, end }, i, outer, sink)
    }
    return null
  }

  private decodeMessage(item: Item, index: number, outer: Outer, sink: DecodeSink): void {
    const refusal = this.fill(item, outer)
    if (refusal !== null) {
      const original = originalOf(item.message, outer)
      return sink.rejected(index, refusal.code, refusal.reason, original)
    }
    const bytes = this.messageBytes()
    const { eventBytesMax } = this.limits
    if (bytes > eventBytesMax) {
      const reason = `the event has ${bytes} bytes; at most ${eventBytesMax} are allowed`
      return sink.rejected(index, 'ERR_EVENT_SIZE', reason, this.beginning())
    }
    const shard = this.shardOf()
    sink.accepted(index, shard, sink.writers[shard].append(this.fields))
  }

  /** Fills the reused record fields from a message; the first fault ends it. */
  private fill(item: Item, outer: Outer): Refusal | null {
    const { fields } = this
    const { message, type } = item
    fields.kind = RECORD_KIND.event
    fields.flags = outer.historical ? RECORD_FLAG.historical : 0
    fields.numberMask = 0
    fields.stringMask = 0
    if (fields.products.length > 0) fields.products = []
    fields.eventCode = 0
    fields.name = ''
    const unsafe = outer.suspicious ? unsafeName(message) : null
    const refusal = unsafe ?? takeMessage(fields, message, type, outer)
    if (refusal !== null) return refusal
    const context = contextOf(message, outer)
    let { userAgent } = outer.request
    if (context !== null) {
      takeContext(fields, context)
      if (typeof context.userAgent === 'string') userAgent = context.userAgent
    }
    if (this.bots.isBot(userAgent)) fields.flags |= RECORD_FLAG.bot
    fillRevenue(fields)
    takeJson(fields, item, { type: MESSAGE_TYPES[fields.type], context }, outer)
    return null
  }

  /** Size of the message's JSON; exact where it may be above the limit. */
  private messageBytes(): number {
    const { message, messageStart, messageEnd } = this.fields
    const most = messageEnd - messageStart + message.length * 3
    if (most <= this.limits.eventBytesMax) return most
    return messageEnd - messageStart + Buffer.byteLength(message)
  }

  private beginning(): string {
    const { message, messageBytes, messageStart, messageEnd } = this.fields
    const end = Math.min(messageEnd, messageStart + ORIGINAL_BYTES_MAX)
    const text = new TextDecoder().decode(messageBytes.subarray(messageStart, end))
    return (text + message).slice(0, ORIGINAL_BYTES_MAX)
  }

  /** An event that may join two profiles goes to the shard of the profile that it names first. */
  private shardOf(): number {
    const { fields } = this
    if (this.shardCount === 1) return 0
    const field = fields.type === ALIAS ? PREVIOUS_ID : ANONYMOUS_ID
    const joins = fields.type === ALIAS || fields.type === IDENTIFY
    hashKeyInto(fields.keyKind, fields.key, fields.keyHash)
    if (!joins || fields.keyKind !== KEY_KIND.user || (fields.stringMask & (1 << field)) === 0) {
      return shardOfHash(fields.keyHash.high, this.shardCount)
    }
    hashKeyInto(KEY_KIND.anonymous, fields.strings[field], this.routeHash)
    return shardOfHash(this.routeHash.high, this.shardCount)
  }
}

function refused(sequence: number | null, error: ErrorValue): DecodedFrame {
  return { sequence, items: 0, error }
}

/** Throws where the body is not UTF-8. */
function textOf(body: Uint8Array): string {
  if (!isAscii(body)) return decoder.decode(body)
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1')
}

function hasByteOrderMark(body: Uint8Array): boolean {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
}
