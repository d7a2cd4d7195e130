import { hashKey } from '../../src/event/hash.ts'
import type { RecordCursor } from '../../src/event/record-cursor.ts'
import {
  createRecordFields,
  KEY_KIND,
  NUMBER_FIELDS,
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
  type KeyKind,
} from '../../src/event/record.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import type { ReplaySource } from '../../src/model/dataset/replay-source.ts'
import { categoryCode } from '../../src/profile/category-code.ts'
import { compileExpression, isTrue, parseExpression } from '../../src/profile/expression.ts'
import type { Value } from '../../src/profile/expression.ts'
import type { Feature } from '../../src/profile/feature-vector.ts'

export interface MadeEvent {
  readonly key: string
  readonly time: number
  readonly name?: string
  readonly shard?: number
  readonly value?: number
  readonly category?: string
  readonly flags?: number
  /** A forward record to this key, such as `user:x`. */
  readonly forwardTo?: string
}

export const HOUR_MS = 3_600_000

const SESSION_MS = 30 * 60_000
const CATEGORY = STRING_FIELDS.indexOf('category')
const VALUE = NUMBER_FIELDS.indexOf('value')

interface MadeProfile {
  events: number
  value: number
  category: string
  session: number
  last: number
}

/**
 * A journal in memory. Features of a profile: number of its events so far, the last value, the time
 * they are read at, and the last category; so that a test sees what was known when. Expressions read
 * `value`, `category`, and the profile's `events`.
 */
export function makeSource(
  events: readonly MadeEvent[],
  shardCount = 1,
  blockRecords = 100,
): ReplaySource {
  return {
    shardCount,
    features: FEATURES,
    schemaHash: 'made',
    keyHash: (id) => hashKey(kindOf(id), id.slice(id.indexOf(':') + 1)),
    open: (shard, expressions) => {
      const own = events.filter((event) => (event.shard ?? 0) === shard)
      const rows = new Map<string, number>()
      const profiles: MadeProfile[] = []
      const texts = new Set<string>()
      let event: RecordCursor | null = null
      let row = 0
      const compiled = (text: string | null) => {
        if (text === null) return null
        return compileExpression(parseExpression(text), (name) => (): Value => {
          if (name === 'events') return profiles[row].events
          if (event === null) return null
          return name === 'category' ? event.text(CATEGORY) : event.number(VALUE)
        })
      }
      const where = compiled(expressions.where)
      const value = compiled(expressions.value)
      const exclude = compiled(expressions.exclude)
      const at = (of: number, cursor: RecordCursor | null): void => {
        row = of
        event = cursor
      }
      return {
        shard,
        records: own.length,
        *blocks() {
          for (let first = 0; first < own.length; first += blockRecords) {
            yield makeBlock(own.slice(first, first + blockRecords), first)
          }
        },
        apply(cursor) {
          const found = rows.get(cursor.key) ?? rows.size
          rows.set(cursor.key, found)
          const { eventTime: time } = cursor
          const made = { events: 0, value: 0, category: '', session: 0, last: -Infinity }
          const profile = (profiles[found] ??= made)
          if ((cursor.flags & BOT) === 0) {
            profile.session = time - profile.last > SESSION_MS ? 1 : profile.session + 1
            profile.last = time
          }
          profile.events++
          profile.value = cursor.number(VALUE)
          profile.category = cursor.text(CATEGORY)
          texts.add(profile.category)
          return found
        },
        matches: (cursor) => (at(row, cursor), where === null || isTrue(where())),
        valueOf: (cursor) => (at(row, cursor), value === null ? null : value()),
        excludesEvent: (of, cursor) => (at(of, cursor), exclude !== null && isTrue(exclude())),
        excludesAt: (of) => (at(of, null), exclude !== null && isTrue(exclude())),
        sessionEvents: (of) => profiles[of].session,
        writeFeatures(of, now, out, offset) {
          const profile = profiles[of]
          const code = categoryCode(profile.category)
          out.set([profile.events, profile.value, now / HOUR_MS, code], offset)
        },
        texts: () => texts,
        close: () => undefined,
      }
    },
  }
}

const FEATURES: readonly Feature[] = [
  { name: 'events', kind: 'number', step: null },
  { name: 'value', kind: 'number', step: null },
  { name: 'now', kind: 'number', step: null },
  { name: 'category', kind: 'category', step: null },
]

function makeBlock(events: readonly MadeEvent[], firstSequence: number) {
  const writer = new RecordWriter()
  const fields = createRecordFields()
  const offsets = events.map((event, i) => {
    fields.kind = event.forwardTo === undefined ? RECORD_KIND.event : RECORD_KIND.forward
    fields.keyKind = kindOf(event.key)
    fields.key = event.key
    fields.messageId = `m-${event.shard ?? 0}-${firstSequence + i}`
    fields.name = event.forwardTo ?? event.name ?? 'Viewed'
    fields.flags = event.flags ?? 0
    fields.eventTime = event.time
    fields.arrivalTime = event.time
    fields.numberMask = 1 << VALUE
    fields.numbers[VALUE] = event.value ?? 0
    fields.stringMask = event.category === undefined ? 0 : 1 << CATEGORY
    fields.strings[CATEGORY] = event.category ?? ''
    return writer.append(fields)
  })
  return { firstSequence, count: events.length, bytes: writer.take(), offsets }
}

function kindOf(id: string): KeyKind {
  return id.startsWith('anonymous') ? KEY_KIND.anonymous : KEY_KIND.user
}

export const BOT = RECORD_FLAG.bot
export const IMPORTED = RECORD_FLAG.imported
