/** Text that is written often: its UTF-8 bytes as 32-bit words, the last one filled up. */
export interface Fragment {
  readonly words: Uint32Array
  readonly bytes: number
}

/** Fragments in one piece of memory, for those that are written one after the other. */
export interface FragmentTable {
  readonly words: Uint32Array
  /** By fragment: its first word; one more entry for the end. */
  readonly starts: Uint32Array
  readonly bytes: Uint32Array
}

/** What a buffer keeps when it is cleared; more was needed for one large answer. */
const KEPT_BYTES_MAX = 1 << 20
/** A fragment's last word and the digits of a number may reach beyond what is counted. */
const SLACK_BYTES = 32
const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
/** `null`, little-endian. */
const NULL_WORD = 0x6c6c756e
const DAY_MS = 86_400_000
/** 10000-01-01: later years have another form. */
const YEARS_END_MS = 253_402_300_800_000
const MILLION = 1e6
/** Up to here a number of millionths has at most 15 digits, so its decimals are exact. */
const MILLIONTHS_MAX = 1e15
const INTEGER_MAX = 0x7fff_ffff

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export function fragment(text: string): Fragment {
  const encoded = encoder.encode(text)
  const padded = new Uint8Array(Math.ceil(encoded.length / 4) * 4)
  padded.set(encoded)
  const view = new DataView(padded.buffer)
  const words = new Uint32Array(padded.length / 4)
  for (let i = 0; i < words.length; i++) words[i] = view.getUint32(i * 4, true)
  return { words, bytes: encoded.length }
}

export function fragmentTable(texts: readonly string[]): FragmentTable {
  const fragments = texts.map(fragment)
  const starts = new Uint32Array(texts.length + 1)
  fragments.forEach(({ words }, i) => (starts[i + 1] = starts[i] + words.length))
  const words = new Uint32Array(starts[texts.length])
  fragments.forEach((one, i) => words.set(one.words, starts[i]))
  return { words, starts, bytes: Uint32Array.from(fragments, ({ bytes }) => bytes) }
}

/**
 * JSON put together as UTF-8 bytes, for answers that are made tens of thousands of times a second.
 * Owns its buffer, which grows by doubling; whoever writes bounds what is written. Writes the same
 * bytes as `JSON.stringify` would for strings, and as `String` for numbers of six decimals.
 */
export class JsonBytes {
  bytes: Uint8Array<ArrayBuffer>
  length = 0
  private view: DataView

  constructor(capacity = 65_536) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  clear(): void {
    this.length = 0
    if (this.bytes.length > KEPT_BYTES_MAX) this.adopt(new Uint8Array(KEPT_BYTES_MAX))
  }

