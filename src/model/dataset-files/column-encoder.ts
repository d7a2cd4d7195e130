import { BitPacker, repeatRun, widthOf } from './bit-packing.ts'
import { ValueIndex } from './value-index.ts'

/** More different numbers than these in a row group are written out one by one. */
const NUMBERS_MAX = 1_024

/** One page of a column, encoded; its bytes are valid until the encoder is used again. */
export interface EncodedColumn {
  readonly encoding: 'PLAIN' | 'RLE_DICTIONARY'
  readonly nulls: number
  /** Which rows have a value; empty for a column that is never null. */
  readonly levels: Uint8Array
  readonly body: Uint8Array
  /** The different values in order of their indices; null where `body` has the values themselves. */
  readonly dictionary: Uint32Array | null
  /** The values that there are, without nulls. */
  readonly present: Uint32Array
}

/**
 * Encodes columns of up to `rowsMax` 32-bit values, one after the other, as Parquet does (pages of
 * version 2): a dictionary of the different values and bit-packed indices into it, or the values
 * themselves. Its buffers are used again for each column; one row group's size is all it holds.
 */
export class ColumnEncoder {
  private readonly packer: BitPacker
  private readonly numbers = new ValueIndex(NUMBERS_MAX)
  private readonly texts: ValueIndex
  private readonly present: Uint32Array<ArrayBuffer>
  private readonly indices: Uint32Array
  private readonly flags: Uint32Array
  private readonly levels: Uint8Array
  private readonly packed: Uint8Array

  constructor(rowsMax: number) {
    this.packer = new BitPacker(rowsMax)
    this.texts = new ValueIndex(rowsMax)
    this.present = new Uint32Array(rowsMax)
    this.indices = new Uint32Array(rowsMax)
    this.flags = new Uint32Array(rowsMax)
    this.levels = new Uint8Array(BitPacker.bytesMax(rowsMax, 1))
    this.packed = new Uint8Array(1 + BitPacker.bytesMax(rowsMax, widthOf(rowsMax)))
  }

  /** Numbers, of which NaN is null. */
  floats(values: Float32Array): EncodedColumn {
    return this.optional(values, this.numbers)
  }

  /** Codes that stand for texts, of which NaN is null; always by a dictionary. */
  codes(values: Float32Array): EncodedColumn {
    return this.optional(values, this.texts)
  }

  /** Whole numbers that are never null, always by a dictionary. */
  integers(values: Int32Array): EncodedColumn {
    const { texts } = this
    this.present.set(values)
    texts.clear()
    for (let i = 0; i < values.length; i++) this.indices[i] = texts.add(this.present[i])
    return this.encoded(values.length, values.length, texts)
  }

  private optional(values: Float32Array, index: ValueIndex): EncodedColumn {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    const { present, indices, flags } = this
    index.clear()
    let count = 0
    let last = 0
    let lastIndex = -1
    let fits = true
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (value !== value) {
        flags[i] = 0
        continue
      }
      flags[i] = 1
      const bit = bits[i]
      if (fits && (bit !== last || count === 0)) {
        lastIndex = index.add(bit)
        last = bit
        fits = lastIndex >= 0
      }
      indices[count] = lastIndex
      present[count++] = bit
    }
    const levels = this.levelsOf(values.length, count)
    return { ...this.encoded(values.length, count, fits ? index : null), levels }
  }

  private encoded(rows: number, count: number, index: ValueIndex | null): EncodedColumn {
    const present = this.present.subarray(0, count)
    const facts = { nulls: rows - count, levels: NOTHING, present }
    if (index === null || count === 0) {
      const body = new Uint8Array(present.buffer, 0, present.byteLength)
      return { ...facts, encoding: 'PLAIN', body, dictionary: null }
    }
    const width = widthOf(index.count)
    this.packed[0] = width
    const length = this.packer.pack(this.indices.subarray(0, count), width, this.packed.subarray(1))
    const dictionary = index.values.subarray(0, index.count)
    const body = this.packed.subarray(0, 1 + length)
    return { ...facts, encoding: 'RLE_DICTIONARY', body, dictionary }
  }

  private levelsOf(rows: number, present: number): Uint8Array {
    const { levels, flags } = this
    const same = present === 0 || present === rows
    const length = same
      ? repeatRun(present === 0 ? 0 : 1, rows, levels)
      : this.packer.pack(flags.subarray(0, rows), 1, levels)
    return levels.subarray(0, length)
  }
}

const NOTHING = new Uint8Array(0)
