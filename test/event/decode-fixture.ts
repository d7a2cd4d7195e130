import { FrameDecoder } from '../../src/event/decoder.ts'
import type { DecodedFrame } from '../../src/event/decoder.ts'
import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import type { IngestLimits } from '../../src/event/limits.ts'
import {
  KEY_KIND,
  MESSAGE_TYPES,
  NUMBER_FIELDS,
  RECORD_FLAG,
  STRING_FIELDS,
} from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import { eventNameOf } from '../../src/event/vocabulary.ts'
import type { IngestRoute } from '../../src/protocol/shards.ts'

export const NOW = Date.UTC(2026, 5, 15, 12)

export interface DecodeOptions {
  readonly route?: IngestRoute
  readonly receivedAt?: number
  readonly userAgent?: string
  readonly shardCount?: number
  readonly limits?: IngestLimits
}

export interface DecodedRecord {
  readonly index: number
  readonly shard: number
  readonly type: string
  readonly key: string
  readonly messageId: string
  /** The event's canonical or custom name. */
  readonly name: string
  readonly time: number
  readonly arrival: number
  readonly bot: boolean
  readonly historical: boolean
  readonly numbers: Record<string, number>
  readonly strings: Record<string, string>
  readonly products: readonly Product[]
  readonly text: string
  readonly message: Record<string, unknown>
}

export interface Product {
  readonly price: number
  readonly quantity: number
  readonly id: string
  readonly category: string
  readonly brand: string
}

export interface Rejection {
  readonly index: number
  readonly code: string
  readonly reason: string
  readonly original: unknown
}

export interface Decoded {
  readonly frame: DecodedFrame
  readonly records: readonly DecodedRecord[]
  readonly rejected: readonly Rejection[]
}

/** Decodes a value (as JSON), text or bytes with a fresh decoder. */
export function decode(body: unknown, options: DecodeOptions = {}): Decoded {
  const { shardCount = 1, limits = DEFAULT_LIMITS, userAgent = '' } = options
  const writers = Array.from({ length: shardCount }, () => new RecordWriter(64))
  const places: { index: number; shard: number; offset: number }[] = []
  const rejected: Rejection[] = []
  const decoder = new FrameDecoder({ shardCount, limits })
  const { route = 'stream', receivedAt = NOW } = options
  const frame = decoder.decode(
    bytesOf(body),
    { route, receivedAt, userAgent },
    {
      writers,
      accepted: (index, shard, offset) => places.push({ index, shard, offset }),
      rejected: (index, code, reason, original) => rejected.push({ index, code, reason, original }),
    },
  )
  const records = places.map(({ index, shard, offset }) => {
    return readRecord(new RecordCursor().over(writers[shard].bytes).at(offset), index, shard)
  })
  return { frame, records, rejected }
}

/** Decodes a body that must give exactly one record. */
export function decodeOne(body: unknown, options: DecodeOptions = {}): DecodedRecord {
  const { records, rejected, frame } = decode(body, options)
  if (records.length !== 1 || rejected.length > 0) {
    throw new Error(`expected one record: ${JSON.stringify({ frame, rejected })}`)
  }
  return records[0]
}

/** The code by which a lone message is refused. */
export function codeOf(message: unknown, options: DecodeOptions = {}): string {
  const { rejected, frame } = decode(message, options)
  return frame.error?.code ?? rejected[0]?.code ?? 'accepted'
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
}

export function readRecord(cursor: RecordCursor, index = 0, shard = 0): DecodedRecord {
  const numbers: Record<string, number> = {}
  NUMBER_FIELDS.forEach((name, i) => {
    if ((cursor.numberMask & (1 << i)) !== 0) numbers[name] = cursor.number(i)
  })
  const strings: Record<string, string> = {}
  STRING_FIELDS.forEach((name, i) => {
    if (cursor.stringStart(i) >= 0) strings[name] = cursor.text(i)
  })
  const products: Product[] = []
  cursor.eachProduct((price, quantity, id, idEnd, category, categoryEnd, brand, brandEnd) => {
    products.push({
      price,
      quantity,
      id: cursor.decode(id, idEnd),
      category: cursor.decode(category, categoryEnd),
      brand: cursor.decode(brand, brandEnd),
    })
  })
  const text = cursor.message
  return {
    index,
    shard,
    type: MESSAGE_TYPES[cursor.type],
    key: `${cursor.keyKind === KEY_KIND.user ? 'user' : 'anonymous'}:${cursor.key}`,
    messageId: cursor.messageId,
    name: cursor.eventCode === 0 ? cursor.name : eventNameOf(cursor.eventCode),
    time: cursor.eventTime,
    arrival: cursor.arrivalTime,
    bot: (cursor.flags & RECORD_FLAG.bot) !== 0,
    historical: (cursor.flags & RECORD_FLAG.historical) !== 0,
    numbers,
    strings,
    products,
    text,
    message: JSON.parse(text) as Record<string, unknown>,
  }
}
