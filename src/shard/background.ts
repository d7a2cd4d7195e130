import type { Clock } from '../runtime/clock.ts'

/** Work of one turn at most: steps (a record read or folded each), and time where steps are dear. */
export const STEPS_A_TURN = 256
const MS_A_TURN = 4
/** Steps between two looks at the clock. */
const STEPS_A_LOOK = 16

/**
 * Work that would be too long for a turn: folding a profile again, walking through its history, sending
 * it to another shard. Each piece is a generator that yields after every step; a turn does so many steps
 * and the pieces take turns, so that no shopper waits for another's history.
 */
export class Background {
  private readonly clock: Clock
  private readonly wake: () => void
  private readonly pause: () => void
  private pieces: Generator<void>[] = []

  /**
   * @param wake asks for a turn
   * @param pause called every few steps, between two of them: look-ups need not wait for a turn's end
   */
  constructor(clock: Clock, wake: () => void, pause: () => void) {
    this.clock = clock
    this.wake = wake
    this.pause = pause
  }

  /** Pieces not finished. */
  get size(): number {
    return this.pieces.length
  }

  add(piece: Generator<void>): void {
    this.pieces.push(piece)
    this.wake()
  }

  /** One turn's share. Throws what a piece throws. */
  run(): void {
    const until = this.clock.monotonic() + MS_A_TURN
    let steps = 0
    while (this.pieces.length > 0 && steps < STEPS_A_TURN) {
      const piece = this.pieces[0]
      const share = Math.max(STEPS_A_LOOK, Math.ceil(STEPS_A_TURN / this.pieces.length))
      const end = Math.min(STEPS_A_TURN, steps + share)
      let done = false
      while (!done && steps < end) {
        done = piece.next().done === true
        steps++
        if (steps % STEPS_A_LOOK !== 0) continue
        this.pause()
        if (this.clock.monotonic() > until) steps = STEPS_A_TURN
      }
      this.pieces.shift()
      if (!done) this.pieces.push(piece)
    }
    if (this.pieces.length > 0) this.wake()
  }
}
