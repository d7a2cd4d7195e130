import type { RecordCursor } from '../event/record-cursor.ts'
import type { ModelPlan } from './definition.ts'
import { GrowingFloats } from './growing.ts'
import type { Moment } from './outcomes.ts'

const HASH_RANGE = 4_294_967_296

/**
 * Which events become rows, and their feature vectors.
 *
 * Whether an event is taken depends on its message id (else its position) and on the rows taken from
 * the same profile before: never on what comes later, so that sampling does not bias labels. When
 * `rowsMax` is reached, the half with the higher hash is dropped and the share halved: memory is
 * bounded, and the result does not depend on block boundaries.
 */
export class Samples {
  readonly width: number
  rows: Float32Array<ArrayBuffer>
  private readonly plan: ModelPlan
  private readonly persons = new GrowingFloats()
  private readonly times = new GrowingFloats()
  private readonly shards = new GrowingFloats()
  private readonly sequences = new GrowingFloats()
  private readonly hashes = new GrowingFloats()
  private limit = HASH_RANGE
  /** Per profile row of the shard at hand: when it was last taken, and how often. */
  private readonly lastTaken = new Map<number, number>()
  private readonly taken = new Map<number, number>()

  constructor(width: number, plan: ModelPlan) {
    this.width = width
    this.plan = plan
    this.rows = new Float32Array(Math.min(plan.rowsMax, 4_096) * width)
  }

  get count(): number {
    return this.times.length
  }

  /** Share of candidates that is kept now. */
  get share(): number {
    return this.limit / HASH_RANGE
  }

  /** Profile rows mean other profiles from here on. */
  nextShard(): void {
    this.lastTaken.clear()
    this.taken.clear()
  }

  /** Decides on an event; true: call {@link add}. */
  wants(cursor: RecordCursor, profileRow: number, sequence: number): boolean {
    const { rate, minGapMs, perProfileMax } = this.plan
    if (rate < 1 && hashOf(cursor, sequence, 1) >= rate * HASH_RANGE) return false
    if (minGapMs > 0) {
      const last = this.lastTaken.get(profileRow) ?? Number.NEGATIVE_INFINITY
      if (cursor.arrivalTime - last < minGapMs) return false
      this.lastTaken.set(profileRow, cursor.arrivalTime)
    }
    if (perProfileMax < 65_535) {
      const taken = this.taken.get(profileRow) ?? 0
      if (taken >= perProfileMax) return false
      this.taken.set(profileRow, taken + 1)
    }
    return hashOf(cursor, sequence, 2) < this.limit
  }

  /** Adds a row; `write` fills its features at the offset. */
  add(moment: Moment, hash: number, write: (out: Float32Array, offset: number) => void): void {
    if (this.count === this.plan.rowsMax) this.halve()
    if (hash >= this.limit) return
    const at = this.count * this.width
    if (at + this.width > this.rows.length) this.grow()
    write(this.rows, at)
    this.persons.push(moment.person)
    this.times.push(moment.time)
    this.shards.push(moment.shard)
    this.sequences.push(moment.sequence)
    this.hashes.push(hash)
  }

  /** The hash that decides whether a row survives a halving. */
  hash(cursor: RecordCursor, sequence: number): number {
    return hashOf(cursor, sequence, 2)
  }

  moment(index: number): Moment {
    return {
      person: this.persons.at(index),
      time: this.times.at(index),
      shard: this.shards.at(index),
      sequence: this.sequences.at(index),
    }
  }

  private halve(): void {
    while (this.count === this.plan.rowsMax) {
      this.limit /= 2
      let kept = 0
      for (let i = 0; i < this.count; i++) {
        if (this.hashes.at(i) >= this.limit) continue
        for (const column of [this.persons, this.times, this.shards, this.sequences, this.hashes]) {
          column.set(kept, column.at(i))
        }
        this.rows.copyWithin(kept * this.width, i * this.width, (i + 1) * this.width)
        kept++
      }
      for (const column of [this.persons, this.times, this.shards, this.sequences, this.hashes]) {
        column.truncate(kept)
      }
    }
  }

  private grow(): void {
    const most = this.plan.rowsMax * this.width
    const grown = new Float32Array(Math.min(this.rows.length * 2, most))
    grown.set(this.rows)
    this.rows = grown
  }
}

function hashOf(cursor: RecordCursor, sequence: number, salt: number): number {
  const named = cursor.messageHashLow !== 0 || cursor.messageHashHigh !== 0
  const low = named ? cursor.messageHashLow : cursor.keyHashLow ^ sequence
  let h = Math.imul(low ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b) ^ cursor.messageHashHigh
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f)
  return (h ^ (h >>> 16)) >>> 0
}
