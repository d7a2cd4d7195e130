import type { SchemaElement } from 'hyparquet'
import type { Feature } from '../../profile/feature-vector.ts'
import { ColumnEncoder, type EncodedColumn } from './column-encoder.ts'
import type { DatasetLabel } from './manifest.ts'
import type { ColumnPage } from './parquet-file.ts'

/** A row of a dataset. */
export interface DatasetRow {
  /** Arrival of the event after which the features were read, whole ms since 1970. */
  readonly time: number
  readonly shard: number
  readonly sequence: number
  /** Index of the class, or the value. */
  readonly label: number
}

/** The text of a category's code. */
export type TextOf = (feature: number, code: number) => string

export interface RowGroupOptions {
  readonly schema: readonly SchemaElement[]
  readonly features: readonly Feature[]
  readonly label: DatasetLabel
  readonly textOf: TextOf
  readonly rowsMax: number
}

/** Columns of {@link RowGroupOptions.schema} before the features. */
const COLUMNS_BEFORE = 4
/** Features that are turned into columns at once: those that share a line of the processor's cache. */
const FEATURES_AT_ONCE = 16

/**
 * Rows that become one row group: `rowsMax × width` floats, the values of their own columns and the
 * encoder's buffers are all the memory there is. Full at `rowsMax`; {@link clear} starts anew.
 */
export class RowGroup {
  count = 0
  private readonly options: RowGroupOptions
  private readonly width: number
  private readonly times: Float64Array
  private readonly shards: Int32Array
  private readonly sequences: Float64Array
  private readonly labels: Float64Array
  /** Row by row, as they came. */
  private readonly rows: Float32Array
  /** {@link FEATURES_AT_ONCE} columns, one after the other. */
  private readonly columns: Float32Array
  private readonly wide: DataView<ArrayBuffer>
  private readonly encoder: ColumnEncoder

  constructor(options: RowGroupOptions) {
    const { rowsMax, features } = options
    this.options = options
    this.width = features.length
    this.times = new Float64Array(rowsMax)
    this.shards = new Int32Array(rowsMax)
    this.sequences = new Float64Array(rowsMax)
    this.labels = new Float64Array(rowsMax)
    this.rows = new Float32Array(rowsMax * this.width)
    this.columns = new Float32Array(rowsMax * FEATURES_AT_ONCE)
    this.wide = new DataView(new ArrayBuffer(rowsMax * 8))
    this.encoder = new ColumnEncoder(rowsMax)
  }

  get full(): boolean {
    return this.count === this.options.rowsMax
  }

  /** Takes a row; its features are copied. */
  add(row: DatasetRow, features: Float32Array): void {
    const at = this.count++
    this.times[at] = row.time
    this.shards[at] = row.shard
    this.sequences[at] = row.sequence
    this.labels[at] = row.label
    this.rows.set(features, at * this.width)
  }

  clear(): void {
    this.count = 0
  }

  /** The columns in the schema's order, each encoded when it is asked for. */
  *pages(): Iterable<ColumnPage> {
    const { count, options } = this
    const { schema, features, label } = options
    const [time, shard, sequence, labels] = schema.slice(1)
    yield this.wholes(time, this.times)
    yield this.shardPage(shard)
    yield this.wholes(sequence, this.sequences)
    yield label.classes.length > 0 ? this.classes(labels) : this.values(labels)
    for (let i = 0; i < features.length; i++) {
      const element = schema[1 + COLUMNS_BEFORE + i]
      if (i % FEATURES_AT_ONCE === 0) this.transpose(i)
      const values = this.column(i % FEATURES_AT_ONCE)
      if (features[i].kind === 'number') {
        yield this.numberPage(element, this.encoder.floats(values), count)
      } else {
        const textOf = (bits: number): string => options.textOf(i, floatOf(bits))
        yield textPage(element, this.encoder.codes(values), { rows: count, textOf })
      }
    }
  }

  private transpose(first: number): void {
    const { rows, columns, width, count } = this
    const { rowsMax } = this.options
    const features = Math.min(FEATURES_AT_ONCE, width - first)
    for (let i = 0; i < count; i++) {
      const at = i * width + first
      for (let j = 0; j < features; j++) columns[j * rowsMax + i] = rows[at + j]
    }
  }

