import type { Cancel } from '../../src/runtime/clock.ts'

interface ScheduledEvent {
  readonly at: number
  readonly order: number
  readonly label: string
  readonly work: () => void
  /** Ticks of clocks: they go on for ever and are no sign of work. */
  readonly tick: boolean
  cancelled: boolean
}

/** Events between two turns of the real event loop, so that a long run lets others in. */
const EVENTS_A_TURN = 4096

/**
 * Simulated time: a queue of events in order of their instants, run one at a time. After each the
 * microtasks it has left are run to the end, so that promises settle at the instant that settled them.
 *
 * Owns the trace: a hash over the instants and labels of all events run. Two runs are the same when
 * their hashes are.
 */
export class Scheduler {
  nowMs = 0
  steps = 0
  hash = 0x811c9dc5
  trace: ((line: string) => void) | null = null
  /** Events that wait and are no ticks. */
  pending = 0
  private readonly heap: ScheduledEvent[] = []
  private nextOrder = 0
  private failure: { readonly error: unknown } | null = null

  /** Runs `work` so many ms from now. */
  after(ms: number, label: string, work: () => void, tick = false): Cancel {
    return this.at(this.nowMs + ms, label, work, tick)
  }

  /** Runs `work` at that instant, after all that was asked for at the same one before. */
  at(at: number, label: string, work: () => void, tick = false): Cancel {
    const order = this.nextOrder++
    const event = { at, order, label, work, tick, cancelled: false }
    this.push(event)
    if (!tick) this.pending++
    return () => {
      if (event.cancelled) return
      event.cancelled = true
      if (!tick) this.pending--
    }
  }

  /** Something went wrong outside of any event (a promise that nobody handles): ends the run. */
  fail(error: unknown): void {
    this.failure ??= { error }
  }

  /** Mixes what happened into the trace's hash. */
  note(text: string): void {
    let { hash } = this
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    this.hash = hash >>> 0
    this.trace?.(`${this.nowMs.toFixed(3).padStart(12)} ${text}`)
  }

  /**
   * Runs events until `done` says so, or none is left, or the next lies after `untilMs`; resolves with
   * whether it was done. Time stands at the last event run.
   */
  run(done: () => boolean, untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let events = 0
      const step = (): void => {
        try {
          if (this.failure !== null) throw this.failure.error
          if (done()) return resolve(true)
          if (!this.runNext(untilMs)) return resolve(false)
        } catch (error) {
          return reject(error as Error)
        }
        // A tick that is asked for in a microtask comes when all microtasks have been run.
        if (++events % EVENTS_A_TURN === 0) setImmediate(step)
        else queueMicrotask(afterMicrotasks)
      }
      const afterMicrotasks = (): void => process.nextTick(step)
      step()
    })
  }

  /** Lets so much time go by. */
  async sleep(ms: number): Promise<void> {
    const until = this.nowMs + ms
    await this.run(() => false, until)
    this.nowMs = Math.max(this.nowMs, until)
  }

  private runNext(untilMs: number): boolean {
    for (;;) {
      const next = this.heap.at(0)
      if (next === undefined || next.at > untilMs) return false
      this.pop()
      if (next.cancelled) continue
      next.cancelled = true
      if (!next.tick) this.pending--
      if (next.at > this.nowMs) this.nowMs = next.at
      this.steps++
      if (!next.tick) this.note(next.label)
      next.work()
      return true
    }
  }

  private push(event: ScheduledEvent): void {
    const { heap } = this
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!before(event, heap[above])) break
      heap[at] = heap[above]
      at = above
    }
    heap[at] = event
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && before(heap[below + 1], heap[below])) below++
      if (!before(heap[below], last)) break
      heap[at] = heap[below]
      at = below
    }
    heap[at] = last
  }
}

function before(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
