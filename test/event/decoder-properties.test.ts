import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isObject } from '../../src/event/fields.ts'
import { hashKey, shardOfHash } from '../../src/event/hash.ts'
import { KEY_KIND, MESSAGE_TYPES } from '../../src/event/record.ts'
import type { IngestRoute } from '../../src/protocol/shards.ts'
import { decode } from './decode-fixture.ts'
import type { Decoded, DecodedRecord } from './decode-fixture.ts'

const ROUTES: readonly IngestRoute[] = [...MESSAGE_TYPES, 'batch', 'import', 'stream']
const LIMITS = { eventBytesMax: 2048, batchEventsMax: 20 }

const id = fc.oneof(
  fc.constantFrom('u1', 'u2', 'visitor-1', 'null', '', 'é漢', 7, null, true),
  fc.string({ maxLength: 12 }),
)
const time = fc.oneof(
  fc.constantFrom('2026-06-15T11:59:00.000Z', '2026-06-15T11:59:00Z', 'x', 0, null, '2100-01-01'),
  fc.integer({ min: 1.7e12, max: 1.9e12 }),
)
const properties = fc.oneof(
  fc.record(
    {
      price: fc.oneof(fc.double(), fc.constantFrom('9.90', 'x', -1)),
      currency: fc.constantFrom('EUR', 'usd', 'XXX', 5),
      category: fc.string({ unit: 'grapheme', maxLength: 20 }),
      products: fc.array(fc.record({ price: fc.double(), sku: fc.string() }), { maxLength: 3 }),
      other: fc.jsonValue({ maxDepth: 3 }),
    },
    { requiredKeys: [] },
  ),
  fc.jsonValue({ maxDepth: 1 }),
)
const context = fc.oneof(
  fc.record({ locale: fc.constantFrom('de', 'fr'), page: fc.record({ path: fc.webPath() }) }),
  fc.jsonValue({ maxDepth: 1 }),
)
const message = fc.record(
  {
    type: fc.constantFrom(...MESSAGE_TYPES, 't', 'i', 'merge', 'x'),
    userId: id,
    anonymousId: id,
    previousId: id,
    groupId: id,
    messageId: fc.oneof(fc.uuid(), fc.integer()),
    event: fc.constantFrom('Product Viewed', 'Completed Order', 'Song Played', 5),
    timestamp: time,
    originalTimestamp: time,
    sentAt: time,
    properties,
    traits: properties,
    context,
    integrations: fc.jsonValue({ maxDepth: 1 }),
    writeKey: fc.constant('secret'),
  },
  { requiredKeys: ['type'] },
)

/** Every item is accepted or refused, once; or the whole body is refused. */
function expectOutcome({ frame, records, rejected }: Decoded): void {
  if (frame.error !== null) {
    expect(frame.error.code).toMatch(/^ERR_(BODY|BATCH|EVENT)_/)
    expect([frame.items, records.length, rejected.length]).toEqual([0, 0, 0])
    return
  }
  const indices = [...records, ...rejected].map(({ index }) => index).sort((a, b) => a - b)
  expect(indices).toEqual(Array.from({ length: frame.items }, (_, i) => i))
  for (const { code, reason } of rejected) {
    expect(code).toMatch(/^ERR_EVENT_[A-Z_]+$/)
    expect(reason).not.toBe('')
  }
}

function withoutPlace(record: DecodedRecord): object {
  const { index: _, text: __, ...rest } = record
  return rest
}

