import type { ProfileKey } from './profile-key.ts'
import { KEY_KIND, RECORD_FLAG, RECORD_HEADER_BYTES, STRING_FIELDS } from './record.ts'
import type { KeyKind } from './record.ts'

const decoder = new TextDecoder()

/**
 * Reads one record in place; move it with {@link at}. Everything it returns is valid only until
 * the next {@link at}. String fields are (start, end) byte ranges into {@link bytes}: the fold
 * hashes and compares bytes, and decodes text only where it must keep it.
 */
export class RecordCursor {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(new ArrayBuffer(0))
  offset = 0
  byteLength = 0
  kind = 0
  type = 0
  flags = 0
  eventTime = 0
  arrivalTime = 0
  keyHashLow = 0
  keyHashHigh = 0
  messageHashLow = 0
  messageHashHigh = 0
  eventCode = 0
  keyKind: KeyKind = KEY_KIND.user
  keyStart = 0
  keyEnd = 0
  messageIdEnd = 0
  nameEnd = 0
  productCount = 0
  numberMask = 0
  stringMask = 0
  messageStart = 0
  messageEnd = 0
  private productsAt = 0
  private stringsRead = false
  private readonly stringStarts = new Int32Array(STRING_FIELDS.length)
  private readonly stringEnds = new Int32Array(STRING_FIELDS.length)

  /** Points the cursor at a buffer of records. */
  over(bytes: Uint8Array): this {
    if (bytes === this.bytes) return this
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return this
  }

  /** Reads the header of the record at `offset`. */
  at(offset: number): this {
    const view = this.view
    const bytes = this.bytes
    this.offset = offset
    this.byteLength = view.getUint32(offset, true)
    this.kind = bytes[offset + 4]
    this.type = bytes[offset + 5]
    this.flags = view.getUint16(offset + 6, true)
    this.eventTime = view.getFloat64(offset + 8, true)
    this.arrivalTime = view.getFloat64(offset + 16, true)
    this.keyHashLow = view.getUint32(offset + 32, true)
    this.keyHashHigh = view.getUint32(offset + 36, true)
    this.messageHashLow = view.getUint32(offset + 40, true)
    this.messageHashHigh = view.getUint32(offset + 44, true)
    this.eventCode = view.getUint16(offset + 48, true)
    this.keyKind = bytes[offset + 50] as KeyKind
    this.productCount = view.getUint16(offset + 58, true)
    this.numberMask = view.getUint32(offset + 60, true)
    this.stringMask = view.getUint32(offset + 64, true)
    this.keyStart = offset + RECORD_HEADER_BYTES + 8 * popcount(this.numberMask)
    this.keyEnd = this.keyStart + view.getUint16(offset + 52, true)
    this.messageIdEnd = this.keyEnd + view.getUint16(offset + 54, true)
    this.nameEnd = this.messageIdEnd + view.getUint16(offset + 56, true)
    this.stringsRead = false
    return this
  }

  get previousSequence(): number {
    return this.view.getFloat64(this.offset + 24, true)
  }

  set previousSequence(sequence: number) {
    this.view.setFloat64(this.offset + 24, sequence, true)
  }

  setArrival(arrivalTime: number): void {
    this.arrivalTime = arrivalTime
    this.view.setFloat64(this.offset + 16, arrivalTime, true)
  }

  setFlags(flags: number): void {
    this.flags = flags
    this.view.setUint16(this.offset + 6, flags, true)
  }

  /** The numeric field with this NUMBER_FIELDS index; NaN where absent. */
  number(field: number): number {
    const bit = 1 << field
    if ((this.numberMask & bit) === 0) return Number.NaN
    const before = popcount(this.numberMask & (bit - 1))
    return this.view.getFloat64(this.offset + RECORD_HEADER_BYTES + 8 * before, true)
  }

  /** Start of the string field's bytes, or -1 where absent; {@link stringEnd} is its end. */
  stringStart(field: number): number {
    if ((this.stringMask & (1 << field)) === 0) return -1
    if (!this.stringsRead) this.readStrings()
    return this.stringStarts[field]
  }

