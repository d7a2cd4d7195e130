import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { CsvError, parse, type Parser } from 'csv-parse'
import { LimnError } from '../../protocol/errors.ts'

/** A longer record is refused: a quote that is never closed must not take all memory. */
const RECORD_CHARACTERS_MAX = 4_194_304
const COLUMNS_MAX = 10_000
const HEAD_BYTES = 65_536
const DELIMITERS = [',', ';', '\t', '|']

export interface CsvTable {
  /** Column names, trimmed. */
  readonly header: readonly string[]
  /** Records with as many cells as the header has, in order. */
  readonly records: AsyncIterable<readonly string[]>
}

/**
 * Opens a CSV file with a header (RFC 4180; delimited by comma, semicolon, tab or bar, whichever the
 * header has most of; plain or gzip, known by its first bytes). Blank lines are passed over. Memory
 * is bounded by the longest record.
 * @throws LimnError ERR_TABLE_FILE (unreadable, or damaged gzip), ERR_TABLE_HEADER; the iteration
 * throws ERR_TABLE_FILE and ERR_TABLE_ROW, naming file and line
 */
export async function openCsv(file: string): Promise<CsvTable> {
  const gzip = await isGzip(file)
  const delimiter = delimiterOf(await headLine(file, gzip))
  const parser = parse({
    bom: true,
    delimiter,
    trim: true,
    skip_empty_lines: true,
    max_record_size: RECORD_CHARACTERS_MAX,
  })
  const iterator = recordsOf(file, connect(file, gzip, parser))
  const first = await iterator.next()
  if (first.done === true) throw badHeader(file, 'the file is empty')
  const header = checkHeader(file, first.value)
  return { header, records: withoutHeaders(file, header, iterator) }
}

/** Files that were put one after the other with their headers are no table. */
async function* withoutHeaders(
  file: string,
  header: readonly string[],
  records: AsyncIterable<readonly string[]>,
): AsyncGenerator<readonly string[]> {
  let record = 0
  for await (const cells of records) {
    record++
    if (header.length > 1 && cells[0] === header[0] && cells.every((c, i) => c === header[i])) {
      const message = `${basename(file)}, row ${record} after the header: it is the header again`
      throw new LimnError('ERR_TABLE_ROW', message)
    }
    yield cells
  }
}

function connect(file: string, gzip: boolean, parser: Parser): Parser {
  const source = createReadStream(file)
  // Errors reach the reader through the parser, which `pipeline` destroys with them.
  const ended = (): void => {}
  if (gzip) pipeline(source, createGunzip(), parser, ended)
  else pipeline(source, parser, ended)
  return parser
}

async function* recordsOf(file: string, parser: Parser): AsyncGenerator<readonly string[]> {
  try {
    for await (const record of parser as AsyncIterable<readonly string[]>) yield record
  } catch (error) {
    throw error instanceof CsvError ? badRow(file, error) : unreadable(file, error)
  }
}

function badRow(file: string, error: CsvError): LimnError {
  const { code, lines, record } = error as CsvError & { lines?: number; record?: unknown }
  const cells = Array.isArray(record) ? ` (it has ${record.length})` : ''
  const reasons: Record<string, string> = {
    CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: `the row has another number of cells than the header${cells}`,
    CSV_QUOTE_NOT_CLOSED: 'a quote is not closed',
    CSV_MAX_RECORD_SIZE: 'the row is too long; a quote may not be closed',
  }
  const reason = reasons[code] ?? 'a quote is out of place'
  return new LimnError('ERR_TABLE_ROW', `${basename(file)}, line ${lines}: ${reason}`)
}

function checkHeader(file: string, header: readonly string[]): readonly string[] {
  if (header.length > COLUMNS_MAX) {
    throw badHeader(file, `there are ${header.length} columns; at most ${COLUMNS_MAX} are read`)
  }
  const seen = new Set<string>()
  header.forEach((name, i) => {
    if (name === '') throw badHeader(file, `column ${i + 1} has no name`)
    if (seen.has(name)) throw badHeader(file, `two columns are named "${name}"`)
    seen.add(name)
  })
  return header
}

function badHeader(file: string, reason: string): LimnError {
  return new LimnError('ERR_TABLE_HEADER', `${basename(file)}, line 1: ${reason}`)
}

function unreadable(file: string, cause: unknown): LimnError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new LimnError('ERR_TABLE_FILE', `${file}: cannot be read: ${reason}`, { cause })
}

async function isGzip(file: string): Promise<boolean> {
  let handle: FileHandle | null = null
  try {
    handle = await open(file)
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } catch (cause) {
    throw unreadable(file, cause)
  } finally {
    await handle?.close()
  }
}

/** The first line, or what of it is in the first chunk. */
async function headLine(file: string, gzip: boolean): Promise<string> {
  const source = createReadStream(file, { highWaterMark: HEAD_BYTES })
  const plain: Readable = gzip ? source.pipe(createGunzip()) : source
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      return chunk.toString('utf8').trimStart().split(/\r?\n/, 1)[0]
    }
    return ''
  } catch (cause) {
    throw unreadable(file, cause)
  } finally {
    source.destroy()
  }
}

/** Quoted names may hold any delimiter; those inside quotes do not count. */
function delimiterOf(line: string): string {
  const bare = line.replace(/"(?:[^"]|"")*"/g, '')
  const counts = DELIMITERS.map((delimiter) => bare.split(delimiter).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))]
}
