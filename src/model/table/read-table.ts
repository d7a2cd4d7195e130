import { basename } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import type { Task } from '../learners/predictor.ts'
import { openCsv } from './csv-rows.ts'
import { inferSchema, type SchemaRequest } from './infer-schema.ts'
import { cellReader, labelReader, type CellReader } from './cell-readers.ts'
import type { TableColumn, TableSchema } from './schema.ts'

/** Cells of a table in memory, at 4 bytes each. */
const CELLS_MAX = 500_000_000
const ROWS_FIRST = 4_096

export interface DataTable {
  readonly schema: TableSchema
  readonly columns: readonly TableColumn[]
  readonly task: Task | null
  readonly count: number
  /** Values of a row: as many as there are columns. */
  readonly width: number
  /** `count × columns`, row by row: numbers, codes of categories, days; missing values are NaN. */
  readonly rows: Float32Array
  /** Class index or value of each row; of length 0 where there is no label or none was wanted. */
  readonly labels: Float32Array
  /** Number of classes, 0 where there are none. */
  readonly classes: number
  /** Rows left out: without a label, or with a label that the schema does not have. */
  readonly unlabelled: number
  readonly unknownLabels: number
  /** Cells read as missing because they did not fit their column, by column; only those above 0. */
  readonly misfits: Readonly<Record<string, number>>
  /** Columns of the file that the schema does not know. */
  readonly extra: readonly string[]
}

/**
 * Reads a CSV file as a dataset: once to see what its columns are, once to take the values. Memory is
 * 4 bytes a value.
 * @throws LimnError as {@link inferSchema} and {@link readTableAs}
 */
export async function readTable(file: string, request: SchemaRequest): Promise<DataTable> {
  const { schema } = await inferSchema(file, request)
  return readTableAs(file, schema, { labels: request.label === null ? 'none' : 'needed' })
}

/**
 * Reads a CSV file by a schema made from another. Its columns may stand in any order, others than
 * the schema's are passed over and named in `extra`, and a category that the schema does not have
 * is missing. With `labels: 'none'` all rows are taken and no label is looked for.
 * @throws LimnError ERR_TABLE_FILE, ERR_TABLE_HEADER, ERR_TABLE_ROW, ERR_TABLE_COLUMN,
 * ERR_TABLE_LABEL, ERR_TABLE_SIZE, ERR_DATASET_EMPTY
 */
export async function readTableAs(
  file: string,
  schema: TableSchema,
  { labels }: { readonly labels: 'needed' | 'none' },
): Promise<DataTable> {
  const { header, records } = await openCsv(file)
  const filler = new TableFiller(file, header, { schema, labelled: labels === 'needed' })
  for await (const cells of records) filler.add(cells)
  return filler.finish()
}

interface FillerOptions {
  readonly schema: TableSchema
  readonly labelled: boolean
}

/** Takes records and grows the table; ends as a {@link DataTable}. */
class TableFiller {
  private readonly file: string
  private readonly schema: TableSchema
  private readonly places: readonly number[]
  private readonly readers: readonly CellReader[]
  private readonly misfits: Float64Array
  private readonly labelPlace: number
  private readonly readLabel: CellReader
  private readonly extra: readonly string[]
  private rows: Float32Array<ArrayBuffer>
  private labels: Float32Array<ArrayBuffer>
  private capacity = ROWS_FIRST
  private count = 0
  private unlabelled = 0
  private unknownLabels = 0

  constructor(file: string, header: readonly string[], { schema, labelled }: FillerOptions) {
    const { columns, label, ignored } = schema
    this.file = file
    this.schema = schema
    this.places = columns.map(({ name }) => placeOf(file, header, name))
    this.readers = columns.map(cellReader)
    this.misfits = new Float64Array(columns.length)
    this.labelPlace = labelled && label !== null ? labelPlaceOf(file, header, label.name) : -1
    this.readLabel = label === null ? () => Number.NaN : labelReader(label)
    const known = new Set([...columns, ...ignored].map(({ name }) => name))
    this.extra = header.filter((name) => !known.has(name) && name !== label?.name)
    this.rows = new Float32Array(ROWS_FIRST * columns.length)
    this.labels = new Float32Array(this.labelPlace < 0 ? 0 : ROWS_FIRST)
  }

  add(cells: readonly string[]): void {
    const label = this.labelPlace < 0 ? 0 : this.readLabel(cells[this.labelPlace])
    if (label !== label) {
      this.unlabelled++
      return
    }
    if (label === Number.POSITIVE_INFINITY) {
      this.unknownLabels++
      return
    }
    if (this.count === this.capacity) this.grow()
    const width = this.places.length
    let at = this.count * width
    for (let i = 0; i < width; i++) {
      const value = this.readers[i](cells[this.places[i]])
      if (value === Number.POSITIVE_INFINITY) this.misfits[i]++
      this.rows[at++] = value === Number.POSITIVE_INFINITY ? Number.NaN : value
    }
    if (this.labelPlace >= 0) this.labels[this.count] = label
    this.count++
  }

  finish(): DataTable {
    const { schema, count, unlabelled, unknownLabels, extra } = this
    const { columns, label } = schema
    if (count === 0) {
      const why = unlabelled + unknownLabels > 0 ? 'no row with a known label' : 'no rows'
      throw new LimnError('ERR_DATASET_EMPTY', `${basename(this.file)} has ${why}`)
    }
    const misfits = Object.fromEntries(
      columns.map(({ name }, i) => [name, this.misfits[i]] as const).filter(([, n]) => n > 0),
    )
    return {
      schema,
      columns,
      task: label?.task ?? null,
      count,
      width: columns.length,
      rows: this.rows.subarray(0, count * columns.length),
      labels: this.labelPlace < 0 ? new Float32Array(0) : this.labels.subarray(0, count),
      classes: label?.classes.length ?? 0,
      unlabelled,
      unknownLabels,
      misfits,
      extra,
    }
  }

  private grow(): void {
    const width = this.places.length
    const rows = Math.min(Math.ceil(this.count * 1.5), Math.floor(CELLS_MAX / Math.max(1, width)))
    if (rows <= this.count) {
      const message = `${basename(this.file)} has more than ${CELLS_MAX} values; leave columns out`
      throw new LimnError('ERR_TABLE_SIZE', message)
    }
    this.capacity = rows
    this.rows = grown(this.rows, rows * width)
    if (this.labelPlace >= 0) this.labels = grown(this.labels, rows)
  }
}

function grown(values: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(length)
  larger.set(values)
  return larger
}

function placeOf(file: string, header: readonly string[], name: string): number {
  const place = header.indexOf(name)
  if (place >= 0) return place
  const message = `${basename(file)} has no column "${name}"; it has: ${header.join(', ')}`
  throw new LimnError('ERR_TABLE_COLUMN', message)
}

function labelPlaceOf(file: string, header: readonly string[], name: string): number {
  const place = header.indexOf(name)
  if (place >= 0) return place
  const message = `${basename(file)} has no column "${name}"; it has: ${header.join(', ')}`
  throw new LimnError('ERR_TABLE_LABEL', message)
}
