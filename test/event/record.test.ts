import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashBytes, hashKey, hashKeyInto, shardOfHash } from '../../src/event/hash.ts'
import {
  KEY_KIND,
  NUMBER_FIELDS,
  RECORD_FLAG,
  RECORD_KIND,
  STRING_FIELDS,
  createRecordFields,
} from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { RecordWriter } from '../../src/event/record-writer.ts'
import type { RecordFields } from '../../src/event/record.ts'

const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom('a', 'Z', '0', ' ', 'é', '漢', '🛒', '"', '\u0000'),
    maxLength,
  })
const real = fc.double({ noNaN: true })
const amount = fc.oneof(fc.double({ noNaN: true }), fc.constant(Number.NaN))
const product = fc.record({
  price: amount,
  quantity: amount,
  productId: text(20),
  category: text(20),
  brand: text(20),
})

const made: fc.Arbitrary<RecordFields> = fc
  .record({
    kind: fc.constantFrom(...Object.values(RECORD_KIND)),
    type: fc.integer({ min: 0, max: 5 }),
    flags: fc.integer({ min: 0, max: 7 }),
    eventTime: fc.integer({ min: 0, max: 4e12 }),
    arrivalTime: fc.integer({ min: 0, max: 4e12 }),
    keyKind: fc.constantFrom(KEY_KIND.user, KEY_KIND.anonymous),
    key: text(150),
    messageId: text(40),
    eventCode: fc.integer({ min: 0, max: 40 }),
    name: text(40),
    numberMask: fc.integer({ min: 0, max: 2 ** NUMBER_FIELDS.length - 1 }),
    numbers: fc.array(real, { minLength: NUMBER_FIELDS.length, maxLength: NUMBER_FIELDS.length }),
    stringMask: fc.integer({ min: 0, max: 2 ** STRING_FIELDS.length - 1 }),
    strings: fc.array(text(120), {
      minLength: STRING_FIELDS.length,
      maxLength: STRING_FIELDS.length,
    }),
    products: fc.array(product, { maxLength: 4 }),
    message: text(300),
    bytes: text(300),
  })
  .map(({ bytes, numbers, ...fields }) => {
    const messageBytes = new TextEncoder().encode(`<${bytes}>`)
    return {
      ...createRecordFields(),
      ...fields,
      numbers: Float64Array.from(numbers),
      messageBytes,
      messageStart: 1,
      messageEnd: messageBytes.length - 1,
    }
  })

function expectSame(cursor: RecordCursor, fields: RecordFields): void {
  const { kind, type, flags, eventTime, arrivalTime, eventCode } = fields
  expect(cursor).toMatchObject({ kind, type, flags, eventTime, arrivalTime, eventCode })
  expect(cursor.messageId).toBe(fields.messageId)
  expect(cursor.name).toBe(fields.name)
  NUMBER_FIELDS.forEach((_, i) => {
    const present = (fields.numberMask & (1 << i)) !== 0
    expect(cursor.number(i)).toBe(present ? fields.numbers[i] : Number.NaN)
  })
  STRING_FIELDS.forEach((_, i) => {
    const present = (fields.stringMask & (1 << i)) !== 0
    expect(cursor.stringStart(i) >= 0).toBe(present)
    expect(cursor.text(i)).toBe(present ? fields.strings[i] : '')
  })
  const products: unknown[] = []
  cursor.eachProduct((price, quantity, id, idEnd, category, categoryEnd, brand, brandEnd) => {
    products.push({
      price,
      quantity,
      productId: cursor.decode(id, idEnd),
      category: cursor.decode(category, categoryEnd),
      brand: cursor.decode(brand, brandEnd),
    })
  })
  expect(products).toEqual(fields.products)
  const first = fields.messageBytes.subarray(fields.messageStart, fields.messageEnd)
  expect(cursor.message).toBe(new TextDecoder().decode(first) + fields.message)
}

