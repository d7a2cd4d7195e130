import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DedupeWindow } from '../../src/shard/dedupe.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1, 7)
const AMPLE = 1 << 22
const SMALL = 1 << 14

/** Hashes of which many share halves. */
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

function add(window: DedupeWindow, n: number, times: { at: number; now: number }): boolean {
  const { low, high } = spread(n)
  return window.add(low, high, times.at, times.now)
}

function has(window: DedupeWindow, n: number, now: number): boolean {
  const { low, high } = spread(n)
  return window.has(low, high, now)
}

/** All ids that were added, with their arrivals, however long ago. */
class Ledger {
  readonly arrivals = new Map<number, number>()

  /** Adds to both; what the window says must be true by what is promised, and its size bounded. */
  add(window: DedupeWindow, n: number, times: { at: number; now: number }): void {
    const { at, now } = times
    const before = this.arrivals.get(n) ?? Number.NEGATIVE_INFINITY
    const horizon = window.horizonMs(now)
    const added = add(window, n, times)
    if (added && before > now - horizon) expect.unreachable('a repeat within the horizon')
    if (!added && !this.arrivals.has(n)) expect.unreachable('a repeat of what never came')
    if (added) this.arrivals.set(n, at)
  }

  /** Every id that arrived within the stated horizon is known. */
  check(window: DedupeWindow, now: number): void {
    const horizon = window.horizonMs(now)
    for (const [n, at] of this.arrivals) {
      if (at > now - horizon && !has(window, n, now)) {
        expect.unreachable(`${n} of ${now - at} ms ago, of a horizon of ${horizon} ms`)
      }
    }
  }
}

describe('DedupeWindow with memory to spare', () => {
  it('agrees to the millisecond with a map of arrivals, also of ids that come late', () => {
    const horizonMs = 1000
    const step = fc.record({ hash, passed: fc.nat(700), late: fc.nat(1200) })
    const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const window = new DedupeWindow({ horizonMs, memoryBytesMax: AMPLE })
      const model = new Map<string, number>()
      let now = START
      for (const { hash: id, passed, late } of steps) {
        now += passed
        const at = now - (late < 600 ? 0 : late)
        const key = `${id.low} ${id.high}`
        const known = (model.get(key) ?? Number.NEGATIVE_INFINITY) > now - horizonMs
        expect(window.has(id.low, id.high, now)).toBe(known)
        expect(window.add(id.low, id.high, at, now)).toBe(!known)
        // A repeat does not extend the time; what is past the horizon already is not added.
        if (!known) model.set(key, at)
        const knownNow = (model.get(key) ?? 0) > now - horizonMs
        expect(window.has(id.low, id.high, now)).toBe(knownNow)
        expect(window.horizonMs(now)).toBe(horizonMs)
      }
    })
    fc.assert(property)
  })

  it('keeps everything while it grows, in memory that grows with it', () => {
    const window = new DedupeWindow({ horizonMs: DAY, memoryBytesMax: AMPLE })
    const count = 200_000
    const empty = window.bytes
    for (let n = 0; n < count; n++) {
      const now = START + n * 10
      if (!add(window, n, { at: now, now })) expect.unreachable(`${n} is new`)
      if (n === 10_000) expect(window.bytes).toBeLessThan(AMPLE / 4)
    }
    const now = START + HOUR
    for (let n = 0; n < count; n++) {
      if (add(window, n, { at: now, now })) expect.unreachable(`${n} is known`)
    }
    expect(empty).toBeLessThan(AMPLE / 20)
    expect(window.size).toBe(count)
    expect(window.horizonMs(now)).toBe(DAY)
    expect(window.bytes).toBeLessThanOrEqual(AMPLE)
  })

  it('knows an id until the horizon after its first arrival, whatever comes in between', () => {
    const window = new DedupeWindow({ horizonMs: HOUR, memoryBytesMax: AMPLE })
    expect(add(window, 1, { at: START, now: START })).toBe(true)
    for (let t = START; t < START + HOUR; t += HOUR / 8) {
      expect(add(window, 1, { at: t, now: t })).toBe(false)
    }
    const last = START + HOUR - 1
    expect(has(window, 1, last)).toBe(true)
    expect(has(window, 1, last + 1)).toBe(false)
    expect(add(window, 1, { at: last + 1, now: last + 1 })).toBe(true)
  })

  it('gives back what is past the horizon', () => {
    const window = new DedupeWindow({ horizonMs: HOUR, memoryBytesMax: AMPLE })
    for (let n = 0; n < 100_000; n++) add(window, n, { at: START, now: START })
    const full = window.bytes
    const now = START + HOUR
    add(window, 100_000, { at: now, now })
    expect(window.size).toBe(1)
    expect(window.bytes).toBeLessThan(full / 2)
  })

  it('takes a clock that runs back to stand still', () => {
    const window = new DedupeWindow({ horizonMs: HOUR, memoryBytesMax: AMPLE })
    add(window, 1, { at: START, now: START })
    add(window, 2, { at: START - DAY, now: START - DAY })
    expect(has(window, 1, START - DAY)).toBe(true)
    expect(window.horizonMs(START - DAY)).toBe(HOUR)
    expect(add(window, 1, { at: START + HOUR, now: START })).toBe(false)
  })

  it('goes on through months of little traffic and of none', () => {
    const horizonMs = 7 * DAY
    const window = new DedupeWindow({ horizonMs, memoryBytesMax: AMPLE })
    const ledger = new Ledger()
    let now = START
    for (let n = 0; n < 3000; n++) ledger.add(window, n % 2000, { at: now, now })
    const gaps = [6.9 * DAY, HOUR, 25 * DAY, 3 * DAY, 49.71 * DAY, 60 * DAY]
    for (let n = 3000; n < 3300; n++) {
      now += gaps[n % gaps.length]
      for (const old of [0, 1999, n - 7, n - 1]) {
        const known = (ledger.arrivals.get(old) ?? 0) > now - horizonMs
        expect(has(window, old, now)).toBe(known)
      }
      ledger.add(window, n, { at: now, now })
    }
    expect(window.size).toBeLessThan(10)
  })
})