describe('FrameDecoder', () => {
  test('never throws and answers for every item, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 })
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '\\u',
      '"batch"',
      '1',
      ' ',
    )
    const soup = fc.array(pieces, { maxLength: 60 }).map((all) => all.join(''))
    const json = fc.json({ maxDepth: 5 })
    const batch = fc.json({ maxDepth: 4 }).map((text) => `{"batch":[${text},${text}]}`)
    const route = fc.constantFrom(...ROUTES)
    fc.assert(
      fc.property(fc.oneof(bytes, soup, json, batch), route, (body, from) => {
        expectOutcome(decode(body, { route: from, shardCount: 3, limits: LIMITS }))
      }),
      { numRuns: 500 },
    )
  })

  test('never throws when a good body is cut or damaged', () => {
    const body = {
      batch: [{ type: 'track', userId: 'u', event: 'Product Viewed' }, { type: 'page' }],
    }
    const good = new TextEncoder().encode(
      JSON.stringify({ ...body, context: { locale: 'é' }, seq: 1 }),
    )
    const at = fc.nat({ max: good.length - 1 })
    fc.assert(
      fc.property(at, fc.nat({ max: 255 }), fc.boolean(), (place, byte, cut) => {
        const bytes = cut ? good.slice(0, place) : good.slice()
        if (!cut) bytes[place] = byte
        expectOutcome(decode(bytes))
      }),
      { numRuns: 500 },
    )
  })

  test('a batch gives what its messages give one by one', () => {
    const space = fc.constantFrom('', ' ', '\n\t ')
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        space,
        fc.nat(3),
        (messages, gap, indent) => {
          const texts = messages.map((item) => JSON.stringify(item, null, indent))
          const whole = decode(
            `{"seq":3,${gap}"batch":[${gap}${texts.join(`${gap},${gap}`)}${gap}]}`,
          )
          expectOutcome(whole)
          const alone = texts.map((text) => decode(text))
          const records = alone.flatMap((one) => one.records)
          expect(whole.records.map(withoutPlace)).toEqual(records.map(withoutPlace))
          expect(whole.records.map(({ text }) => text)).toEqual(records.map(({ text }) => text))
          const reasons = alone.flatMap((one) =>
            one.rejected.map(({ code, reason }) => [code, reason]),
          )
          expect(whole.rejected.map(({ code, reason }) => [code, reason])).toEqual(reasons)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('what the batch gives is as if each message had it', () => {
    // A batch whose own parts hold a name that reaches a prototype is refused whole; see decoder.test.
    const object = fc
      .dictionary(fc.constantFrom('locale', 'page', 'a', 'b'), fc.jsonValue({ maxDepth: 1 }))
      .filter((value) => !/"(__proto__|prototype|constructor)":/.test(JSON.stringify(value)))
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), object, object, (messages, outer, given) => {
        const ownOf = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {})
        const merged = messages.map((item) => ({
          ...item,
          context: { ...outer, ...ownOf(item.context) },
          integrations: { ...given, ...ownOf(item.integrations) },
        }))
        const found = decode({ batch: messages, context: outer, integrations: given })
        const expected = decode({ batch: merged })
        expectOutcome(found)
        expect(found.records.map(withoutPlace)).toEqual(expected.records.map(withoutPlace))
        expect(found.rejected.map(({ code }) => code)).toEqual(
          expected.rejected.map(({ code }) => code),
        )
      }),
      { numRuns: 200 },
    )
  })

  test('keeps each message as it came, its type said in full, without the key', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), (batch) => {
        for (const record of decode({ batch }).records) {
          const { writeKey: _, ...kept } = batch[record.index]
          const expected = JSON.parse(JSON.stringify({ ...kept, type: record.type })) as object
          expect(record.message).toEqual(expected)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('routes by the earlier id where profiles may join, else by the key', () => {
    const shardCount = 5
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), (batch) => {
        for (const { type, key, strings, shard } of decode({ batch }, { shardCount }).records) {
          const [kind, ...rest] = key.split(':')
          const previous = type === 'alias' ? strings.previous_id : strings.anonymous_id
          const joins = kind === 'user' && (type === 'alias' || type === 'identify')
          const own = hashKey(KEY_KIND[kind as 'user' | 'anonymous'], rest.join(':'))
          const hash = joins && previous !== undefined ? hashKey(KEY_KIND.anonymous, previous) : own
          expect(shard).toBe(shardOfHash(hash.high, shardCount))
        }
      }),
      { numRuns: 200 },
    )
  })
})
