import { JSON_DEPTH_MAX } from './limits.ts'

const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92
const LETTER_U = 117
/** Both `[` and `{` with bit 5 set, both `]` and `}` with bit 5 set. */
const OPENING = 123
const CLOSING = 125
/** A message inside `{"batch":[…]}` stands two levels deeper than one alone. */
const BATCH_DEPTH = 2

const BATCH = Buffer.from('batch')
/** Names that can reach a prototype: 9 or 11 characters, and three first letters. */
export const UNSAFE_NAMES: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor'])
const UNDERSCORE = 95
const LETTER_C = 99
const LETTER_P = 112

/**
 * One pass over the bytes of a body before it is parsed: how deep it nests, what in it needs a
 * closer look, and where the objects of its `batch` begin and end.
 *
 * The body may be anything; what is found is meaningful only where the body turns out to be JSON.
 * Reused between bodies: the results are valid until the next {@link scan}.
 */
export class BodyScan {
  tooDeep = false
  /** The text has `\u` escapes: names may be spelled with them, and surrogates may stand alone. */
  escaped = false
  /** A string could, unescaped or through escapes, be a name that reaches a prototype. */
  suspicious = false
  /** Items of the last top-level `batch`; -1 where it could not be located. */
  items = -1
  /** Byte ranges of the items that are objects; a start of -1 for an item that is not. */
  starts = new Int32Array(256)
  ends = new Int32Array(256)
  private inBatch = false

  scan(body: Uint8Array): void {
    this.reset()
    const length = body.length
    let depth = 0
    for (let at = 0; at < length; at++) {
      const byte = body[at]
      if (byte === QUOTE) {
        const start = at + 1
        at = this.skipString(body, start)
        if (depth === 1) at = this.noteName(body, start, at)
      } else if ((byte | 32) === OPENING) {
        if (this.inBatch && depth === BATCH_DEPTH && byte === OPENING) this.starts[this.items] = at
        depth++
        if (depth > JSON_DEPTH_MAX && depth > JSON_DEPTH_MAX + (this.inBatch ? BATCH_DEPTH : 0)) {
          this.tooDeep = true
          return
        }
      } else if ((byte | 32) === CLOSING) {
        depth--
        if (this.inBatch && depth <= BATCH_DEPTH) this.close(depth, at)
      } else if (byte === COMMA && this.inBatch && depth === BATCH_DEPTH) this.nextItem()
    }
  }

  private reset(): void {
    this.tooDeep = false
    this.escaped = false
    this.suspicious = false
    this.items = -1
    this.inBatch = false
  }

  /** Index of the quote that ends the string. */
  private skipString(body: Uint8Array, start: number): number {
    const length = body.length
    let at = start
    for (; at < length; at++) {
      const byte = body[at]
      if (byte === QUOTE) break
      if (byte !== BACKSLASH) continue
      at++
      if (body[at] === LETTER_U) {
        this.escaped = true
        this.suspicious = true
      }
    }
    const size = at - start
    if (size === 9 || size === 11) {
      const first = body[start]
      if (first === UNDERSCORE || first === LETTER_C || first === LETTER_P) {
        this.compareUnsafe(body, start, at)
      }
    }
    return at
  }

  private compareUnsafe(body: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(body.buffer, body.byteOffset + start, end - start).toString('latin1')
    if (UNSAFE_NAMES.has(text)) this.suspicious = true
  }

  /**
   * A string at the top level, perhaps the name `batch`: then its array's items are noted from
   * here on. Returns where to go on. JSON.parse keeps the last of equal names, and so does this.
   */
  private noteName(body: Uint8Array, start: number, end: number): number {
    const colon = skipSpace(body, end + 1)
    if (body[colon] !== 58) return end
    if (hasBackslash(body, start, end)) {
      // A name spelled with escapes may be `batch`: nothing noted can be trusted.
      this.items = Number.NEGATIVE_INFINITY
      return end
    }
    if (end - start !== BATCH.length || !equals(body, start, BATCH)) return end
    const value = skipSpace(body, colon + 1)
    if (body[value] !== 91 || this.items === Number.NEGATIVE_INFINITY) return end
    this.inBatch = true
    this.items = 0
    this.starts[0] = -1
    return value - 1
  }

  private nextItem(): void {
    this.items++
    if (this.items === this.starts.length) {
      this.starts = grown(this.starts)
      this.ends = grown(this.ends)
    }
    this.starts[this.items] = -1
  }

  private close(depth: number, at: number): void {
    if (depth === BATCH_DEPTH) this.ends[this.items] = at + 1
    else {
      this.inBatch = false
      this.items++
    }
  }
}

function equals(body: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (body[start + i] !== name[i]) return false
  return true
}

function hasBackslash(body: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (body[i] === BACKSLASH) return true
  return false
}

/** Index of the next byte that is not JSON white space. */
export function skipSpace(body: Uint8Array, from: number): number {
  let at = from
  while (body[at] === 32 || body[at] === 10 || body[at] === 13 || body[at] === 9) at++
  return at
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
