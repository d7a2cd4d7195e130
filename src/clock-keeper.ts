import type { Logger } from 'pino'
import type { RetentionHold } from './journal/retention-hold.ts'
import type { ClockBase, ClockStatus, ServedClock } from './protocol/clock.ts'
import type { Cancel, SystemClock } from './runtime/clock.ts'

/** A wall clock that has moved further than this from where it was is a jump. */
export const DRIFT_MS_MAX = 300_000
/** A start this long after the last written instant may be a wrong clock as well as a closed shop. */
export const GAP_MS_MAX = 86_400_000
/** Behind by less at a start is the clock's ordinary correction, and not worth a warning. */
const BEHIND_MS_MAX = 1_000
const CHECK_MS = 5_000
/** Least time between two warnings about jumps. */
const WARNING_GAP_MS = 60_000
/** Steps in which retention follows a wall clock that is behind arrival time. */
const LAG_STEP_MS = 300_000

export interface ClockKeeperParts {
  readonly clock: SystemClock
  readonly hold: RetentionHold
  /** How long retention is held after a jump, of running time. */
  readonly settleMs: number
  /** Whether anything is dropped at all. */
  readonly retains: boolean
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** Has all threads go on from another base. */
  readonly adopt: (base: ClockBase) => Promise<void>
  readonly setRetentionLag: (ms: number) => void
}

/**
 * Keeps the arrival time of a process, on its main thread: says so when the wall clock jumps, adopts it
 * when it is told to, and holds retention where a jump would make it drop too much. Retention goes by
 * the earlier of arrival time and wall clock, and after a step of more than {@link GAP_MS_MAX} it waits
 * until the process has run for `settleMs`, over restarts.
 */
export class ClockKeeper implements ServedClock {
  /** What shards are told: see `retentionLag`. Held until {@link start}. */
  retentionLagMs = Number.POSITIVE_INFINITY
  private readonly parts: ClockKeeperParts
  private cancel: Cancel | null = null
  private checkedAt: number
  /** The jump that was warned about; null while there is none. */
  private reportedMs: number | null = null
  private warnedAt = Number.NEGATIVE_INFINITY

  constructor(parts: ClockKeeperParts) {
    this.parts = parts
    this.checkedAt = parts.clock.elapsed()
  }

  /** All shards are recovered, and their clocks agree. */
  start(lastWrittenMs: number | null): void {
    if (lastWrittenMs !== null) this.judgeStart(lastWrittenMs)
    this.check()
    this.cancel = this.parts.clock.every(CHECK_MS, () => this.check())
  }

  stop(): void {
    if (this.cancel === null) return
    this.cancel()
    this.cancel = null
    this.spendHold()
    this.onDisk(() => this.parts.hold.save())
  }

  now(): number {
    return this.parts.clock.now()
  }

  /** Looks at the wall clock; called every few seconds. */
  check(): void {
    this.spendHold()
    this.reportJump()
    this.adjustRetention()
  }

  status(): ClockStatus {
    const { clock, hold } = this.parts
    const arrivalMs = clock.now()
    const driftMs = clock.drift()
    return {
      arrival: new Date(arrivalMs).toISOString(),
      wall: new Date(arrivalMs + driftMs).toISOString(),
      driftSeconds: driftMs / 1000,
      state: this.stateOf(driftMs),
      retentionHeldSeconds: Math.ceil(hold.remainingMs / 1000),
    }
  }

  async accept(): Promise<ClockStatus> {
    const { clock, adopt, log } = this.parts
    const driftMs = clock.drift()
    if (driftMs > GAP_MS_MAX) this.holdRetention(driftMs)
    await adopt(clock.atWall())
    this.check()
    const status = this.status()
    log.warn({ wasSeconds: driftMs / 1000, ...status }, 'the wall clock was accepted')
    return status
  }

  private stateOf(driftMs: number): ClockStatus['state'] {
    if (Math.abs(this.parts.clock.wallJump()) > DRIFT_MS_MAX) return 'drifted'
    return driftMs < -BEHIND_MS_MAX ? 'catchingUp' : 'steady'
  }

  private judgeStart(lastWrittenMs: number): void {
    const { clock, log } = this.parts
    const gapMs = clock.base.wallMs - lastWrittenMs
    const fields = {
      wall: new Date(clock.base.wallMs).toISOString(),
      lastWritten: new Date(lastWrittenMs).toISOString(),
    }
    if (gapMs < -BEHIND_MS_MAX) {
      log.warn(
        fields,
        'the wall clock is behind the last written instant: arrival time goes on from there, slower, until the wall clock has caught up; see "The clock" in docs/runtime-semantics.md',
      )
    }
    if (gapMs > GAP_MS_MAX) this.holdRetention(gapMs, fields)
  }

  private holdRetention(stepMs: number, fields: object = {}): void {
    const { hold, settleMs, retains, log } = this.parts
    if (settleMs === 0) return
    this.onDisk(() => hold.begin(settleMs))
    const level = retains ? 'warn' : 'info'
    log[level](
      { ...fields, stepHours: Math.round(stepMs / 3_600_000), heldHours: settleMs / 3_600_000 },
      'arrival time has gone forward by more than a day: if the wall clock is wrong, set it and start again; retention drops nothing until the server has run for so many hours',
    )
  }

  private reportJump(): void {
    const { clock, log } = this.parts
    const jumpMs = clock.wallJump()
    const seconds = Math.round(jumpMs / 1000)
    if (Math.abs(jumpMs) <= DRIFT_MS_MAX) {
      if (this.reportedMs !== null) log.info({ seconds }, 'the wall clock is right again')
      this.reportedMs = null
      return
    }
    const changed = this.reportedMs === null || Math.abs(jumpMs - this.reportedMs) > DRIFT_MS_MAX
    if (!changed || clock.elapsed() - this.warnedAt < WARNING_GAP_MS) return
    this.reportedMs = jumpMs
    this.warnedAt = clock.elapsed()
    log.warn(
      { seconds, ...this.status() },
      'the wall clock has jumped and is not followed: set it right, or, where it is right now, run `limn clock accept`',
    )
  }

  private spendHold(): void {
    const at = this.parts.clock.elapsed()
    const ranMs = at - this.checkedAt
    this.onDisk(() => this.parts.hold.spend(ranMs))
    this.checkedAt = at
  }

  /** A disk that cannot be written must not stop a server for this; the journal says what it thinks. */
  private onDisk(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.parts.log.warn({ err: error }, 'how long retention is held could not be written down')
    }
  }

  private adjustRetention(): void {
    const { clock, hold, setRetentionLag } = this.parts
    const aheadMs = -clock.drift()
    const behindWall = aheadMs > LAG_STEP_MS ? Math.ceil(aheadMs / LAG_STEP_MS) * LAG_STEP_MS : 0
    const lagMs = hold.remainingMs > 0 ? Number.POSITIVE_INFINITY : behindWall
    if (lagMs === this.retentionLagMs) return
    this.retentionLagMs = lagMs
    setRetentionLag(lagMs)
  }
}
