/**
 * The canonical binary form of an event: the record.
 *
 * A record is little-endian, self-contained (no dictionary), a multiple of 8 bytes, and is copied
 * unchanged from decoder to shard to journal. Layout (byte offset, type, field):
 *
 * ```
 *   0 u32 byteLength        whole record, padded to 8
 *   4 u8  kind              RECORD_KIND
 *   5 u8  type              MESSAGE_TYPES index (events only)
 *   6 u16 flags             RECORD_FLAG bits
 *   8 f64 eventTime         ms since 1970
 *  16 f64 arrivalTime       ms since 1970
 *  24 f64 previousSequence  the profile's previous record in this shard, -1 for none
 *  32 u32 keyHashLow        36 u32 keyHashHigh
 *  40 u32 messageHashLow    44 u32 messageHashHigh   both 0: no message id
 *  48 u16 eventCode         vocabulary index + 1, 0 for a custom name
 *  50 u8  keyKind           KEY_KIND
 *  51 u8  reserved
 *  52 u16 keyBytes          54 u16 messageIdBytes    56 u16 nameBytes    58 u16 productCount
 *  60 u32 numberMask        bit i: NUMBER_FIELDS[i] is present
 *  64 u32 stringMask        bit i: STRING_FIELDS[i] is present
 *  68 u32 messageBytes      JSON of the message as received (after batch merge)
 *  72 f64[popcount(numberMask)] in ascending bit order
 *     key, messageId, event name: UTF-8
 *     strings in ascending bit order: u16 length, UTF-8
 *     products: f64 price, f64 quantity (NaN: absent), then u16 length + UTF-8 for
 *               product_id, category, brand
 *     message JSON: UTF-8
 *     zero padding to a multiple of 8
 * ```
 */

export const RECORD_HEADER_BYTES = 72

/**
 * - `event`: a fact from a collector
 * - `timer`: due instants up to its event time were fired for a silent shopper
 * - `forward`: the profile moved to the key in `name` (`user:…`); `message` is empty
 * - `forwardConfirmed`: the target of the forward holds the history durably
 * - `import`: ends a run of `imported` records; the profile is folded again with them. `name` is the
 *   source key, `message` the JSON of {@link ImportNote}
 */
export const RECORD_KIND = {
  event: 1,
  timer: 2,
  forward: 3,
  forwardConfirmed: 4,
  import: 5,
} as const

/** What an `import` record carries in its message. */
export interface ImportNote {
  /** Position of the source's forward record; makes the import idempotent. */
  readonly source: string
  /** Keys that had been joined to the source before, as `user:…` or `anonymous:…`. */
  readonly links: readonly string[]
}

export const KEY_KIND = { user: 1, anonymous: 2 } as const
export type KeyKind = (typeof KEY_KIND)[keyof typeof KEY_KIND]

export const RECORD_FLAG = {
  /** The user agent names a bot. */
  bot: 1,
  /** Arrival time was taken from the event time (history import). */
  historical: 2,
  /** Moved here from another profile by a join; folded only when the profile is folded again. */
  imported: 4,
} as const

export const MESSAGE_TYPES = ['track', 'identify', 'page', 'screen', 'group', 'alias'] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]

/** Numeric properties that the fold reads without parsing JSON. At most 32. */
export const NUMBER_FIELDS = [
  'price',
  'quantity',
  'revenue',
  'total',
  'subtotal',
  'value',
  'tax',
  'shipping',
  'discount',
  'position',
  'rating',
  'step',
] as const
export type NumberField = (typeof NUMBER_FIELDS)[number]

/** String properties that the fold reads without parsing JSON. At most 32. */
export const STRING_FIELDS = [
  'anonymous_id',
  'previous_id',
  'group_id',
  'product_id',
  'sku',
  'category',
  'brand',
  'name',
  'variant',
  'currency',
  'order_id',
  'checkout_id',
  'coupon',
  'query',
  'list_id',
  'promotion_id',
  'share_via',
  'path',
  'url',
  'referrer',
  'referring_domain',
  'campaign_source',
  'campaign_medium',
  'campaign_name',
  'device_type',
  'os_name',
  'country',
  'city',
  'locale',
  'payment_method',
] as const
export type StringField = (typeof STRING_FIELDS)[number]

export interface RecordProduct {
  readonly price: number
  readonly quantity: number
  readonly productId: string
  readonly category: string
  readonly brand: string
}

