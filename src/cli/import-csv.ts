import { CsvError, parse } from 'csv-parse/sync'
import type { Line } from './import-lines.ts'

/** Most lines that one quoted record may take; a stray quote costs no more than its own line. */
const QUOTED_LINES_MAX = 100

export type Delimiter = ',' | ';' | '|' | 'tab' | 'spaces'

export interface CsvRow {
  /** Line in the (unpacked) file, from 1, where the record starts. */
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvFault {
  readonly line: number
  readonly code: string
  readonly reason: string
  readonly original: string
}

export type CsvRecord = CsvRow | CsvFault

/**
 * Cuts lines into records of a fixed number of cells (RFC 4180: quoted cells may hold the
 * delimiter, doubled quotes and line ends). A faulty line is one fault; reading goes on with the
 * line after it. Blank lines are passed over.
 */
export class CsvReader {
  /** How many cells a record must have; 0: as many as the first record. */
  columns: number
  private readonly delimiter: string
  private readonly spaces: boolean
  private buffer: Line[] = []
  /** Number of the first line in the buffer. */
  private line = 1

  constructor(delimiter: Delimiter, columns: number) {
    this.delimiter = delimiter === 'tab' ? '\t' : delimiter
    this.spaces = delimiter === 'spaces'
    this.columns = columns
  }

  /** The records that are complete with these lines; at the end, all that is left. */
  push(lines: readonly Line[], ended = false): CsvRecord[] {
    this.buffer = this.buffer.length === 0 ? [...lines] : [...this.buffer, ...lines]
    const records: CsvRecord[] = []
    let at = 0
    while (at < this.buffer.length) {
      const text = this.buffer[at]
      if (text !== null && (this.spaces || !text.includes('"'))) {
        if (text.trim() !== '') records.push(this.check(this.split(text), at, text))
        at++
        continue
      }
      const used = text === null ? 1 : this.quoted(at, ended, records)
      if (text === null) records.push(this.fault(at, 'ERR_IMPORT_LINE_LENGTH', 'is too long', ''))
      if (used === 0) break
      at += used
    }
    this.buffer = this.buffer.slice(at)
    this.line += at
    return records
  }

  private split(text: string): string[] {
    return this.spaces ? text.trim().split(/\s+/) : text.split(this.delimiter)
  }

  private check(cells: readonly string[], at: number, original: string): CsvRecord {
    if (this.columns === 0) this.columns = cells.length
    if (cells.length === this.columns) return { line: this.line + at, cells }
    const reason = `has ${cells.length} columns; needed: ${this.columns}`
    return this.fault(at, 'ERR_IMPORT_COLUMNS', reason, original)
  }

  /** Takes a record with quotes; returns its number of lines, 0 where more lines are needed. */
  private quoted(at: number, ended: boolean, records: CsvRecord[]): number {
    const first = this.buffer[at] ?? ''
    const lines = this.balanced(at)
    if (lines === 0 && !ended && this.buffer.length - at < QUOTED_LINES_MAX) return 0
    const text = lines === 0 ? first : this.buffer.slice(at, at + lines).join('\n')
    const cells = lines === 0 ? 'a quote is not closed' : parseQuoted(text, this.delimiter)
    if (typeof cells === 'string') {
      records.push(this.fault(at, 'ERR_IMPORT_QUOTE', cells, first))
      return 1
    }
    const record = this.check(cells, at, text)
    if (lines > 1 && 'code' in record) {
      records.push(this.fault(at, 'ERR_IMPORT_QUOTE', 'a quote is not closed', first))
      return 1
    }
    records.push(record)
    return lines
  }

  /** Lines from there until quotes are paired; 0 where they never are. */
  private balanced(at: number): number {
    let quotes = 0
    const end = Math.min(this.buffer.length, at + QUOTED_LINES_MAX)
    for (let i = at; i < end; i++) {
      const text = this.buffer[i]
      if (text === null) return 0
      quotes += countQuotes(text)
      if (quotes % 2 === 0) return i - at + 1
    }
    return 0
  }

  private fault(at: number, code: string, reason: string, original: string): CsvFault {
    const line = this.line + at
    return { line, code, reason: `line ${line}: ${reason}`, original: original.slice(0, 1000) }
  }
}

/** The cells, or why there are none. */
function parseQuoted(text: string, delimiter: string): string[] | string {
  try {
    const [cells = []] = parse(text, { delimiter, relax_column_count: true })
    return cells
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return `a quote is out of place (${error.code})`
  }
}

function countQuotes(text: string): number {
  let count = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count++
  return count
}
