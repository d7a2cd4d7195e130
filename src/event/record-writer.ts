import { SHORT_CHARACTERS, hashBytes } from './hash.ts'
import type { Hash64 } from './hash.ts'
import type { RecordCursor } from './record-cursor.ts'
import { RECORD_FLAG, RECORD_HEADER_BYTES } from './record.ts'
import type { KeyKind, RecordFields } from './record.ts'

const encoder = new TextEncoder()
export const MESSAGE_ID_SEED = 7

/**
 * Appends records to one growing buffer.
 *
 * Owns its buffer, which it fills again after {@link take} or {@link truncate}. Not shared between
 * threads. Grows by doubling; the caller bounds what it appends.
 */
export class RecordWriter {
  bytes: Uint8Array<ArrayBuffer>
  length = 0
  count = 0
  private view: DataView
  private readonly hash: Hash64 = { low: 0, high: 0 }

  constructor(capacity = 65_536) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Appends one record and returns its byte offset. */
  append(fields: RecordFields): number {
    const start = this.length
    this.reserve(this.upperBound(fields))
    const view = this.view
    const bytes = this.bytes
    let at = start + RECORD_HEADER_BYTES
    for (let mask = fields.numberMask; mask !== 0; mask &= mask - 1) {
      view.setFloat64(at, fields.numbers[31 - Math.clz32(mask & -mask)], true)
      at += 8
    }
    const keyAt = at
    at = writeUtf8(bytes, at, fields.key)
    const keyEnd = at
    at = writeUtf8(bytes, at, fields.messageId)
    const messageIdEnd = at
    at = writeUtf8(bytes, at, fields.name)
    const nameEnd = at
    for (let mask = fields.stringMask; mask !== 0; mask &= mask - 1) {
      at = this.writeString(at, fields.strings[31 - Math.clz32(mask & -mask)])
    }
    for (const product of fields.products) {
      view.setFloat64(at, product.price, true)
      view.setFloat64(at + 8, product.quantity, true)
      at = this.writeString(at + 16, product.productId)
      at = this.writeString(at, product.category)
      at = this.writeString(at, product.brand)
    }
    const messageAt = at
    at = copyBytes(bytes, at, fields)
    if (fields.message !== '') at = writeUtf8(bytes, at, fields.message)
    const messageEnd = at
    const end = (at + 7) & ~7
    while (at < end) bytes[at++] = 0

    view.setUint32(start, end - start, true)
    bytes[start + 4] = fields.kind
    bytes[start + 5] = fields.type
    view.setUint16(start + 6, fields.flags, true)
    view.setFloat64(start + 8, fields.eventTime, true)
    view.setFloat64(start + 16, fields.arrivalTime, true)
    view.setFloat64(start + 24, -1, true)
    let hash = fields.keyHash
    if (hash.low === 0 && hash.high === 0) {
      hash = this.hash
      hashBytes(bytes, keyAt, keyEnd, fields.keyKind, hash)
    }
    view.setUint32(start + 32, hash.low, true)
    view.setUint32(start + 36, hash.high, true)
    if (messageIdEnd > keyEnd) {
      hashBytes(bytes, keyEnd, messageIdEnd, MESSAGE_ID_SEED, this.hash)
      view.setUint32(start + 40, this.hash.low, true)
      view.setUint32(start + 44, this.hash.high, true)
    } else {
      view.setUint32(start + 40, 0, true)
      view.setUint32(start + 44, 0, true)
    }
    view.setUint16(start + 48, fields.eventCode, true)
    bytes[start + 50] = fields.keyKind
    bytes[start + 51] = 0
    view.setUint16(start + 52, keyEnd - keyAt, true)
    view.setUint16(start + 54, messageIdEnd - keyEnd, true)
    view.setUint16(start + 56, nameEnd - messageIdEnd, true)
    view.setUint16(start + 58, fields.products.length, true)
    view.setUint32(start + 60, fields.numberMask, true)
    view.setUint32(start + 64, fields.stringMask, true)
    view.setUint32(start + 68, messageEnd - messageAt, true)
    this.length = end
    this.count++
    return start
  }

  /** Sets the arrival of the record at `offset`. */
  setArrival(offset: number, arrivalTime: number): void {
    this.view.setFloat64(offset + 16, arrivalTime, true)
  }