/** What a decoder hands to {@link RecordWriter.append}; reused between events by the decoder. */
export interface RecordFields {
  kind: number
  type: number
  flags: number
  eventTime: number
  arrivalTime: number
  keyKind: KeyKind
  key: string
  /** '' for none. */
  messageId: string
  /** Vocabulary index + 1, or 0 and `name`. */
  eventCode: number
  /** The custom event's name, or a page's; '' where `eventCode` says it. */
  name: string
  numberMask: number
  /** Indexed by NUMBER_FIELDS position. */
  numbers: Float64Array
  stringMask: number
  /** Indexed by STRING_FIELDS position. */
  strings: string[]
  products: RecordProduct[]
  /** First part of the message's JSON: UTF-8 in `[messageStart, messageEnd)`; may be empty. */
  messageBytes: Uint8Array
  messageStart: number
  messageEnd: number
  /** The message's JSON, or what of it follows {@link messageBytes}. */
  message: string
  /** {@link hashKey} of kind and key where the caller has it; 0,0 where the writer makes it. */
  keyHash: Hash64
}

const NO_BYTES = new Uint8Array(0)

export function createRecordFields(): RecordFields {
  return {
    kind: RECORD_KIND.event,
    type: 0,
    flags: 0,
    eventTime: 0,
    arrivalTime: 0,
    keyKind: KEY_KIND.user,
    key: '',
    messageId: '',
    eventCode: 0,
    name: '',
    numberMask: 0,
    numbers: new Float64Array(NUMBER_FIELDS.length),
    stringMask: 0,
    strings: STRING_FIELDS.map(() => ''),
    products: [],
    messageBytes: NO_BYTES,
    messageStart: 0,
    messageEnd: 0,
    message: '',
    keyHash: { low: 0, high: 0 },
  }
}

/** A 64-bit hash as two unsigned 32-bit halves; two murmur3-style lanes over bytes. */
export interface Hash64 {
  low: number
  high: number
}

/**
 * Hashes `bytes[start, end)`. `seed` separates uses (a key's kind, message ids).
 * Never 0,0: that pair means "none".
 */
export function hashBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  seed: number,
  out: Hash64,
): void {
  let a = (0x9747b28c ^ seed) | 0
  let b = (0x85ebca6b + Math.imul(seed, 0x27d4eb2f)) | 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(((b << 5) | (b >>> 27)) ^ byte, 0x5bd1e995)
  }
  a ^= end - start
  a = Math.imul(a ^ (a >>> 16) ^ b, 0x85ebca6b)
  b = Math.imul(b ^ (b >>> 15) ^ a, 0xc2b2ae35)
  a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 13) ^ a, 0x27d4eb2f)
  out.low = (a ^ (a >>> 16)) >>> 0
  out.high = (b ^ (b >>> 16)) >>> 0
  if (out.low === 0 && out.high === 0) out.low = 1
}

/** The shard that owns a key. */
export function shardOfHash(keyHashHigh: number, shardCount: number): number {
  return keyHashHigh % shardCount
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const MESSAGE_ID_SEED = 7

/** Longest text that is worth to handle character by character instead of through an encoder. */
const SHORT_CHARACTERS = 96

/** Hash of a key of the given kind, as records carry it. */
export function hashKey(kind: KeyKind, key: string): Hash64 {
  const out = { low: 0, high: 0 }
  hashKeyInto(kind, key, out)
  return out
}

const shortKey = new Uint8Array(SHORT_CHARACTERS)

/** {@link hashKey} without an allocation for short ASCII keys. */
export function hashKeyInto(kind: KeyKind, key: string, out: Hash64): void {
  const length = key.length
  let ascii = length <= SHORT_CHARACTERS
  for (let i = 0; ascii && i < length; i++) {
    const code = key.charCodeAt(i)
    shortKey[i] = code
    ascii = code < 128
  }
  const bytes = ascii ? shortKey : encoder.encode(key)
  hashBytes(bytes, 0, ascii ? length : bytes.length, kind, out)
}

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
   * Appends the cursor's record under another key (a join moves it, a forward passes it on).
   * `key` is UTF-8; `hash` its {@link hashKey}. `previousSequence` is cleared.
   */
  appendRekeyed(cursor: RecordCursor, kind: KeyKind, key: Uint8Array, hash: Hash64): number {
    const tailStart = cursor.keyEnd
    const tailEnd = cursor.contentEnd()
    const headBytes = cursor.keyStart - cursor.offset
    const length = headBytes + key.length + (tailEnd - tailStart)
    const padded = (length + 7) & ~7
    this.reserve(padded)
    const at = this.length
    const bytes = this.bytes
    bytes.set(cursor.bytes.subarray(cursor.offset, cursor.keyStart), at)
    bytes.set(key, at + headBytes)
    bytes.set(cursor.bytes.subarray(tailStart, tailEnd), at + headBytes + key.length)
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
    return this.messageEnd
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
