import type { ClockBase } from '../../src/protocol/clock.ts'
import { arrivalAt, baseAfter } from '../../src/runtime/clock.ts'
import type { Cancel, Clock } from '../../src/runtime/clock.ts'
import type { Life } from './life.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * A thread's clock in simulated time. Arrival time is reckoned from the process's base as the product's
 * own clock does it; simulated time is the monotonic clock.
 */
export class SimulatedClock implements Clock {
  private readonly scheduler: Scheduler
  private readonly life: Life
  base: ClockBase
  private last = 0
  private readonly soonMs: () => number

  constructor(scheduler: Scheduler, life: Life, base: ClockBase, soonMs: () => number) {
    this.scheduler = scheduler
    this.life = life
    this.base = base
    this.soonMs = soonMs
  }

  now(): number {
    this.life.called('clock')
    return this.peek()
  }

  /** {@link now}, asked by nobody in the simulation. */
  peek(): number {
    this.last = Math.max(this.last, arrivalAt(this.base, this.scheduler.nowMs))
    return this.last
  }

  rebase(base: ClockBase): void {
    this.base = base
  }

  startAfter(instantMs: number): void {
    this.base = baseAfter(this.base, instantMs, this.scheduler.nowMs)
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
