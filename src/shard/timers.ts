import { RECORD_KIND } from '../event/record.ts'
import type { DueIndex } from '../profile/due-index.ts'
import type { Fold } from '../profile/fold.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { Turn } from './turn.ts'

/** Silent shoppers whose due instants are fired in one go, so that a turn stays short. */
const ROWS_A_TICK = 500
/** History is arriving: event times run behind the wall clock, so the wall clock must not fire. */
const HISTORY_PAUSE_MS = 10_000
/** A record whose arrival lies further back than this at the next tick is history. */
const HISTORY_AGE_MS = 60_000

/**
 * Fires the due instants of silent shoppers. One that changes a state or a segment is journalled as a
 * timer record, so that a replay sees the same; one that changes nothing leaves no trace.
 */
export class Timers {
  private readonly turn: Turn
  private readonly profiles: ProfileStore
  private readonly fold: Fold
  private readonly dues: DueIndex
  private readonly rows: number[] = []
  private historyAt = Number.NEGATIVE_INFINITY
  /** Of the records applied since the last tick. */
  private oldestArrival = Number.POSITIVE_INFINITY
  fired = 0

  constructor(turn: Turn, profiles: ProfileStore, fold: Fold, dues: DueIndex) {
    this.turn = turn
    this.profiles = profiles
    this.fold = fold
    this.dues = dues
  }

  /** History arrived at this wall-clock time. */
  pauseFor(nowMs: number): void {
    this.historyAt = nowMs
  }

  /**
   * A record that arrived then was applied. A shard to which another one passes on what it takes in
   * sees no request for an import: it knows history by its arrival.
   */
  saw(arrivalMs: number): void {
    if (arrivalMs < this.oldestArrival) this.oldestArrival = arrivalMs
  }

  /** Fires what is due; returns true when there may be more. */
  tick(nowMs: number): boolean {
    if (this.oldestArrival < nowMs - HISTORY_AGE_MS) this.historyAt = nowMs
    this.oldestArrival = Number.POSITIVE_INFINITY
    if (nowMs - this.historyAt < HISTORY_PAUSE_MS) return false
    this.rows.length = 0
    this.dues.collect(nowMs, this.rows, ROWS_A_TICK)
    for (const row of this.rows) {
      if (!this.fold.advance(row, nowMs)) continue
      this.fired++
      const key = this.profiles.keyOf(row)
      // The instant that changed something, not the tick: an event timed between them is not late.
      const at = this.profiles.clock(row)
      this.turn.appendOwn(RECORD_KIND.timer, key, { time: at })
    }
    return this.rows.length >= ROWS_A_TICK
  }
}
