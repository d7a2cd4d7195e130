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
}

export type Cancel = () => void

/** A wall-clock instant and the monotonic one that belongs to it, the same for all threads. */
export interface ClockBase {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** The machine's monotonic clock in ms; all threads of a process read the same. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** What the wall clock says at this moment. */
export function wallBase(): ClockBase {
  return { wallMs: Date.now(), monotonicMs: machineMs() }
}

/**
 * The machine's time. Arrival time is what the wall clock said at the base, advanced by the monotonic
 * clock: a wall clock that is set, or jumps, moves nothing until {@link rebase}.
 */
export class SystemClock implements Clock {
  private base: ClockBase
  private last = 0
  /** From `performance.now()` to the machine's monotonic clock. */
  private readonly offset = machineMs() - performance.now()

  constructor(base: ClockBase = wallBase()) {
    this.base = base
  }

  now(): number {
    const { wallMs, monotonicMs } = this.base
    const now = Math.floor(wallMs + performance.now() + this.offset - monotonicMs)
    if (now > this.last) this.last = now
    return this.last
  }

  monotonic(): number {
    return performance.now()
  }

  /** Goes on from another base. Arrival time never runs back: it stands until the base has caught up. */
  rebase(base: ClockBase): void {
    this.base = base
  }

  /** How far the wall clock is from arrival time, ms; positive where it is ahead. */
  drift(): number {
    return Date.now() - this.now()
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
