import { expect, test } from 'vitest'
import { createRecordFields } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { EventExpressions } from '../../src/profile/event-expressions.ts'
import { Fold } from '../../src/profile/fold.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { recordOf } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const START = Date.UTC(2026, 2, 2, 9)
const HOUR = 3_600_000

const compiled = compileDefinition(loadProfileConfig('config/profile.yaml').definition)

function setUp() {
  const store = new ProfileStore(compiled)
  const fold = new Fold(compiled, store)
  const cursor = new RecordCursor()
  const apply = (event: Partial<MadeEvent>): number => {
    const made = {
      key: 'a',
      type: 'track',
      name: 'Order Completed',
      time: START,
      ...event,
    } as const
    const row = store.ensureRecord(cursor.over(recordOf(made)).at(0))
    fold.apply(row, cursor)
    return row
  }
  return { store, apply, cursor, expressions: new EventExpressions(store) }
}

test('conditions and values are of the event at hand', () => {
  const { apply, cursor, expressions } = setUp()
  const large = expressions.condition('revenue > 50 and properties.gift == null')
  const value = expressions.value('coalesce(revenue, total)')
  const text = expressions.value('category')
  apply({ numbers: { revenue: 60 }, strings: { category: 'shoes' } })
  expect([large(cursor), value(cursor), text(cursor)]).toEqual([true, 60, 'shoes'])
  apply({ numbers: { total: 70 }, properties: { gift: 'yes' } })
  expect([large(cursor), value(cursor), text(cursor)]).toEqual([false, 70, null])
})

test('an exclusion sees the event, the profile and its attributes, whether or not there is an event', () => {
  const { apply, cursor, expressions } = setUp()
  const refused = expressions.exclusion('traits.consent == false')
  const rich = expressions.exclusion('spend > 100 or revenue > 40')
  const recent = expressions.exclusion('seconds_since_order < 1h')
  const row = apply({ numbers: { revenue: 50 } })
  expect([refused(row, START, cursor), rich(row, START, cursor)]).toEqual([false, true])
  expect(rich(row, START, null)).toBe(false)
  expect([recent(row, START + HOUR - 1, null), recent(row, START + HOUR, null)]).toEqual([
    true,
    false,
  ])
  apply({ type: 'identify', traits: { consent: false } })
  expect([refused(row, START, cursor), refused(row, START, null)]).toEqual([true, true])
  const other = apply({ key: 'b', numbers: { revenue: 5 } })
  expect([refused(other, START, cursor), rich(other, START, cursor)]).toEqual([false, false])
})

test('asking changes nothing that the fold does next', () => {
  const asked = setUp()
  const plain = setUp()
  const exclude = asked.expressions.exclusion('spend > 1 or properties.a == 1')
  for (let i = 0; i < 20; i++) {
    const event = { time: START + i * 7 * 60_000 * (i % 5), numbers: { revenue: i } }
    const row = asked.apply(event)
    exclude(row, START + i, asked.cursor)
    exclude(row, START + 40 * HOUR, null)
    plain.apply(event)
  }
  const bytes = ({ store }: typeof asked) => Buffer.from(store.rowPage(0).u8)
  expect(bytes(asked).equals(bytes(plain))).toBe(true)
})

test('session events are those of the open session', () => {
  const { store, apply } = setUp()
  expect(store.sessionEvents(apply({ name: 'Product Viewed' }))).toBe(1)
  expect(store.sessionEvents(apply({ name: 'Product Viewed', time: START + 60_000 }))).toBe(2)
  expect(store.sessionEvents(apply({ name: 'Product Viewed', time: START + HOUR }))).toBe(1)
})

test('a path is found however its message is written', () => {
  const { apply, cursor, expressions } = setUp()
  const value = expressions.value('properties.deep')
  const names = ['deep', 'DEEP', 'de', 'deeper']
  const found = names.map((name) => {
    apply({ properties: { [name]: 1, other: 'x' } })
    return value(cursor)
  })
  expect(found).toEqual([1, null, null, null])
  const writer = new RecordWriter(1024)
  const fields = createRecordFields()
  fields.key = 'a'
  fields.message = String.raw`{"properties":{"d\u0065ep":2}}`
  writer.append(fields)
  expect(value(cursor.over(writer.take()).at(0))).toBe(2)
})
