import type { RecordCursor } from '../event/record.ts'
import { MESSAGE_TYPES, NUMBER_FIELDS, STRING_FIELDS } from '../event/record.ts'
import { eventNameOf } from '../event/vocabulary.ts'
import type { Resolve, Value } from './expression.ts'
import { scalar } from './reader.ts'

/** What a session signal carries in place of a record. */
export interface SessionSignal {
  readonly name: string
  readonly time: number
  /** Seconds of the ended session. */
  readonly value: number
  /** Events in it. */
  readonly position: number
}

/** The event that expressions read: a record, or a session signal. */
export class EventValues {
  private cursor: RecordCursor | null = null
  private signal: SessionSignal | null = null
  private message: unknown = undefined

  record(cursor: RecordCursor): void {
    this.cursor = cursor
    this.signal = null
    this.message = undefined
  }

  session(signal: SessionSignal | null): void {
    this.cursor = null
    this.signal = signal
  }

  /** The message, parsed once a record; null for a signal. */
  parsed(): unknown {
    if (this.cursor === null) return null
    return (this.message ??= JSON.parse(this.cursor.message || '{}'))
  }

  /** Resolves event names, and leaves others to `fallback`. */
  resolver(fallback: Resolve): Resolve {
    return (name, args) => {
      const number = NUMBER_FIELDS.indexOf(name as never)
      if (number >= 0) return () => this.number(number)
      const text = STRING_FIELDS.indexOf(name as never)
      if (text >= 0) {
        return () => {
          const cursor = this.cursor
          return cursor === null || cursor.stringStart(text) < 0 ? null : cursor.text(text)
        }
      }
      if (name === 'time') return () => this.cursor?.eventTime ?? this.signal?.time ?? null
      if (name === 'type') return () => (this.cursor ? MESSAGE_TYPES[this.cursor.type] : null)
      if (name === 'event') return () => this.name()
      if (/^(properties|traits|context)\./.test(name)) {
        const path = name.split('.')
        return () => this.path(path)
      }
      return fallback(name, args)
    }
  }

  private name(): Value {
    if (this.cursor === null) return this.signal?.name ?? null
    return eventNameOf(this.cursor.eventCode) || this.cursor.name || null
  }

  private number(field: number): Value {
    if (this.cursor !== null) {
      const value = this.cursor.number(field)
      return Number.isNaN(value) ? null : value
    }
    if (NUMBER_FIELDS[field] === 'value') return this.signal?.value ?? null
    return NUMBER_FIELDS[field] === 'position' ? (this.signal?.position ?? null) : null
  }

  private path(path: readonly string[]): Value {
    let at: unknown = this.parsed()
    for (const key of path) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return null
      at = (at as Record<string, unknown>)[key]
    }
    return scalar(at)
  }
}