  private column(place: number): Float32Array {
    const start = place * this.options.rowsMax
    return this.columns.subarray(start, start + this.count)
  }

  private numberPage(element: SchemaElement, encoded: EncodedColumn, rows: number): ColumnPage {
    const { dictionary, encoding, ...rest } = encoded
    return {
      ...rest,
      encoding,
      element,
      rows,
      dictionary:
        dictionary === null ? null : { values: dictionary.length, bytes: bytesOf(dictionary) },
      range: rangeOf(floatsOf(dictionary ?? encoded.present)),
    }
  }

  private shardPage(element: SchemaElement): ColumnPage {
    const { count } = this
    const encoded = this.encoder.integers(this.shards.subarray(0, count))
    const page = this.numberPage(element, encoded, count)
    return { ...page, range: rangeOf(encoded.dictionary ?? encoded.present) }
  }

  private classes(element: SchemaElement): ColumnPage {
    const { count, options, labels } = this
    const codes = this.column(0)
    for (let i = 0; i < count; i++) codes[i] = labels[i]
    const encoded = { ...this.encoder.codes(codes), levels: NOTHING }
    const textOf = (bits: number): string => options.label.classes[floatOf(bits)]
    return textPage(element, encoded, { rows: count, textOf })
  }

  /** Whole numbers of up to 53 bits as 64-bit ones. */
  private wholes(element: SchemaElement, numbers: Float64Array): ColumnPage {
    const { count, wide } = this
    for (let i = 0; i < count; i++) {
      const number = numbers[i]
      if (!Number.isSafeInteger(number)) throw new RangeError(`${element.name} is ${number}`)
      const high = Math.floor(number / 4_294_967_296)
      wide.setUint32(i * 8, number - high * 4_294_967_296, true)
      wide.setInt32(i * 8 + 4, high, true)
    }
    return this.plain(element, numbers)
  }

  private values(element: SchemaElement): ColumnPage {
    const { count, wide, labels } = this
    for (let i = 0; i < count; i++) wide.setFloat64(i * 8, labels[i], true)
    return this.plain(element, labels)
  }

  private plain(element: SchemaElement, numbers: Float64Array): ColumnPage {
    const { count: rows, wide } = this
    return {
      element,
      rows,
      nulls: 0,
      encoding: 'PLAIN',
      levels: NOTHING,
      body: new Uint8Array(wide.buffer, 0, rows * 8),
      dictionary: null,
      range: rangeOf(numbers.subarray(0, rows)),
    }
  }
}

const NOTHING = new Uint8Array(0)
const encoder = new TextEncoder()
const scratch = new DataView(new ArrayBuffer(4))

function textPage(
  element: SchemaElement,
  encoded: EncodedColumn,
  { rows, textOf }: { readonly rows: number; readonly textOf: (bits: number) => string },
): ColumnPage {
  const { dictionary, encoding, levels, body, nulls } = encoded
  const page = { element, rows, nulls, encoding, levels, body, range: {} }
  if (dictionary === null) return { ...page, dictionary: null }
  const texts = Array.from(dictionary, textOf)
  return { ...page, dictionary: { values: texts.length, bytes: textBytes(texts) } }
}

/** Parquet's plain form of texts: length and UTF-8 of each. */
function textBytes(texts: readonly string[]): Uint8Array {
  const parts = texts.map((text) => encoder.encode(text))
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + 4 + length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length, true)
    bytes.set(part, at + 4)
    at += 4 + part.length
  }
  return bytes
}

/** Parquet's rule: a least 0 is negative and a greatest one positive, since both are equal. */
function rangeOf(numbers: ArrayLike<number>): ColumnPage['range'] {
  if (numbers.length === 0) return {}
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i]
    if (number < min) min = number
    if (number > max) max = number
  }
  return { min_value: min === 0 ? -0 : min, max_value: max === 0 ? 0 : max }
}

function floatOf(bits: number): number {
  scratch.setUint32(0, bits)
  return scratch.getFloat32(0)
}

function floatsOf(bits: Uint32Array): Float32Array {
  return new Float32Array(bits.buffer, bits.byteOffset, bits.length)
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
