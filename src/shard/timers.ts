import { RECORD_KIND } from '../event/record.ts'
import type { DueIndex } from '../profile/due-index.ts'
import type { Fold } from '../profile/fold.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { Turn } from './turn.ts'

/** Silent shoppers whose due instants are fired in one go, so that a turn stays short. */
const ROWS_A_TICK = 500
/**
 * History of a shopper is arriving: its event times run behind the wall clock, so the wall clock must
 * not fire for that shopper until none has come for so long, or twice that.
 */
const HISTORY_PAUSE_MS = 10_000
/** Shoppers remembered for it; beyond that their timers fire, which history puts right again. */
const HISTORY_ROWS_MAX = 1_000_000

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
  /** Rows that history has come for, since the last change of these sets and before it. */
  private recent = new Set<number>()
  private earlier = new Set<number>()
  private changedAt = Number.NEGATIVE_INFINITY
  fired = 0

  constructor(turn: Turn, profiles: ProfileStore, fold: Fold, dues: DueIndex) {
    this.turn = turn
    this.profiles = profiles
    this.fold = fold
    this.dues = dues
  }

  /** A record of history was applied to the row. */
  sawHistory(row: number): void {
    if (this.recent.size < HISTORY_ROWS_MAX) this.recent.add(row)
  }

  /** Fires what is due; returns true when there may be more. */
  tick(nowMs: number): boolean {
    if (nowMs - this.changedAt >= HISTORY_PAUSE_MS) {
      this.earlier = this.recent
      this.recent = new Set()
      this.changedAt = nowMs
    }
    this.rows.length = 0
    this.dues.collect(nowMs, this.rows, ROWS_A_TICK)
    for (const row of this.rows) {
      if (this.recent.has(row) || this.earlier.has(row)) {
        this.dues.lookAgain(row)
        continue
      }
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