describe('DedupeWindow with more than its memory holds', () => {
  it.each([SMALL, 1 << 17, 1 << 20])('keeps the newest and loses one for one, in %i B', (bytes) => {
    const window = new DedupeWindow({ horizonMs: DAY, memoryBytesMax: bytes })
    const { capacity } = window
    for (let n = 0; n < capacity * 5; n++) {
      const now = START + n
      if (!add(window, n, { at: now, now })) expect.unreachable(`${n} is new`)
      const kept = Math.min(n + 1, capacity)
      if (window.size !== kept) expect.unreachable(`${window.size} of ${kept}`)
      if (!has(window, n + 1 - kept, now)) expect.unreachable(`${n + 1 - kept} of ${n} is kept`)
      if (n >= capacity) {
        if (has(window, n - capacity, now)) expect.unreachable(`${n - capacity} is gone`)
        if (window.horizonMs(now) !== capacity) expect.unreachable(`${window.horizonMs(now)} ms`)
      }
      if (n % 997 === 0) expect(window.bytes).toBeLessThanOrEqual(bytes)
    }
    const now = START + capacity * 5 - 1
    for (let n = capacity * 4; n < capacity * 5; n++) {
      if (!has(window, n, now)) expect.unreachable(`${n} is among the newest`)
    }
  })

  it('costs at most 20 bytes an id where the memory is full', () => {
    for (const bytes of [1 << 20, 50_000_000, 1 << 28]) {
      const { capacity } = new DedupeWindow({ horizonMs: DAY, memoryBytesMax: bytes })
      expect(bytes / capacity).toBeLessThan(20)
    }
  })

  it('does not take a repeat again that is younger than its horizon (130,000 ids)', () => {
    const ids = 130_000
    const window = new DedupeWindow({ horizonMs: DAY, memoryBytesMax: 1 << 20 })
    for (let n = 0; n < ids; n++) add(window, n, { at: START + (n >> 4), now: START + (n >> 4) })
    const now = START + (ids >> 4)
    const horizon = window.horizonMs(now)
    let known = 0
    let within = 0
    for (let n = 0; n < ids; n++) {
      if (has(window, n, now)) known++
      if (START + (n >> 4) <= now - horizon) continue
      within++
      if (add(window, n, { at: now, now })) expect.unreachable(`${n} of ${ids}`)
    }
    expect(known).toBe(window.capacity)
    expect(within).toBeGreaterThan(window.capacity - 32)
    expect(known).toBeGreaterThan(34_133)
  })

  it('keeps the newest of a fill within one instant, and says that nothing older is sure', () => {
    const window = new DedupeWindow({ horizonMs: DAY, memoryBytesMax: SMALL })
    const { capacity } = window
    for (let n = 0; n < capacity * 7; n++) {
      expect(add(window, n, { at: START, now: START })).toBe(true)
      const first = Math.max(0, n + 1 - capacity)
      if (!has(window, first, START)) expect.unreachable(`${first} of ${n} is kept`)
      if (first > 0 && has(window, first - 1, START)) expect.unreachable(`${first - 1} is gone`)
    }
    expect(window.horizonMs(START)).toBe(0)
    expect(window.horizonMs(START + 5)).toBe(5)
  })

  it('reaches back for the whole horizon again when the flood has passed', () => {
    const window = new DedupeWindow({ horizonMs: HOUR, memoryBytesMax: SMALL })
    const ledger = new Ledger()
    for (let n = 0; n < 10_000; n++) ledger.add(window, n, { at: START, now: START })
    expect(window.horizonMs(START)).toBe(0)
    for (let minute = 0; minute <= 120; minute++) {
      const now = START + minute * 60_000
      ledger.add(window, 10_000 + minute, { at: now, now })
      expect(window.horizonMs(now)).toBe(Math.min(minute, 60) * 60_000)
      ledger.check(window, now)
    }
  })

  it('keeps its word with late ids, repeats, floods and pauses; what goes is of the oldest', () => {
    const step = fc.record({
      count: fc.integer({ min: 1, max: 400 }),
      passed: fc.oneof(fc.nat(20), fc.nat(HOUR)),
      late: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(2 * HOUR)),
      repeat: fc.nat(1000),
    })
    const property = fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 6000 }),
      (steps, bytes) => {
        const window = new DedupeWindow({ horizonMs: HOUR, memoryBytesMax: bytes })
        const ledger = new Ledger()
        let now = START
        let n = 0
        for (const { count, passed, late, repeat } of steps) {
          for (let i = 0; i < count; i++) {
            now += i % 7 === 0 ? passed / 50 : 0
            ledger.add(window, n++, { at: now - (i % 3 === 0 ? late : 0), now })
            ledger.add(window, Math.max(0, n - repeat), { at: now, now })
          }
          now += passed
          expect(window.size).toBeLessThanOrEqual(window.capacity)
          ledger.check(window, now)
        }
      },
    )
    fc.assert(property)
  })

  it('lets an id go only for one that came later, or that is younger by less than the other is late', () => {
    const lateMax = 500
    const property = fc.property(
      fc.array(fc.nat(lateMax), { minLength: 300, maxLength: 900 }),
      (lates) => {
        const window = new DedupeWindow({ horizonMs: HOUR, memoryBytesMax: 2000 })
        const arrivals: number[] = []
        lates.forEach((late, n) => {
          const now = START + n * 10
          arrivals.push(now - late)
          add(window, n, { at: now - late, now })
        })
        const now = START + lates.length * 10
        const kept = arrivals.filter((_, n) => has(window, n, now))
        const oldest = Math.min(...kept)
        const gone = arrivals.filter((_, n) => !has(window, n, now))
        for (const at of gone) expect(at).toBeLessThanOrEqual(oldest + lateMax)
        for (const at of gone) expect(at).toBeLessThanOrEqual(now - window.horizonMs(now))
      },
    )
    fc.assert(property)
  })

  it('does not add what arrived before something that had to go', () => {
    const window = new DedupeWindow({ horizonMs: DAY, memoryBytesMax: SMALL })
    const { capacity } = window
    for (let n = 0; n < capacity * 2; n++) add(window, n, { at: START + n, now: START + n })
    const now = START + capacity * 2
    expect(add(window, -1, { at: START + 5, now })).toBe(true)
    expect(has(window, -1, now)).toBe(false)
    expect(has(window, capacity, now)).toBe(true)
  })
})

describe('DedupeWindow after a restart', () => {
  it('knows the same as before, from the log of what was added', () => {
    const options = { horizonMs: HOUR, memoryBytesMax: SMALL }
    const before = new DedupeWindow(options)
    const { capacity } = before
    const ids = capacity * 3
    for (let n = 0; n < ids; n++) add(before, n, { at: START + n, now: START + n })
    const now = START + ids
    const after = new DedupeWindow(options)
    const from = ids - capacity
    after.forgetUntil(START + from - 1)
    for (let n = from; n < ids; n++) add(after, n, { at: START + n, now })
    for (let n = 0; n < ids; n++) expect(has(after, n, now)).toBe(has(before, n, now))
    expect(after.horizonMs(now)).toBe(before.horizonMs(now))
  })
})