  /** A copy of the bytes from `start` on, in a buffer of its own. */
  copy(start = 0): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(start, this.length)
  }

  textFrom(start = 0): string {
    return decoder.decode(this.bytes.subarray(start, this.length))
  }

  fragment({ words, bytes }: Fragment): void {
    let at = this.room(bytes)
    this.length = at + bytes
    const { view } = this
    for (let i = 0; i < words.length; i++) {
      view.setUint32(at, words[i], true)
      at += 4
    }
  }

  fragmentOf({ words, starts, bytes }: FragmentTable, index: number): void {
    let at = this.room(bytes[index])
    this.length = at + bytes[index]
    const { view } = this
    const end = starts[index + 1]
    for (let i = starts[index]; i < end; i++) {
      view.setUint32(at, words[i], true)
      at += 4
    }
  }

  null(): void {
    const at = this.room(4)
    this.view.setUint32(at, NULL_WORD, true)
    this.length = at + 4
  }

  /** Any text as it is. */
  text(text: string): void {
    let at = this.room(text.length * 3)
    const { bytes } = this
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return this.encode(text)
      bytes[at++] = code
    }
    this.length = at
  }

  /** A string in quotes, escaped where it must be. */
  quoted(text: string): void {
    let at = this.room(text.length + 2)
    const { bytes } = this
    bytes[at++] = QUOTE
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        return this.text(JSON.stringify(text))
      }
      bytes[at++] = code
    }
    bytes[at++] = QUOTE
    this.length = at
  }

  /** UTF-8 bytes as the inside of a string, escaped where they must be. */
  quotedBytes(source: Uint8Array): void {
    let at = this.room(source.length)
    const { bytes } = this
    for (let i = 0; i < source.length; i++) {
      const byte = source[i]
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) {
        return this.text(JSON.stringify(decoder.decode(source)).slice(1, -1))
      }
      bytes[at++] = byte
    }
    this.length = at
  }

  /** A number with at most six decimals; what is not finite is null. */
  number(value: number): void {
    if (value >= 0 && value <= INTEGER_MAX && value === (value | 0)) {
      this.length = this.digits(this.room(0), value)
      return
    }
    if (!Number.isFinite(value)) return this.null()
    if (Number.isInteger(value)) return this.text(String(value))
    const millionths = Math.round(value * MILLION)
    if (Math.abs(millionths) >= MILLIONTHS_MAX) return this.text(String(millionths / MILLION))
    this.length = this.decimal(this.room(0), millionths)
  }

  /** An instant as ISO 8601 in quotes; 0 is null. */
  time(ms: number): void {
    if (ms === 0) return this.null()
    if (ms < 0 || ms >= YEARS_END_MS) return this.text(`"${new Date(ms).toISOString()}"`)
    const day = Math.floor(ms / DAY_MS)
    let at = this.room(0)
    const { bytes } = this
    bytes[at++] = QUOTE
    at = this.date(at, day)
    at = this.timeOfDay(at, Math.floor(ms - day * DAY_MS))
    bytes[at++] = QUOTE
    this.length = at
  }

  /** Gregorian date of a day since 1970, by eras of 400 years that begin in March (Hinnant 2013). */
  private date(start: number, day: number): number {
    const shifted = day + 719_468
    const era = Math.floor(shifted / 146_097)
    const dayOfEra = shifted - era * 146_097
    const yearOfEra = Math.floor(
      (dayOfEra -
        Math.floor(dayOfEra / 1460) +
        Math.floor(dayOfEra / 36_524) -
        Math.floor(dayOfEra / 146_096)) /
        365,
    )
    const dayOfYear =
      dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
    const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
    const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let at = this.twoDigits(start, Math.floor(year / 100))
    at = this.twoDigits(at, year % 100)
    this.bytes[at++] = 0x2d
    at = this.twoDigits(at, month)
    this.bytes[at++] = 0x2d
    return this.twoDigits(at, dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1)
  }

  private timeOfDay(start: number, ms: number): number {
    const { bytes } = this
    let at = start
    bytes[at++] = 0x54
    at = this.twoDigits(at, Math.floor(ms / 3_600_000))
    bytes[at++] = 0x3a
    at = this.twoDigits(at, Math.floor(ms / 60_000) % 60)
    bytes[at++] = 0x3a
    at = this.twoDigits(at, Math.floor(ms / 1000) % 60)
    bytes[at++] = 0x2e
    const rest = ms % 1000
    bytes[at++] = ZERO + Math.floor(rest / 100)
    at = this.twoDigits(at, rest % 100)
    bytes[at++] = 0x5a
    return at
  }

  private twoDigits(at: number, value: number): number {
    const tens = (value / 10) | 0
    this.bytes[at] = ZERO + tens
    this.bytes[at + 1] = ZERO + value - tens * 10
    return at + 2
  }

  /** Below 2^31. */
  private digits(start: number, value: number): number {
    const { bytes } = this
    if (value < 10) {
      bytes[start] = ZERO + value
      return start + 1
    }
    let end = start
    for (let rest = value; rest > 0; rest = (rest / 10) | 0) end++
    let rest = value
    for (let at = end - 1; at >= start; at--) {
      const next = (rest / 10) | 0
      bytes[at] = ZERO + rest - next * 10
      rest = next
    }
    return end
  }

  private decimal(start: number, millionths: number): number {
    const { bytes } = this
    let at = start
    if (millionths < 0) bytes[at++] = 0x2d
    const whole = Math.abs(millionths)
    const integer = Math.floor(whole / MILLION)
    let fraction = whole - integer * MILLION
    at = this.digits(at, integer)
    if (fraction === 0) return at
    bytes[at++] = 0x2e
    let end = at
    for (let place = 100_000; fraction > 0; place = (place / 10) | 0) {
      const digit = (fraction / place) | 0
      bytes[end++] = ZERO + digit
      fraction -= digit * place
    }
    return end
  }

  private encode(text: string): void {
    const start = this.room(text.length * 3)
    this.length = start + encoder.encodeInto(text, this.bytes.subarray(start)).written
  }

  /** Makes room for so many bytes and some, and returns where they go. */
  private room(bytes: number): number {
    const needed = this.length + bytes + SLACK_BYTES
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
      grown.set(this.bytes.subarray(0, this.length))
      this.adopt(grown)
    }
    return this.length
  }

  private adopt(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
  }
}