  /** Appends a record already in canonical form and returns its byte offset. */
  appendBytes(source: Uint8Array, start: number, byteLength: number): number {
    this.reserve(byteLength)
    const at = this.length
    this.bytes.set(source.subarray(start, start + byteLength), at)
    this.length += byteLength
    this.count++
    return at
  }

  /**
   * Appends the cursor's record under another key (a join moves it, a forward passes it on). The key
   * it came under first is kept as its origin. `key` is UTF-8; `hash` its {@link hashKey}.
   * `previousSequence` is cleared.
   */
  appendRekeyed(cursor: RecordCursor, kind: KeyKind, key: Uint8Array, hash: Hash64): number {
    const tailStart = cursor.keyEnd
    const tailEnd = cursor.contentEnd()
    const headBytes = cursor.keyStart - cursor.offset
    const hasOrigin = (cursor.flags & RECORD_FLAG.origin) !== 0
    const originBytes = hasOrigin ? 0 : 2 + cursor.keyEnd - cursor.keyStart
    const length = headBytes + key.length + (tailEnd - tailStart) + originBytes
    const padded = (length + 7) & ~7
    this.reserve(padded)
    const at = this.length
    const bytes = this.bytes
    bytes.set(cursor.bytes.subarray(cursor.offset, cursor.keyStart), at)
    bytes.set(key, at + headBytes)
    bytes.set(cursor.bytes.subarray(tailStart, tailEnd), at + headBytes + key.length)
    if (!hasOrigin) this.writeOrigin(cursor, at, at + length - originBytes)
    bytes.fill(0, at + length, at + padded)
    this.view.setUint32(at, padded, true)
    this.view.setFloat64(at + 24, -1, true)
    this.view.setUint32(at + 32, hash.low, true)
    this.view.setUint32(at + 36, hash.high, true)
    bytes[at + 50] = kind
    this.view.setUint16(at + 52, key.length, true)
    this.length = at + padded
    this.count++
    return at
  }

  private writeOrigin(cursor: RecordCursor, record: number, at: number): void {
    const { keyStart, keyEnd, keyKind, flags } = cursor
    this.view.setUint16(record + 6, flags | RECORD_FLAG.origin, true)
    this.bytes[record + 51] = keyKind
    this.view.setUint16(at, keyEnd - keyStart, true)
    this.bytes.set(cursor.bytes.subarray(keyStart, keyEnd), at + 2)
  }

  /** Takes back the record that starts at `offset` and all after it. */
  truncate(offset: number, count: number): void {
    this.length = offset
    this.count = count
  }

  /** The records written so far in a buffer of their own; the writer begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.length)
    this.truncate(0, 0)
    return taken
  }

  private writeString(at: number, text: string): number {
    const end = writeUtf8(this.bytes, at + 2, text)
    this.view.setUint16(at, end - at - 2, true)
    return end
  }

  private upperBound(fields: RecordFields): number {
    let units = fields.key.length + fields.messageId.length + fields.name.length
    units += fields.message.length
    let fixed = RECORD_HEADER_BYTES + 32 * 8 + 32 * 2 + 8
    for (let mask = fields.stringMask; mask !== 0; mask &= mask - 1) {
      units += fields.strings[31 - Math.clz32(mask & -mask)].length
    }
    for (const product of fields.products) {
      units += product.productId.length + product.category.length + product.brand.length
      fixed += 22
    }
    return fixed + units * 3 + (fields.messageEnd - fields.messageStart)
  }

  private reserve(byteLength: number): void {
    if (this.length + byteLength <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + byteLength))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }
}

/** Copies the message's bytes to `at` and returns their end. */
function copyBytes(bytes: Uint8Array, at: number, fields: RecordFields): number {
  const { messageBytes, messageStart, messageEnd } = fields
  if (messageEnd > messageStart) bytes.set(messageBytes.subarray(messageStart, messageEnd), at)
  return at + messageEnd - messageStart
}

function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  const length = text.length
  if (length > SHORT_CHARACTERS) return at + encoder.encodeInto(text, bytes.subarray(at)).written
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return at + encoder.encodeInto(text, bytes.subarray(at)).written
    bytes[at + i] = code
  }
  return at + length
}
