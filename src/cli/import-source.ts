import { basename } from 'node:path'
import { LimnError } from '../protocol/errors.ts'
import type { CsvRecord, CsvRow } from './import-csv.ts'
import { CsvReader } from './import-csv.ts'
import { EventBuilder } from './import-events.ts'
import type { Line } from './import-lines.ts'
import { LineReader } from './import-lines.ts'
import type { ImportMap } from './map-file.ts'
import { loadMap } from './map-file.ts'

export interface ImportReject {
  /** Line in the (unpacked) file, from 1. */
  readonly line: number
  readonly code: string
  readonly reason: string
  readonly original: unknown
}

export type ImportItem =
  | { readonly message: Record<string, unknown> }
  | { readonly reject: ImportReject }

export interface ImportSource {
  readonly name: string
  /** Bad lines are rejects; they do not end the iteration. */
  readonly items: AsyncIterable<ImportItem>
  /** Size of the file as stored. */
  readonly bytesTotal: number
  bytesRead(): number
  rowsRead(): number
  rowsSkipped(): number
  /** After the iteration: `ERR_IMPORT_GZIP` where the packed data was damaged or cut off. */
  damage(): LimnError | null
}

/** Turns the lines of one file into messages. */
interface Reader {
  rows: number
  readonly skipped: number
  take(lines: readonly Line[], items: ImportItem[], ended: boolean): void
}

/**
 * Opens a file: with a map, rows of CSV; without, Segment messages, one JSON object a line. Throws
 * `ERR_IMPORT_FILE`, `ERR_IMPORT_MAP_MISSING` and the errors of {@link loadMap}; the iteration
 * throws `ERR_IMPORT_HEADER` where the file is not one that the map is for, and `ERR_IMPORT_FILE`
 * where it cannot be read to its end.
 */
export async function openImport(file: string, map?: string): Promise<ImportSource> {
  if (map === undefined && /\.(csv|tsv)(\.gz)?$/i.test(file)) {
    const message = `${file}: CSV needs --map, which says how its columns become events`
    throw new LimnError('ERR_IMPORT_MAP_MISSING', message)
  }
  const name = basename(file)
  const lines = await LineReader.open(file)
  const reader = map === undefined ? new MessageReader() : new RowReader(loadMap(map), name)
  return {
    name,
    items: readItems(lines, reader),
    bytesTotal: lines.bytesTotal,
    bytesRead: () => lines.bytesRead,
    rowsRead: () => reader.rows,
    rowsSkipped: () => reader.skipped,
    damage: () => lines.damage,
  }
}

async function* readItems(lines: LineReader, reader: Reader): AsyncGenerator<ImportItem> {
  for await (const block of lines.blocks()) {
    const items: ImportItem[] = []
    reader.take(block, items, false)
    yield* items
  }
  const rest: ImportItem[] = []
  reader.take([], rest, true)
  yield* rest
}

/** Messages, one JSON object a line. */
class MessageReader implements Reader {
  rows = 0
  readonly skipped = 0
  private line = 0

  take(lines: readonly Line[], items: ImportItem[]): void {
    for (const text of lines) {
      this.line++
      if (text !== null && text.trim() === '') continue
      this.rows++
      items.push(text === null ? this.tooLong() : parseLine(text, this.line))
    }
  }

  private tooLong(): ImportItem {
    const { line } = this
    const reason = `line ${line}: is too long`
    return { reject: { line, code: 'ERR_IMPORT_LINE_LENGTH', reason, original: null } }
  }
}

/** Rows of a table, by a map. */
class RowReader implements Reader {
  rows = 0
  private readonly map: ImportMap
  private readonly name: string
  private readonly csv: CsvReader
  private readonly builder: EventBuilder
  private headerDue: boolean
  /** Where in a record each column of the map is; null: in the same place. */
  private places: readonly number[] | null = null

  constructor(map: ImportMap, name: string) {
    this.map = map
    this.name = name
    this.csv = new CsvReader(map.delimiter, map.header ? 0 : map.columns.length)
    this.builder = new EventBuilder(map, name)
    this.headerDue = map.header
  }

  get skipped(): number {
    return this.builder.rowsSkipped
  }

  take(lines: readonly Line[], items: ImportItem[], ended: boolean): void {
    for (const record of this.csv.push(lines, ended)) this.takeRecord(record, items)
    if (ended) this.builder.finish(items)
  }

  private takeRecord(record: CsvRecord, items: ImportItem[]): void {
    if (this.headerDue) {
      this.headerDue = false
      return this.takeHeader(record)
    }
    this.rows++
    if ('code' in record) {
      items.push({ reject: record })
      return
    }
    this.builder.push(this.placed(record), items)
  }

  private takeHeader(record: CsvRecord): void {
    if ('code' in record) throw this.badHeader(record.reason)
    const { headerNames, columns } = this.map
    const found = record.cells.map((cell) => cell.trim())
    if (headerNames === null) {
      if (found.length === columns.length) return
      throw this.badHeader(`found ${found.length} columns; the map has ${columns.length}`)
    }
    this.places = headerNames.map((name) => {
      const place = found.indexOf(name)
      if (place < 0) throw this.badHeader(`found no column "${name}" among ${found.join(', ')}`)
      return place
    })
  }

  private placed(row: CsvRow): CsvRow {
    const { places } = this
    if (places === null) return row
    return { line: row.line, cells: places.map((place) => row.cells[place]) }
  }

  private badHeader(reason: string): LimnError {
    return new LimnError('ERR_IMPORT_HEADER', `${this.name}: ${reason}`)
  }
}

function parseLine(text: string, line: number): ImportItem {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const reason = `line ${line} is not JSON: ${error instanceof Error ? error.message : error}`
    return { reject: { line, code: 'ERR_IMPORT_LINE_INVALID', reason, original: text } }
  }
  if (isObject(value)) return { message: value }
  const reason = `line ${line} is not a JSON object`
  return { reject: { line, code: 'ERR_IMPORT_LINE_INVALID', reason, original: text } }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
