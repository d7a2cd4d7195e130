import type { RejectedItem } from '../protocol/shards.ts'
import { OUTCOME } from '../protocol/shard-messages.ts'
import type { BatchResult, Predictions, PredictRequest } from '../protocol/shard-messages.ts'

/**
 * What becomes of the records of one message, until all of them are durable here or at the shard they
 * were passed on to. Owns the outcome of each record; `done` is called exactly once, with the result,
 * or never when the shard stops.
 */
export class Batch {
  readonly predict: PredictRequest | null
  readonly outcomes: Uint8Array
  private readonly rejected: RejectedItem[] = []
  private readonly positions = new Map<number, number>()
  private predictions: Predictions | null = null
  private remaining = 1
  private readonly done: (result: BatchResult) => void
  private readonly actions: (() => void)[] = []

  constructor(count: number, predict: PredictRequest | null, done: (result: BatchResult) => void) {
    this.outcomes = new Uint8Array(count)
    this.predict = predict
    this.done = done
  }

  /** Does something when all has become of the batch. */
  whenDone(action: () => void): void {
    this.actions.push(action)
  }

  /** Something else must finish before the batch is done. */
  hold(): void {
    this.remaining++
  }

  release(): void {
    this.remaining--
    if (this.remaining > 0) return
    for (const action of this.actions) action()
    this.done({
      outcomes: this.outcomes,
      rejected: this.rejected,
      positions: [...this.positions],
      predictions: this.predictions,
    })
  }

  duplicate(record: number): void {
    this.outcomes[record] = OUTCOME.duplicate
  }

  reject(record: number, code: string, reason: string): void {
    this.outcomes[record] = OUTCOME.rejected
    this.rejected.push({ index: record, code, reason })
  }

  advance(shard: number, sequence: number): void {
    const known = this.positions.get(shard)
    if (known === undefined || known < sequence) this.positions.set(shard, sequence)
  }

  score(predictions: Predictions): void {
    this.predictions = { ...this.predictions, ...predictions }
  }

  /** Takes over what another shard answered for the record that was passed on to it. */
  adopt(record: number, result: BatchResult): void {
    this.outcomes[record] = result.outcomes[0]
    for (const item of result.rejected) this.rejected.push({ ...item, index: record })
    for (const [shard, sequence] of result.positions) this.advance(shard, sequence)
    if (result.predictions !== null) this.score(result.predictions)
  }
}
