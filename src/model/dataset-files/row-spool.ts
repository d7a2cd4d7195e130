import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import type { Moment } from '../dataset/outcomes.ts'

/** Bytes that wait to be written, and that are read at once. */
const BUFFER_BYTES = 4 * 1_048_576
/** Person, time, shard, sequence and hash, as 64-bit floats. */
const MOMENT_FLOATS = 5
const HASH_BITS = 32

interface SpoolOptions {
  readonly directory: string
  readonly width: number
  readonly rowsMax?: number
  readonly bufferBytes?: number
}

/** Rows of a spool, valid until the next are read. */
export interface SpoolBlock {
  readonly count: number
  moment(index: number): Moment
  /** A view of the features. */
  features(index: number): Float32Array
}

/**
 * Rows whose labels are not known yet, on the disk: fixed-size records that are appended and later
 * read back in the same order. Memory is one buffer.
 *
 * Where there are more than `rowsMax` rows, the half with the higher hash is dropped and from then on
 * only such rows are wanted: which rows are left does not depend on their order.
 *
 * The file has no name from the start on: it is gone when the spool is closed or its thread or process
 * ends, however that comes. Reads and writes block: for a thread that does nothing else.
 */
export class RowSpool {
  /** Rows that are kept; exact up to 2^53. */
  count = 0
  /** Rows in the file, the dropped ones too. */
  private written = 0
  /** Rows by the number of zero bits that their hashes begin with; those with fewer than `zeros` are dropped. */
  private readonly countsByZeros = new Float64Array(HASH_BITS + 1)
  private zeros = 0
  private readonly capacity: number
  private readonly kept: Uint32Array
  private readonly file: number
  private readonly width: number
  private readonly rowBytes: number
  private readonly rowsHeldMax: number
  private readonly floats: Float32Array
  private readonly doubles: Float64Array
  private readonly bytes: Uint8Array
  private held = 0
  private reading = false
  private open = true

  /**
   * @param options.directory for the temporary file; must exist and have room for all rows
   * @param options.width of a feature vector
   * @param options.rowsMax default: all rows are kept
   * @param options.bufferBytes at least one row is held, whatever this is
   * @throws LimnError ERR_DATASET_SAVE
   */
  constructor({ directory, width, rowsMax, bufferBytes = BUFFER_BYTES }: SpoolOptions) {
    this.capacity = rowsMax ?? Number.POSITIVE_INFINITY
    this.width = width
    this.rowBytes = 8 * (MOMENT_FLOATS + Math.ceil(width / 2))
    this.rowsHeldMax = Math.max(1, Math.floor(bufferBytes / this.rowBytes))
    this.kept = new Uint32Array(this.rowsHeldMax)
    const buffer = new ArrayBuffer(this.rowsHeldMax * this.rowBytes)
    this.floats = new Float32Array(buffer)
    this.doubles = new Float64Array(buffer)
    this.bytes = new Uint8Array(buffer)
    this.file = guarded(() => {
      const path = join(directory, `.rows-${randomUUID()}`)
      const file = openSync(path, 'wx+', 0o600)
      rmSync(path)
      return file
    })
  }

  /** Bytes that the rows take on the disk. */
  get size(): number {
    return this.written * this.rowBytes
  }

  /** Whether a row with this hash (32 bits) would be kept. */
  wants(hash: number): boolean {
    return Math.clz32(hash) >= this.zeros
  }

  /**
   * Appends a row; `write` fills its features from the offset on.
   * @throws LimnError ERR_DATASET_SAVE
   */
  add(moment: Moment, hash: number, write: (out: Float32Array, offset: number) => void): void {
    if (this.reading) throw new Error('the spool is being read')
    if (!this.wants(hash)) return
    if (this.held === this.rowsHeldMax) this.flush()
    const at = (this.held * this.rowBytes) / 8
    this.doubles[at] = moment.person
    this.doubles[at + 1] = moment.time
    this.doubles[at + 2] = moment.shard
    this.doubles[at + 3] = moment.sequence
    this.doubles[at + 4] = hash
    write(this.floats, (at + MOMENT_FLOATS) * 2)
    this.held++
    this.written++
    this.count++
    this.countsByZeros[Math.clz32(hash)]++
    while (this.count > this.capacity && this.wants(0))
      this.count -= this.countsByZeros[this.zeros++]
  }

  /**
   * The rows in the order in which they came; nothing can be added afterwards. One reading at a time.
   * @throws LimnError ERR_DATASET_SAVE
   */
  *blocks(): Iterable<SpoolBlock> {
    if (!this.reading) this.flush()
    this.reading = true
    for (let row = 0; row < this.written; row += this.rowsHeldMax) {
      const rows = Math.min(this.rowsHeldMax, this.written - row)
      this.read(row * this.rowBytes, rows * this.rowBytes)
      const count = this.selectKept(rows)
      const moment = (i: number): Moment => this.moment(this.kept[i])
      yield { count, moment, features: (i) => this.features(this.kept[i]) }
    }
  }

  /** Gives the disk's room back. */
  close(): void {
    if (!this.open) return
    this.open = false
    closeSync(this.file)
  }

  /** Places of the rows in the buffer that were not dropped. */
  private selectKept(rows: number): number {
    let count = 0
    for (let i = 0; i < rows; i++) {
      if (this.wants(this.doubles[(i * this.rowBytes) / 8 + 4])) this.kept[count++] = i
    }
    return count
  }

  private moment(index: number): Moment {
    const at = (index * this.rowBytes) / 8
    const { doubles } = this
    return {
      person: doubles[at],
      time: doubles[at + 1],
      shard: doubles[at + 2],
      sequence: doubles[at + 3],
    }
  }

  private features(index: number): Float32Array {
    const at = (index * this.rowBytes) / 4 + MOMENT_FLOATS * 2
    return this.floats.subarray(at, at + this.width)
  }

  private flush(): void {
    const end = this.held * this.rowBytes
    guarded(() => {
      for (let at = 0; at < end;) at += writeSync(this.file, this.bytes, at, end - at)
    })
    this.held = 0
  }

  private read(position: number, length: number): void {
    guarded(() => {
      for (let at = 0; at < length;) {
        const read = readSync(this.file, this.bytes, at, length - at, position + at)
        if (read === 0) throw new Error('the temporary file of rows ended early')
        at += read
      }
    })
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `rows that wait for their labels cannot be kept on the disk: ${reason}`
    throw new LimnError('ERR_DATASET_SAVE', message, { cause: error, retryable: true })
  }
}
