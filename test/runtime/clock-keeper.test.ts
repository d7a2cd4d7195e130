import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ClockKeeper } from '../../src/clock-keeper.ts'
import { RetentionHold } from '../../src/journal/retention-hold.ts'
import { SystemClock } from '../../src/runtime/clock.ts'
import { temporaryDirectory } from '../integration/server.ts'
import { SetTime } from './set-time.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const HELD = Number.POSITIVE_INFINITY

const directory = temporaryDirectory()
let made = 0

afterAll(() => directory.remove())

interface Kept {
  readonly time: SetTime
  readonly keeper: ClockKeeper
  readonly warnings: string[]
  readonly infos: string[]
  /** What the shards were told, newest last. */
  readonly lags: number[]
  adopted: number
}

function kept(time = new SetTime(), path = `${directory.path}/hold-${made++}`): Kept {
  const clock = new SystemClock(undefined, time)
  const warnings: string[] = []
  const infos: string[] = []
  const lags: number[] = []
  const said = (to: string[]) => (_fields: object, text: string) => void to.push(text)
  const hold = new RetentionHold(path, DAY_MS)
  const all = {
    time,
    warnings,
    infos,
    lags,
    adopted: 0,
    keeper: new ClockKeeper({
      clock,
      hold,
      settleMs: DAY_MS,
      retains: true,
      log: { warn: said(warnings), info: said(infos) } as ConstructorParameters<
        typeof ClockKeeper
      >[0]['log'],
      adopt: (base) => {
        all.adopted++
        clock.rebase(base)
        return Promise.resolve()
      },
      setRetentionLag: (ms) => void lags.push(ms),
    }),
  }
  return all
}

function run(all: Kept, ms: number): void {
  for (let passed = 0; passed < ms; passed += MINUTE_MS) {
    all.time.pass(MINUTE_MS)
    all.keeper.check()
  }
}

describe('a wall clock that jumps while the process runs', () => {
  it('is reported once, again when it moves on, and when it is right again', () => {
    const all = kept()
    all.keeper.start(null)
    run(all, 10 * MINUTE_MS)
    expect(all.warnings).toEqual([])
    all.time.jump(4 * MINUTE_MS)
    run(all, 10 * MINUTE_MS)
    expect(all.warnings).toEqual([])
    all.time.jump(2 * MINUTE_MS)
    run(all, 10 * MINUTE_MS)
    expect(all.warnings).toEqual([expect.stringContaining('limn clock accept')])
    expect(all.keeper.status()).toMatchObject({ state: 'drifted', driftSeconds: 360 })
    all.time.jump(6 * MINUTE_MS)
    run(all, 10 * MINUTE_MS)
    expect(all.warnings).toHaveLength(2)
    all.time.jump(-12 * MINUTE_MS)
    run(all, 10 * MINUTE_MS)
    expect(all.warnings).toHaveLength(2)
    expect(all.infos).toEqual([expect.stringContaining('right again')])
    expect(all.keeper.status()).toMatchObject({ state: 'steady', driftSeconds: 0 })
  })

  it('warns at most once a minute, however it swings', () => {
    const all = kept()
    all.keeper.start(null)
    for (let i = 0; i < 60; i++) {
      all.time.jump(i % 2 === 0 ? DAY_MS : -DAY_MS)
      all.time.pass(1_000)
      all.keeper.check()
    }
    expect(all.warnings).toHaveLength(1)
  })

  it('is adopted when accepted, which all shards hear of', async () => {
    const all = kept()
    all.keeper.start(null)
    all.time.jump(HOUR_MS)
    expect(all.keeper.now()).toBe(all.time.wall - HOUR_MS)
    expect(await all.keeper.accept()).toMatchObject({ state: 'steady', driftSeconds: 0 })
    expect(all.keeper.now()).toBe(all.time.wall)
    expect(all.adopted).toBe(1)
    all.time.jump(-2 * HOUR_MS)
    expect(await all.keeper.accept()).toMatchObject({ state: 'catchingUp', driftSeconds: -7200 })
    run(all, 21 * HOUR_MS)
    expect(all.keeper.status()).toMatchObject({ state: 'steady', driftSeconds: 0 })
  })
})

