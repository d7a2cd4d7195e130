import { hashKey } from '../../src/event/hash.ts'
import {
  createRecordFields,
  KEY_KIND,
  RECORD_FLAG,
  RECORD_KIND,
  type KeyKind,
} from '../../src/event/record.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import type { ReplaySource } from '../../src/model/replay-source.ts'

export interface MadeEvent {
  readonly key: string
  readonly time: number
  readonly name?: string
  readonly shard?: number
  readonly value?: number
  readonly flags?: number
  /** A forward record to this key, such as `user:x`. */
  readonly forwardTo?: string
}

export const HOUR_MS = 3_600_000

/**
 * A journal in memory. Features of a profile: number of its events so far, the last value, and the
 * time they are read at; so that a test sees what was known when.
 */
export function makeSource(events: readonly MadeEvent[], shardCount = 1): ReplaySource {
  return {
    shardCount,
    featureNames: ['events', 'value', 'now'],
    schemaHash: 'made',
    keyHash: (id) => hashKey(kindOf(id), id.slice(id.indexOf(':') + 1)),
    eventMatcher: (event) => (cursor) => cursor.name === event,
    open: (shard) => {
      const own = events.filter((event) => (event.shard ?? 0) === shard)
      const rows = new Map<string, number>()
      const counts: number[] = []
      const values: number[] = []
      return {
        shard,
        records: own.length,
        *blocks() {
          for (let first = 0; first < own.length; first += 100) {
            yield makeBlock(own.slice(first, first + 100), first)
          }
        },
        apply(cursor) {
          const row = rows.get(cursor.key) ?? rows.size
          rows.set(cursor.key, row)
          counts[row] = (counts[row] ?? 0) + 1
          values[row] = cursor.number(0)
          return row
        },
        writeFeatures(row, now, out, offset) {
          out.set([counts[row], values[row], now / HOUR_MS], offset)
        },
        close: () => undefined,
      }
    },
  }
}

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
    fields.numberMask = 1
    fields.numbers[0] = event.value ?? 0
    return writer.append(fields)
  })
  return { firstSequence, count: events.length, bytes: writer.take(), offsets }
}

function kindOf(id: string): KeyKind {
  return id.startsWith('anonymous') ? KEY_KIND.anonymous : KEY_KIND.user
}

export const BOT = RECORD_FLAG.bot
export const IMPORTED = RECORD_FLAG.imported
