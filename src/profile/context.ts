import { MESSAGE_TYPES, NUMBER_FIELDS, STRING_FIELDS } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { eventNameOf } from '../event/vocabulary.ts'
import type { ProfileStore } from './store.ts'

/** A session signal: what the fold makes itself, with the fields that traits may read. */
export interface Signal {
  readonly name: 'Session Started' | 'Session Ended'
  /** Length of the ended session in seconds; 0 for a start. */
  readonly value: number
  /** Events in it. */
  readonly position: number
}

/**
 * What expressions and updates read: a row of the store (set with `store.at`), the instant, and the
 * record or signal at hand. One per evaluator; never shared between threads.
 */
export class Context {
  readonly store: ProfileStore
  /** The instant that values are of, ms since 1970. */
  now = 0
  /** Event time of what is being folded. */
  time = 0
  cursor: RecordCursor = new RecordCursor()
  signal: Signal | null = null
  /** No record is at hand: event fields are absent. */
  silent = true
  private parsedOf: Uint8Array | null = null
  private parsedAt = -1
  private parsed: unknown = null
  /** Last names of paths, of which a definition has few, as they stand in JSON. */
  private readonly quoted = new Map<string, Buffer>()

  constructor(store: ProfileStore) {
    this.store = store
  }

  /** A numeric field of the record or signal; NaN where absent. */
  number(field: number): number {
    if (this.signal !== null) {
      if (field === VALUE) return this.signal.value
      return field === POSITION ? this.signal.position : Number.NaN
    }
    return this.silent ? Number.NaN : this.cursor.number(field)
  }

  text(field: number): string | null {
    if (this.silent || this.signal !== null) return null
    const start = this.cursor.stringStart(field)
    return start < 0 ? null : this.cursor.decode(start, this.cursor.stringEnd(field))
  }

  eventName(): string | null {
    if (this.signal !== null) return this.signal.name
    if (this.silent) return null
    const { eventCode, cursor } = { eventCode: this.cursor.eventCode, cursor: this.cursor }
    return eventCode > 0 ? eventNameOf(eventCode) : cursor.name
  }

  typeName(): string | null {
    return this.silent || this.signal !== null ? null : MESSAGE_TYPES[this.cursor.type]
  }

  /** A value of the message by its path; parses the message at most once a record. */
  path(parts: readonly string[]): unknown {
    if (this.silent || this.signal !== null) return null
    const { bytes, offset } = this.cursor
    if (this.parsedOf !== bytes || this.parsedAt !== offset) {
      if (!this.mayHave(parts)) return null
      this.parsed = JSON.parse(this.cursor.message)
      this.parsedOf = bytes
      this.parsedAt = offset
    }
    let value: unknown = this.parsed
    for (const part of parts) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return null
      value = (value as Record<string, unknown>)[part]
    }
    return value
  }

  /**
   * False only where the message has no such path: its last name does not stand in the text, nor
   * anything that may be another way to write it. A fraction of what parsing costs.
   */
  private mayHave(parts: readonly string[]): boolean {
    const { cursor } = this
    const end = cursor.contentEnd()
    const { buffer, byteOffset } = cursor.bytes
    const { messageStart } = cursor
    const message = Buffer.from(buffer, byteOffset + messageStart, end - messageStart)
    const last = parts[parts.length - 1]
    const quoted = this.quoted.get(last) ?? Buffer.from(JSON.stringify(last))
    this.quoted.set(last, quoted)
    return message.includes(quoted) || message.includes(BACKSLASH)
  }

  /** Forgets the parsed message; call for each new record, for buffers are used again. */
  forget(): void {
    this.parsedOf = null
    this.parsedAt = -1
  }
}

const BACKSLASH = 0x5c
const VALUE = NUMBER_FIELDS.indexOf('value')
const POSITION = NUMBER_FIELDS.indexOf('position')
export const NUMBER_FIELD_INDEX: ReadonlyMap<string, number> = new Map(
  NUMBER_FIELDS.map((name, index) => [name, index]),
)
export const STRING_FIELD_INDEX: ReadonlyMap<string, number> = new Map(
  STRING_FIELDS.map((name, index) => [name, index]),
)
