import { describe, expect, it } from 'vitest'
import { SystemClock } from '../../src/runtime/clock.ts'
import { SetTime } from './set-time.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

function started(): { time: SetTime; clock: SystemClock } {
  const time = new SetTime()
  return { time, clock: new SystemClock(undefined, time) }
}

describe('arrival time', () => {
  it('is the wall clock at the start, advanced by the monotonic clock', () => {
    const { time, clock } = started()
    const start = time.wall
    time.pass(1_500)
    expect(clock.now()).toBe(start + 1_500)
    expect(clock.drift()).toBe(0)
  })

  it.each([2 * DAY_MS, -30 * HOUR_MS])(
    'does not follow a wall clock that jumps by %i ms',
    (jump) => {
      const { time, clock } = started()
      const start = time.wall
      time.jump(jump)
      time.pass(1_000)
      expect(clock.now()).toBe(start + 1_000)
      expect(clock.drift()).toBe(jump)
      expect(clock.wallJump()).toBe(jump)
    },
  )

  it('is the same in all threads that have the base, whatever their wall clocks say', () => {
    const { time, clock } = started()
    time.pass(7_000)
    time.jump(DAY_MS)
    const other = new SystemClock(clock.base, time)
    expect(other.now()).toBe(clock.now())
    clock.rebase(clock.atWall())
    other.rebase(clock.base)
    time.pass(10_000)
    expect(other.now()).toBe(clock.now())
    time.jump(-2 * DAY_MS)
    clock.rebase(clock.atWall())
    other.rebase(clock.base)
    time.pass(10_000)
    expect(other.now()).toBe(clock.now())
  })

  it('goes on from the last written instant where the wall clock is behind it', () => {
    const { time, clock } = started()
    const written = time.wall + 2 * HOUR_MS
    clock.startAfter(written)
    expect(clock.now()).toBeGreaterThan(written)
    clock.startAfter(written - DAY_MS)
    expect(clock.now()).toBeGreaterThan(written)
  })

  it('is that of the wall clock where that is later than the last written instant', () => {
    const { time, clock } = started()
    clock.startAfter(time.wall - 1)
    expect(clock.now()).toBe(time.wall)
  })

  it('follows a wall clock forward when that is accepted', () => {
    const { time, clock } = started()
    time.jump(2 * DAY_MS)
    clock.rebase(clock.atWall())
    expect(clock.now()).toBe(time.wall)
    expect(clock.wallJump()).toBe(0)
  })

  it('never runs back and never stands still: it is slower until the wall clock has caught up', () => {
    const { time, clock } = started()
    time.jump(-HOUR_MS)
    const ahead = clock.now()
    clock.rebase(clock.atWall())
    expect(clock.now()).toBe(ahead)
    let before = ahead
    for (let minutes = 0; minutes < 11 * 60; minutes++) {
      time.pass(MINUTE_MS)
      const passed = clock.now() - before
      expect(passed).toBeGreaterThanOrEqual(0.9 * MINUTE_MS - 1)
      expect(passed).toBeLessThanOrEqual(MINUTE_MS)
      before = clock.now()
    }
    expect(clock.now()).toBe(time.wall)
  })

  it('does not run back where a base comes late and is behind', () => {
    const { time, clock } = started()
    const before = clock.now()
    clock.rebase({ ...clock.base, wallMs: clock.base.wallMs - HOUR_MS })
    time.pass(1_000)
    expect(clock.now()).toBe(before)
  })

  it("is near the machine's by default", () => {
    const clock = new SystemClock()
    expect(Math.abs(clock.drift())).toBeLessThan(1_000)
    expect(Math.abs(clock.wallJump())).toBeLessThan(1_000)
  })
})
