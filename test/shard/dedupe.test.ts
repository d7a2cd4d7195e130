import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DedupeWindow } from '../../src/shard/dedupe.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1, 7)
const AMPLE = 1 << 24

/** Hashes of which many share a table and a slot. */
const hash = fc.record({
  low: fc.constantFrom(0, 1, 64, 128, 4096, 0xffff_ffff),
  high: fc.constantFrom(0, 1, 2, 0xfc00_0000, 0xffff_ffff),
})

/** Spreads small numbers over all bits, as the hash of a message id does. */
function spread(n: number): { low: number; high: number } {
  const low = Math.imul(n + 1, 0x9e37_79b1)
  const high = Math.imul(low ^ (low >>> 15), 0x85eb_ca6b)
  return { low: low >>> 0, high: (high ^ (high >>> 13)) >>> 0 }
}

describe('DedupeWindow', () => {
  it('agrees with a map of times within the horizon', () => {
    const step = fc.record({ hash, minutes: fc.nat(200) })
    const property = fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, hours) => {
        const window = new DedupeWindow({ hours, memoryBytesMax: AMPLE, nowMs: START })
        const model = new Map<string, number>()
        let now = START
        for (const {
          hash: { low, high },
          minutes,
        } of steps) {
          now += minutes * 60_000
          const hour = Math.floor(now / HOUR)
          const known = (model.get(`${low} ${high}`) ?? Number.NEGATIVE_INFINITY) > hour - hours
          expect(window.has(low, high, now)).toBe(known)
          expect(window.add(low, high, now)).toBe(!known)
          expect(window.has(low, high, now)).toBe(true)
          if (!known) model.set(`${low} ${high}`, hour)
        }
        expect(window.horizonHours).toBe(hours)
      },
    )
    fc.assert(property)
  })

  it('keeps everything while it grows', () => {
    const window = new DedupeWindow({ hours: 24, memoryBytesMax: AMPLE, nowMs: START })
    const count = 100_000
    for (let n = 0; n < count; n++) {
      const { low, high } = spread(n)
      expect(window.add(low, high, START + n * 10)).toBe(true)
    }
    for (let n = 0; n < count; n++) {
      const { low, high } = spread(n)
      expect(window.add(low, high, START + HOUR)).toBe(false)
    }
    expect(window.size).toBe(count)
    expect(window.horizonHours).toBe(24)
    expect(window.bytes).toBeLessThanOrEqual(AMPLE)
  })

  it('drops what is past the horizon when a table is full, and does not grow for it', () => {
    const window = new DedupeWindow({ hours: 2, memoryBytesMax: AMPLE, nowMs: START })
    let n = 0
    for (let hour = 0; hour < 40; hour++) {
      for (let i = 0; i < 2000; i++, n++) {
        const { low, high } = spread(n)
        expect(window.add(low, high, START + hour * HOUR)).toBe(true)
      }
    }
    expect(window.horizonHours).toBe(2)
    expect(window.size).toBeLessThan(20_000)
  })

  it('forgets the oldest hours first at the memory bound and says so', () => {
    const memoryBytesMax = 64 * 256 * 10
    const window = new DedupeWindow({ hours: 24, memoryBytesMax, nowMs: START })
    const perHour = 1000
    const hours = 20
    for (let n = 0; n < perHour * hours; n++) {
      const { low, high } = spread(n)
      window.add(low, high, START + Math.floor(n / perHour) * HOUR)
      if (n % 997 === 0) expect(window.bytes).toBeLessThanOrEqual(memoryBytesMax)
    }
    const now = START + (hours - 1) * HOUR
    expect(window.horizonHours).toBeLessThan(24)
    expect(window.horizonHours).toBeGreaterThan(0)
    for (let n = 0; n < perHour * hours; n++) {
      const { low, high } = spread(n)
      const age = hours - 1 - Math.floor(n / perHour)
      if (age < window.horizonHours) expect(window.has(low, high, now)).toBe(true)
    }
    const { low, high } = spread(0)
    expect(window.has(low, high, now)).toBe(false)
  })

  it('goes on without forgetting the present when one hour alone is too much', () => {
    const memoryBytesMax = 64 * 64 * 10
    const window = new DedupeWindow({ hours: 24, memoryBytesMax, nowMs: START })
    for (let n = 0; n < 20_000; n++) {
      const { low, high } = spread(n)
      expect(window.add(low, high, START)).toBe(true)
      expect(window.has(low, high, START)).toBe(true)
    }
    expect(window.horizonHours).toBe(0)
    expect(window.bytes).toBeLessThanOrEqual(memoryBytesMax)
  })
})
