import type { ClockBase } from '../protocol/clock.ts'

/**
 * Time as the product sees it. Everything that waits or asks what time it is takes one of these, so
 * that a simulation can own time.
 */
export interface Clock {
  /** Arrival time: whole ms since 1970. Never runs back while the process lives. */
  now(): number
  /** ms since some instant, for durations. */
  monotonic(): number
  /** Calls once, later; returns what cancels it. */
  after(ms: number, work: () => void): Cancel
  /** Calls again and again; does not keep the process alive. Returns what ends it. */
  every(ms: number, work: () => void): Cancel
  /** Calls at the end of this turn of the event loop. */
  soon(work: () => void): void
  readonly base: ClockBase
  /** Goes on from another base; arrival time does not run back even where that base is behind. */
  rebase(base: ClockBase): void
  /** Arrival time is later than `instantMs` from now on. */
  startAfter(instantMs: number): void
}

export type Cancel = () => void

/** What a clock is read from; a test brings its own. */
export interface TimeSources {
  wallMs(): number
  /** The same in all threads of a process. */
  monotonicMs(): number
}

/**
 * How fast arrival time runs while it is ahead of the wall clock. It never stands still, for sessions
 * end and windows move on by it: an hour ahead is made up in ten.
 */
const CATCH_UP_RATE = 0.9
/** Arrival time by a base when the monotonic clock says so. */
export function arrivalAt(base: ClockBase, monotonicMs: number): number {
  const elapsed = monotonicMs - base.monotonicMs
  return Math.floor(Math.max(base.wallMs + elapsed, base.floorMs + elapsed * CATCH_UP_RATE))
}

/** The base, or where it is not later than an instant by now one that is, from now on. */
export function baseAfter(base: ClockBase, instantMs: number, monotonicMs: number): ClockBase {
  if (arrivalAt(base, monotonicMs) > instantMs) return base
  const wallMs = base.wallMs + monotonicMs - base.monotonicMs
  return { wallMs, monotonicMs, floorMs: instantMs + 1 }
}

/** Readings of which the best says how `performance.now()` and the machine's clock belong together. */
const OFFSET_READINGS = 5

/** The machine's clocks, as this thread reads them. */
export function machineTime(): TimeSources {
  const offset = monotonicOffset()
  return { wallMs: () => Date.now(), monotonicMs: () => performance.now() + offset }
}

/** From this thread's `performance.now()` to the machine's monotonic clock, ms. */
function monotonicOffset(): number {
  let offset = 0
  let narrowest = Number.POSITIVE_INFINITY
  for (let i = 0; i < OFFSET_READINGS; i++) {
    const before = performance.now()
    const machine = Number(process.hrtime.bigint()) / 1e6
    const width = performance.now() - before
    if (width >= narrowest) continue
    narrowest = width
    offset = machine - before - width / 2
  }
  return offset
}

/**
 * The machine's time. Arrival time is what the wall clock said at the base, advanced by the monotonic
 * clock: a wall clock that is set, or jumps, moves nothing until it is adopted. It never runs back:
 * where it is ahead of the wall clock that was adopted, it is slower until that has caught up.
 */
export class SystemClock implements Clock {
  base: ClockBase
  private last = 0
  private readonly sources: TimeSources

  constructor(base?: ClockBase, sources: TimeSources = machineTime()) {
    this.sources = sources
    this.base = base ?? { ...this.reading(), floorMs: 0 }
  }

  now(): number {
    const now = arrivalAt(this.base, this.sources.monotonicMs())
    if (now > this.last) this.last = now
    return this.last
  }

  monotonic(): number {
    return performance.now()
  }

  rebase(base: ClockBase): void {
    this.base = base
  }

  startAfter(instantMs: number): void {
    this.base = baseAfter(this.base, instantMs, this.sources.monotonicMs())
  }

  /** The machine's monotonic clock, as the base has it. */
  elapsed(): number {
    return this.sources.monotonicMs()
  }

  /** The base that goes by what the wall clock says now, and not back. */
  atWall(): ClockBase {
    return { ...this.reading(), floorMs: this.now() }
  }

  /** How far the wall clock is from arrival time, ms; positive where it is ahead. */
  drift(): number {
    return this.sources.wallMs() - this.now()
  }

  /** How far the wall clock is from where it would be had it run on as adopted, ms. */
  wallJump(): number {
    const { wallMs, monotonicMs } = this.reading()
    return wallMs - this.base.wallMs - (monotonicMs - this.base.monotonicMs)
  }

  private reading(): { wallMs: number; monotonicMs: number } {
    return { wallMs: this.sources.wallMs(), monotonicMs: this.sources.monotonicMs() }
  }

  after(ms: number, work: () => void): Cancel {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  }

  every(ms: number, work: () => void): Cancel {
    const timer = setInterval(work, ms)
    timer.unref()
    return () => clearInterval(timer)
  }

  soon(work: () => void): void {
    setImmediate(work)
  }
}
