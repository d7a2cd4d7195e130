import { Growing } from './growing.ts'
import type { Moment } from './outcomes.ts'
import type { RowSink } from './replay.ts'

const HASH_RANGE = 4_294_967_296
const ROWS_FIRST = 4_096

/**
 * Rows in memory, at most so many. When that number is reached, the half with the higher hash is
 * dropped and from then on only such rows are wanted: memory is bounded, and the result does not
 * depend on block boundaries.
 */
export class SampledRows implements RowSink {
  readonly width: number
  /** `count × width`, and more. */
  rows: Float32Array<ArrayBuffer>
  private readonly rowsMax: number
  private readonly persons = new Growing(Float64Array)
  private readonly times = new Growing(Float64Array)
  private readonly shards = new Growing(Uint16Array)
  private readonly sequences = new Growing(Float64Array)
  private readonly hashes = new Growing(Uint32Array)
  private limit = HASH_RANGE

  constructor(width: number, rowsMax: number) {
    this.width = width
    this.rowsMax = rowsMax
    this.rows = new Float32Array(Math.min(rowsMax, ROWS_FIRST) * width)
  }

  get count(): number {
    return this.times.length
  }

  wants(hash: number): boolean {
    return hash < this.limit
  }

  add(moment: Moment, hash: number, write: (out: Float32Array, offset: number) => void): void {
    if (this.count === this.rowsMax) this.halve()
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

  moment(index: number): Moment {
    return {
      person: this.persons.at(index),
      time: this.times.at(index),
      shard: this.shards.at(index),
      sequence: this.sequences.at(index),
    }
  }

  private halve(): void {
    const columns = [this.persons, this.times, this.shards, this.sequences, this.hashes]
    while (this.count === this.rowsMax) {
      this.limit /= 2
      let kept = 0
      for (let i = 0; i < this.count; i++) {
        if (this.hashes.at(i) >= this.limit) continue
        for (const column of columns) column.set(kept, column.at(i))
        this.rows.copyWithin(kept * this.width, i * this.width, (i + 1) * this.width)
        kept++
      }
      for (const column of columns) column.truncate(kept)
    }
  }

  private grow(): void {
    const grown = new Float32Array(Math.min(this.rows.length * 2, this.rowsMax * this.width))
    grown.set(this.rows)
    this.rows = grown
  }
}