  /** Valid after {@link stringStart} returned other than -1. */
  stringEnd(field: number): number {
    return this.stringEnds[field]
  }

  /** Decoded text of a string field, or '' where absent. */
  text(field: number): string {
    const start = this.stringStart(field)
    return start < 0 ? '' : this.decode(start, this.stringEnds[field])
  }

  get key(): string {
    return this.decode(this.keyStart, this.keyEnd)
  }

  get messageId(): string {
    return this.decode(this.keyEnd, this.messageIdEnd)
  }

  get name(): string {
    return this.decode(this.messageIdEnd, this.nameEnd)
  }

  /** JSON of the message as received. */
  get message(): string {
    this.locateMessage()
    return this.decode(this.messageStart, this.messageEnd)
  }

  decode(start: number, end: number): string {
    return decoder.decode(this.bytes.subarray(start, end))
  }

  /**
   * Calls `visit(price, quantity, idStart, idEnd, categoryStart, categoryEnd, brandStart,
   * brandEnd)` for each product of `products[]`; NaN and empty ranges where absent.
   */
  eachProduct(visit: ProductVisitor): void {
    if (this.productCount === 0) return
    if (!this.stringsRead) this.readStrings()
    const view = this.view
    let at = this.productsAt
    for (let i = 0; i < this.productCount; i++) {
      const price = view.getFloat64(at, true)
      const quantity = view.getFloat64(at + 8, true)
      const id = at + 18
      const idEnd = id + view.getUint16(at + 16, true)
      const category = idEnd + 2
      const categoryEnd = category + view.getUint16(idEnd, true)
      const brand = categoryEnd + 2
      const brandEnd = brand + view.getUint16(categoryEnd, true)
      visit(price, quantity, id, idEnd, category, categoryEnd, brand, brandEnd)
      at = brandEnd
    }
  }

  /** End of the record's content, before padding. */
  contentEnd(): number {
    this.locateMessage()
    if ((this.flags & RECORD_FLAG.origin) === 0) return this.messageEnd
    return this.messageEnd + 2 + this.view.getUint16(this.messageEnd, true)
  }

  /** The key that the record came under: its own, unless a join moved it or passed it on. */
  get origin(): ProfileKey {
    if ((this.flags & RECORD_FLAG.origin) === 0) return { kind: this.keyKind, key: this.key }
    const end = this.contentEnd()
    const kind = this.bytes[this.offset + 51] as KeyKind
    return { kind, key: this.decode(this.messageEnd + 2, end) }
  }

  /** Whether it came under this key: {@link origin} without making a string of it. */
  isOrigin({ kind, key }: ProfileKey): boolean {
    if ((this.flags & RECORD_FLAG.origin) === 0) return kind === this.keyKind && key === this.key
    const { bytes } = this
    const end = this.contentEnd()
    let at = this.messageEnd + 2
    if (bytes[this.offset + 51] !== kind || end - at < key.length) return false
    for (let i = 0; i < key.length; i++, at++) {
      const code = key.charCodeAt(i)
      if (code > 0x7f) return key === this.origin.key
      if (bytes[at] !== code) return false
    }
    return at === end
  }

  private readStrings(): void {
    const view = this.view
    let at = this.nameEnd
    for (let mask = this.stringMask; mask !== 0; mask &= mask - 1) {
      const field = 31 - Math.clz32(mask & -mask)
      const length = view.getUint16(at, true)
      this.stringStarts[field] = at + 2
      this.stringEnds[field] = at + 2 + length
      at += 2 + length
    }
    this.productsAt = at
    this.stringsRead = true
  }

  private locateMessage(): void {
    if (!this.stringsRead) this.readStrings()
    let at = this.productsAt
    for (let i = 0; i < this.productCount; i++) {
      at += 16
      for (let part = 0; part < 3; part++) at += 2 + this.view.getUint16(at, true)
    }
    this.messageStart = at
    this.messageEnd = at + this.view.getUint32(this.offset + 68, true)
  }
}

export type ProductVisitor = (
  price: number,
  quantity: number,
  idStart: number,
  idEnd: number,
  categoryStart: number,
  categoryEnd: number,
  brandStart: number,
  brandEnd: number,
) => void

function popcount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
