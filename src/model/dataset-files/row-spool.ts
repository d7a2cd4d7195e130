import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import type { Moment } from '../outcomes.ts'

/** Bytes that wait to be written, and that are read at once. */
const BUFFER_BYTES = 4 * 1_048_576
/** Person, time, shard and sequence, as 64-bit floats. */
const MOMENT_FLOATS = 4

interface SpoolOptions {
  readonly directory: string
  readonly width: number
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
 * The file has no name from the start on: it is gone when the spool is closed or its thread or process
 * ends, however that comes. Reads and writes block: for a thread that does nothing else.
 */
export class RowSpool {
  /** Exact up to 2^53. */
  count = 0
  private readonly file: number
  private readonly width: number
  private readonly rowBytes: number
  private readonly rowsMax: number
  private readonly floats: Float32Array
  private readonly doubles: Float64Array
  private readonly bytes: Uint8Array
  private held = 0
  private reading = false
  private open = true

  /**
   * @param options.directory for the temporary file; must exist and have room for all rows
   * @param options.width of a feature vector
   * @param options.bufferBytes at least one row is held, whatever this is
   * @throws LimnError ERR_DATASET_SAVE
   */
  constructor({ directory, width, bufferBytes = BUFFER_BYTES }: SpoolOptions) {
    this.width = width
    this.rowBytes = 8 * (MOMENT_FLOATS + Math.ceil(width / 2))
    this.rowsMax = Math.max(1, Math.floor(bufferBytes / this.rowBytes))
    const buffer = new ArrayBuffer(this.rowsMax * this.rowBytes)
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
    return this.count * this.rowBytes
  }

  /**
   * Appends a row; `write` fills its features from the offset on.
   * @throws LimnError ERR_DATASET_SAVE
   */
  add(moment: Moment, write: (out: Float32Array, offset: number) => void): void {
    if (this.reading) throw new Error('the spool is being read')
    if (this.held === this.rowsMax) this.flush()
    const at = (this.held * this.rowBytes) / 8
    this.doubles[at] = moment.person
    this.doubles[at + 1] = moment.time
    this.doubles[at + 2] = moment.shard
    this.doubles[at + 3] = moment.sequence
    write(this.floats, (at + MOMENT_FLOATS) * 2)
    this.held++
    this.count++
  }

  /**
   * The rows in the order in which they came; nothing can be added afterwards. One reading at a time.
   * @throws LimnError ERR_DATASET_SAVE
   */
  *blocks(): Iterable<SpoolBlock> {
    if (!this.reading) this.flush()
    this.reading = true
    for (let row = 0; row < this.count; row += this.rowsMax) {
      const count = Math.min(this.rowsMax, this.count - row)
      this.read(row * this.rowBytes, count * this.rowBytes)
      yield { count, moment: (i) => this.moment(i), features: (i) => this.features(i) }
    }
  }

  /** Gives the disk's room back. */
  close(): void {
    if (!this.open) return
    this.open = false
    closeSync(this.file)
  }

  private moment(index: number): Moment {
    const at = (index * this.rowBytes) / 8
    const [person, time, shard, sequence] = this.doubles.subarray(at, at + MOMENT_FLOATS)
    return { person, time, shard, sequence }
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
