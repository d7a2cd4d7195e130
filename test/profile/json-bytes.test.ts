import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonBytes, fragment } from '../../src/profile/json-bytes.ts'

function written(write: (out: JsonBytes) => void): string {
  const out = new JsonBytes(8)
  write(out)
  return out.textFrom()
}

/** As the answers wrote numbers before they were bytes. */
function plainNumber(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  return String(Number.isInteger(value) ? value : Math.round(value * 1e6) / 1e6)
}

/** Half a surrogate pair has no bytes. */
function wellFormed(value: string): string {
  return Buffer.from(value).toString()
}

const text = fc.string({ unit: 'binary', maxLength: 40 })

describe('JsonBytes', () => {
  it.each([
    0,
    -0,
    1,
    9,
    10,
    99,
    100,
    2_147_483_647,
    2_147_483_648,
    -1,
    -10.5,
    0.1,
    0.000001,
    -0.000001,
    4e-7,
    6e-7,
    -4e-7,
    1.0000004,
    0.9999999,
    123.456,
    999_999_999.999_999,
    1e9 + 0.5,
    1e15,
    1e21,
    1e21 + 0.5,
    2 ** 53,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    NaN,
    Infinity,
    -Infinity,
  ])('writes the number %d', (value) => {
    expect(written((out) => out.number(value))).toBe(plainNumber(value))
  })

  it('writes any number as String does with six decimals', () => {
    const number = fc.oneof(
      fc.double(),
      fc.double({ min: -1e10, max: 1e10 }),
      fc.integer().map((n) => n / 1000),
      fc.float(),
    )
    fc.assert(
      fc.property(number, (value) => {
        expect(written((out) => out.number(value))).toBe(plainNumber(value))
      }),
      { numRuns: 5_000 },
    )
  })

  it('writes instants as ISO 8601', () => {
    const ends = [
      '1970-01-01T00:00:00.001Z',
      '2000-02-29T23:59:59.999Z',
      '2100-03-01T00:00:00.000Z',
    ]
    const far = [-1, 253_402_300_799_999, 253_402_300_800_000, 1_700_000_000_000.7]
    for (const ms of [...ends.map(Date.parse), ...far]) {
      expect(written((out) => out.time(ms))).toBe(`"${new Date(ms).toISOString()}"`)
    }
    expect(written((out) => out.time(0))).toBe('null')
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 253_402_300_799_999 }), (ms) => {
        expect(written((out) => out.time(ms))).toBe(`"${new Date(ms).toISOString()}"`)
      }),
      { numRuns: 5_000 },
    )
  })

  it('writes strings as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (value) => {
        expect(written((out) => out.quoted(value))).toBe(JSON.stringify(value))
        const bytes = new TextEncoder().encode(value)
        const inside = JSON.stringify(wellFormed(value)).slice(1, -1)
        expect(written((out) => out.quotedBytes(bytes))).toBe(inside)
        expect(written((out) => out.text(value))).toBe(wellFormed(value))
      }),
      { numRuns: 2_000 },
    )
  })

  it('lays fragments side by side, whatever their lengths, and grows', () => {
    const parts = fc.array(fc.string({ maxLength: 40 }), { maxLength: 60 })
    fc.assert(
      fc.property(parts, (texts) => {
        const whole = texts.map((t) => wellFormed(t)).join('')
        expect(written((out) => texts.forEach((t) => out.fragment(fragment(t))))).toBe(whole)
      }),
    )
  })

  it('hands out copies and starts anew', () => {
    const out = new JsonBytes(8)
    out.text('abc')
    const copy = out.copy(1)
    out.clear()
    out.text('xyz')
    expect([Buffer.from(copy).toString(), out.textFrom(), out.length]).toEqual(['bc', 'xyz', 3])
    out.text('x'.repeat(3 << 20))
    out.clear()
    expect(out.bytes.length).toBeLessThanOrEqual(1 << 20)
  })
})
