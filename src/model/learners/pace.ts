import { setImmediate } from 'node:timers/promises'
import type { FitRequest } from './learner.ts'

/** Other work of the thread, an abort among it, waits no longer than about this. */
const TURN_MS = 20

/** Says how far fitting is, lets other work run now and then, and tells when fitting is to end. */
export class Pace {
  private readonly request: FitRequest
  private readonly total: number
  private done = 0
  private turnStarted = performance.now()

  /** `total` is in any unit of work. */
  constructor(request: FitRequest, total: number) {
    this.request = request
    this.total = total
  }

  get stopped(): boolean {
    return this.request.signal?.aborted === true
  }

  /** Of the work, so much is done; what is less than was said before counts as that. True: go on. */
  async reached(done: number, loss: number | null = null): Promise<boolean> {
    this.done = Math.min(this.total, Math.max(this.done, done))
    if (performance.now() - this.turnStarted >= TURN_MS) {
      this.request.progress?.({ done: this.done, total: this.total, loss })
      await setImmediate()
      this.turnStarted = performance.now()
    }
    return !this.stopped
  }

  /** Nothing is left to do. */
  finish(loss: number | null = null): void {
    this.request.progress?.({ done: this.total, total: this.total, loss })
  }
}
