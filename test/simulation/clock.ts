import type { Cancel, Clock } from '../../src/runtime/clock.ts'
import type { Life } from './life.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * A thread's clock in simulated time. Arrival time is what the wall clock said at the process's start,
 * advanced by the monotonic clock, as the product's own clock has it.
 */
export class SimulatedClock implements Clock {
  private readonly scheduler: Scheduler
  private readonly life: Life
  /** From simulated time to arrival time. */
  private readonly baseMs: number
  private readonly soonMs: () => number

  constructor(scheduler: Scheduler, life: Life, baseMs: number, soonMs: () => number) {
    this.scheduler = scheduler
    this.life = life
    this.baseMs = baseMs
    this.soonMs = soonMs
  }

  now(): number {
    this.life.called('clock')
    return Math.floor(this.baseMs + this.scheduler.nowMs)
  }

  monotonic(): number {
    this.life.called('clock')
    return this.scheduler.nowMs
  }

  after(ms: number, work: () => void): Cancel {
    if (!this.life.called('clock')) return () => undefined
    return this.scheduler.after(ms, `${this.life.name} after`, () => this.life.alive && work())
  }

  every(ms: number, work: () => void): Cancel {
    if (!this.life.called('clock')) return () => undefined
    let cancel: Cancel = () => undefined
    const again = (): void => {
      cancel = this.scheduler.after(ms, 'tick', tick, true)
    }
    const tick = (): void => {
      if (!this.life.alive) return
      again()
      work()
    }
    again()
    return () => cancel()
  }

  soon(work: () => void): void {
    if (!this.life.called('clock')) return
    const label = `${this.life.name} soon`
    this.scheduler.after(this.soonMs(), label, () => this.life.alive && work())
  }
}