describe('records', () => {
  test('a cursor reads back what a writer wrote', () => {
    fc.assert(
      fc.property(fc.array(made, { minLength: 1, maxLength: 5 }), (all) => {
        const writer = new RecordWriter(8)
        const offsets = all.map((fields) => writer.append(fields))
        expect(writer.count).toBe(all.length)
        const total = writer.length
        const cursor = new RecordCursor().over(writer.take())
        let next = 0
        all.forEach((fields, i) => {
          cursor.at(offsets[i])
          expect(offsets[i]).toBe(next)
          expect(cursor.byteLength % 8).toBe(0)
          next += cursor.byteLength
          expectSame(cursor, fields)
          expect(cursor.key).toBe(fields.key)
          expect(cursor.keyKind).toBe(fields.keyKind)
          expect(cursor.previousSequence).toBe(-1)
          const hash = hashKey(fields.keyKind, fields.key)
          expect([cursor.keyHashLow, cursor.keyHashHigh]).toEqual([hash.low, hash.high])
          const hasMessageHash = cursor.messageHashLow !== 0 || cursor.messageHashHigh !== 0
          expect(hasMessageHash).toBe(fields.messageId !== '')
        })
        expect(next).toBe(total)
      }),
      { numRuns: 60 },
    )
  })

  test('a rekeyed record differs in its key and keeps where it came under; a copy in nothing', () => {
    fc.assert(
      fc.property(made, text(150), (fields, key) => {
        const source = new RecordWriter(8)
        source.append(fields)
        const bytes = source.take()
        const cursor = new RecordCursor().over(bytes).at(0)
        cursor.previousSequence = 42
        const writer = new RecordWriter(8)
        const copyAt = writer.appendBytes(bytes, 0, cursor.byteLength)
        const hash = hashKey(KEY_KIND.user, key)
        const encoded = new TextEncoder().encode(key)
        const movedAt = writer.appendRekeyed(cursor, KEY_KIND.user, encoded, hash)
        const moved = new RecordCursor().over(writer.bytes).at(movedAt)
        const further = new TextEncoder().encode('third')
        const againAt = writer.appendRekeyed(moved, KEY_KIND.user, further, hash)
        const read = new RecordCursor().over(writer.take())
        expectSame(read.at(copyAt), fields)
        expect(read.origin).toEqual({ kind: fields.keyKind, key: fields.key })
        expect(read.previousSequence).toBe(42)
        expectSame(read.at(againAt), { ...fields, flags: fields.flags | RECORD_FLAG.origin })
        expect(read.key).toBe('third')
        expect(read.origin).toEqual({ kind: fields.keyKind, key: fields.key })
        expectSame(read.at(movedAt), { ...fields, flags: fields.flags | RECORD_FLAG.origin })
        expect(read.origin).toEqual({ kind: fields.keyKind, key: fields.key })
        expect(read.key).toBe(key)
        expect(read.keyHashHigh).toBe(hash.high)
        expect(read.previousSequence).toBe(-1)
      }),
      { numRuns: 60 },
    )
  })

  test('a given key hash is taken as it is, 0,0 is made', () => {
    const fields = createRecordFields()
    fields.key = 'ana'
    fields.keyHash = { low: 5, high: 6 }
    const writer = new RecordWriter()
    writer.append(fields)
    fields.keyHash = { low: 0, high: 0 }
    const second = writer.append(fields)
    const cursor = new RecordCursor().over(writer.bytes)
    expect(cursor.at(0).keyHashLow).toBe(5)
    expect(cursor.at(second).keyHashLow).toBe(hashKey(KEY_KIND.user, 'ana').low)
  })

  test('a stale byte never stays in the padding', () => {
    const writer = new RecordWriter()
    writer.bytes.fill(255)
    const fields = createRecordFields()
    fields.key = 'abc'
    writer.append(fields)
    expect([...writer.bytes.subarray(75, writer.length)]).toEqual(Array(writer.length - 75).fill(0))
  })

  test('truncate takes records back', () => {
    const writer = new RecordWriter()
    const fields = createRecordFields()
    fields.key = 'a'
    writer.append(fields)
    const before = writer.length
    writer.append(fields)
    writer.truncate(before, 1)
    expect(writer).toMatchObject({ length: before, count: 1 })
  })

  test('flags and previous sequence can be set in place', () => {
    const writer = new RecordWriter()
    const fields = createRecordFields()
    writer.append(fields)
    const cursor = new RecordCursor().over(writer.bytes).at(0)
    cursor.setFlags(RECORD_FLAG.imported)
    cursor.previousSequence = 7
    const again = new RecordCursor().over(writer.bytes).at(0)
    expect(again.flags).toBe(RECORD_FLAG.imported)
    expect(again.previousSequence).toBe(7)
  })
})

describe('key hashes', () => {
  test('are those of the UTF-8 bytes, whatever the key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (key) => {
        const bytes = new TextEncoder().encode(key)
        const expected = { low: 0, high: 0 }
        hashBytes(bytes, 0, bytes.length, KEY_KIND.anonymous, expected)
        const found = { low: 0, high: 0 }
        hashKeyInto(KEY_KIND.anonymous, key, found)
        expect(found).toEqual(expected)
      }),
    )
  })

  test('kinds are apart, none is 0,0, and shards share keys evenly', () => {
    expect(hashKey(KEY_KIND.user, 'a')).not.toEqual(hashKey(KEY_KIND.anonymous, 'a'))
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 8000; i++) {
      const hash = hashKey(KEY_KIND.user, `user-${i}`)
      expect(hash.low !== 0 || hash.high !== 0).toBe(true)
      counts[shardOfHash(hash.high, 4)]++
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
  })
})