describe('a start', () => {
  it('behind the last written instant is told', () => {
    const all = kept()
    all.keeper.start(all.time.wall + HOUR_MS)
    expect(all.warnings).toEqual([expect.stringContaining('behind the last written instant')])
  })

  it.each([-1, 1_000, -23 * HOUR_MS])('at %i ms from it is nothing to tell', (ms) => {
    const all = kept()
    all.keeper.start(all.time.wall + ms)
    expect(all.warnings).toEqual([])
    expect(all.lags).toEqual([0])
  })
})

describe('retention', () => {
  it('is held until the process has run for a day after a gap of more than one', () => {
    const all = kept()
    expect(all.keeper.retentionLagMs).toBe(HELD)
    all.keeper.start(all.time.wall - 40 * DAY_MS)
    expect(all.warnings).toEqual([expect.stringContaining('retention')])
    run(all, 23 * HOUR_MS)
    expect(all.keeper.retentionLagMs).toBe(HELD)
    expect(all.keeper.status().retentionHeldSeconds).toBe(3600)
    run(all, 2 * HOUR_MS)
    expect(all.lags).toEqual([0])
  })

  it('stays held over restarts, which see no gap any more', () => {
    const path = join(directory.path, 'kept')
    const first = kept(new SetTime(), path)
    first.keeper.start(first.time.wall - 40 * DAY_MS)
    run(first, HOUR_MS)
    first.keeper.stop()
    const second = kept(first.time, path)
    second.keeper.start(second.time.wall - 1_000)
    expect(second.keeper.retentionLagMs).toBe(HELD)
    expect(second.keeper.status().retentionHeldSeconds).toBe(23 * 3600)
    run(second, 23 * HOUR_MS)
    expect(second.keeper.retentionLagMs).toBe(0)
    second.keeper.stop()
    expect(new RetentionHold(path, DAY_MS).remainingMs).toBe(0)
  })

  it('goes by a wall clock that is behind, so that a clock set right drops nothing too early', () => {
    const all = kept()
    all.keeper.start(null)
    all.time.jump(-40 * DAY_MS)
    all.keeper.check()
    expect(all.keeper.retentionLagMs).toBeGreaterThanOrEqual(40 * DAY_MS)
    expect(all.keeper.retentionLagMs).toBeLessThanOrEqual(40 * DAY_MS + 5 * MINUTE_MS)
    all.time.jump(80 * DAY_MS)
    all.keeper.check()
    expect(all.keeper.retentionLagMs).toBe(0)
  })

  it('is held after a step of more than a day that was accepted', async () => {
    const all = kept()
    all.keeper.start(null)
    all.time.jump(2 * DAY_MS)
    await all.keeper.accept()
    expect(all.keeper.retentionLagMs).toBe(HELD)
    run(all, 25 * HOUR_MS)
    expect(all.keeper.retentionLagMs).toBe(0)
  })
})

describe('a hold that cannot be written', () => {
  it('holds all the same, and is told', () => {
    const all = kept(new SetTime(), join(directory.path, 'missing', 'hold'))
    all.keeper.start(all.time.wall - 40 * DAY_MS)
    expect(all.warnings[0]).toContain('could not be written')
    expect(all.keeper.retentionLagMs).toBe(HELD)
    run(all, 25 * HOUR_MS)
    expect(all.keeper.retentionLagMs).toBe(0)
    expect(all.warnings.length).toBeLessThan(200)
  })
})

describe('a hold of retention that cannot be read', () => {
  it.each(['', '{', '{"format":2}', '{"format":1,"remainingMs":-1}'])(
    'lasts in full: %s',
    (text) => {
      const path = join(directory.path, `damaged-${made++}`)
      writeFileSync(path, text)
      expect(new RetentionHold(path, DAY_MS).remainingMs).toBe(DAY_MS)
    },
  )
})
