import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EARLIEST_MS, FUTURE_MAX_MS, eventTimeOf, parseTime } from '../../src/event/clock.ts'

const NOW = Date.UTC(2026, 5, 15, 12)
const CONTEXT = { sentAt: Number.NaN, receivedAt: NOW, historical: false }

describe('parseTime', () => {
  test.each([
    ['2024-02-29T23:59:59.999Z', '2024-02-29T23:59:59.999Z'],
    ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59.000Z'],
    ['2024-02-29T23:59:59.123456Z', '2024-02-29T23:59:59.123Z'],
    ['2024-02-29T23:59:59+02:00', '2024-02-29T21:59:59.000Z'],
    ['2024-02-29T23:59:59.5-0530', '2024-03-01T05:29:59.500Z'],
    ['2024-02-29T23:59+01', '2024-02-29T22:59:00.000Z'],
    ['2024-02-29 23:59:59', '2024-02-29T23:59:59.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00:00.000Z', '2000-02-29T00:00:00.000Z'],
  ])('%s is %s', (text, iso) => {
    expect(new Date(parseTime(text)).toISOString()).toBe(iso)
  })

  test.each([
    '2024-02-30T00:00:00.000Z',
    '2023-02-29T00:00:00.000Z',
    '1900-02-29T00:00:00.000Z',
    '2024-13-01T00:00:00.000Z',
    '2024-00-01T00:00:00.000Z',
    '2024-01-00T00:00:00.000Z',
    '2024-04-31',
    '2024-01-01T24:00:00.000Z',
    '2024-01-01T00:60:00.000Z',
    '2024-01-01T00:00:60.000Z',
    '2024-01-01X00:00:00.000Z',
    '2024/01/01T00:00:00.000Z',
    '2024-01-01T00-00-00.000Z',
    '2024-01-01T00:00:00x000Z',
    '2024-01-01T00:00:00.0x0Z',
    '2024-01-01T00:00:00.00xZ',
    '2024-01-01T00:00:0 .000Z',
    '2024-01-01T00:00:00+25:00',
    '1718445600000',
    'yesterday',
    '',
    null,
    undefined,
    true,
    {},
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('%s is no time', (value) => {
    expect(parseTime(value)).toBeNaN()
  })

  test('reads every time as Date writes it', () => {
    const range = { min: Date.UTC(0, 0), max: Date.UTC(9999, 11, 31) }
    fc.assert(
      fc.property(fc.integer(range), (ms) => {
        expect(parseTime(new Date(ms).toISOString())).toBe(ms)
        expect(parseTime(ms)).toBe(ms)
      }),
    )
  })

  test('accepts no day that Date does not know, and each that it knows', () => {
    const part = fc.integer({ min: 0, max: 40 }).map((n) => String(n).padStart(2, '0'))
    const year = fc.integer({ min: 1800, max: 2400 })
    fc.assert(
      fc.property(year, part, part, (y, month, day) => {
        const text = `${y}-${month}-${day}T01:02:03.004Z`
        const date = new Date(text)
        const exists = !Number.isNaN(date.getTime()) && date.toISOString() === text
        expect(Number.isNaN(parseTime(text))).toBe(!exists)
      }),
    )
  })
})

describe('eventTimeOf', () => {
  test('takes the time of receipt where none is given', () => {
    expect(eventTimeOf({}, CONTEXT)).toBe(NOW)
    expect(eventTimeOf({ timestamp: null }, CONTEXT)).toBe(NOW)
  })

  test('corrects any client clock: the delay counts, not the clock', () => {
    const skew = fc.integer({ min: -60 * 365 * 86_400_000, max: 60 * 365 * 86_400_000 })
    const delay = fc.integer({ min: 0, max: 30 * 86_400_000 })
    fc.assert(
      fc.property(skew, delay, fc.boolean(), fc.boolean(), (offset, late, own, original) => {
        const sent = NOW + offset
        const name = original ? 'originalTimestamp' : 'timestamp'
        const message = { [name]: sent - late, ...(own ? { sentAt: sent } : {}) }
        const context = { ...CONTEXT, sentAt: own ? Number.NaN : sent }
        expect(eventTimeOf(message, context)).toBe(NOW - late)
      }),
    )
  })

  test('a client clock at 1970 is correctable', () => {
    const message = { originalTimestamp: '1970-01-01T00:00:01Z', sentAt: '1970-01-01T00:00:03Z' }
    expect(eventTimeOf(message, CONTEXT)).toBe(NOW - 2000)
  })

  test('ignores a sentAt that cannot be read, and takes the batch’s instead', () => {
    const message = { timestamp: NOW - 5000, sentAt: 'soon' }
    expect(eventTimeOf(message, CONTEXT)).toBe(NOW - 5000)
    expect(eventTimeOf(message, { ...CONTEXT, sentAt: NOW - 1000 })).toBe(NOW - 4000)
  })

  test('originalTimestamp goes before timestamp', () => {
    const message = { originalTimestamp: NOW - 9000, timestamp: NOW - 1000 }
    expect(eventTimeOf(message, CONTEXT)).toBe(NOW - 9000)
  })

  test('history is taken as given and needs a timestamp', () => {
    const context = { sentAt: NOW - 1000, receivedAt: NOW, historical: true }
    expect(eventTimeOf({ timestamp: NOW - 5000, sentAt: NOW - 1 }, context)).toBe(NOW - 5000)
    expect(eventTimeOf({}, context)).toMatchObject({ code: 'ERR_EVENT_TIMESTAMP' })
  })

  test('refuses what is not a time and what cannot be true', () => {
    const range = { code: 'ERR_EVENT_TIME_RANGE' }
    expect(eventTimeOf({ timestamp: 'x' }, CONTEXT)).toMatchObject({ code: 'ERR_EVENT_TIMESTAMP' })
    expect(eventTimeOf({ timestamp: {} }, CONTEXT)).toMatchObject({ code: 'ERR_EVENT_TIMESTAMP' })
    expect(eventTimeOf({ timestamp: EARLIEST_MS - 1 }, CONTEXT)).toMatchObject(range)
    expect(eventTimeOf({ timestamp: EARLIEST_MS }, CONTEXT)).toBe(EARLIEST_MS)
    expect(eventTimeOf({ timestamp: NOW + FUTURE_MAX_MS + 1 }, CONTEXT)).toMatchObject(range)
    expect(eventTimeOf({ timestamp: NOW + FUTURE_MAX_MS }, CONTEXT)).toBe(NOW)
    expect(eventTimeOf({ timestamp: '2100-01-01T00:00:00Z' }, CONTEXT)).toMatchObject(range)
    expect(eventTimeOf({ timestamp: 1e300 }, CONTEXT)).toMatchObject(range)
  })
})
