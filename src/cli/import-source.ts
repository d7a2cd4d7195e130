import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { LimnError } from '../protocol/errors.ts'

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
  readonly items: AsyncIterable<ImportItem>
  /** Size of the file as stored. */
  readonly bytesTotal: number
  bytesRead(): number
  rowsRead(): number
  rowsSkipped(): number
}

/**
 * Opens a file of Segment messages, one JSON object a line; gzip is known by its first two bytes.
 * Throws `ERR_IMPORT_MAP_UNSUPPORTED` where a map is asked for: only NDJSON can be read.
 */
export async function openImport(file: string, map?: string): Promise<ImportSource> {
  if (map !== undefined) {
    throw new LimnError(
      'ERR_IMPORT_MAP_UNSUPPORTED',
      `${file}: --map is not supported; convert the file to NDJSON of Segment messages`,
    )
  }
  const bytesTotal = (await stat(file)).size
  const counts = { bytes: 0, rows: 0, skipped: 0 }
  return {
    name: basename(file),
    items: readMessages(file, await isGzip(file), counts),
    bytesTotal,
    bytesRead: () => counts.bytes,
    rowsRead: () => counts.rows,
    rowsSkipped: () => counts.skipped,
  }
}

interface Counts {
  bytes: number
  rows: number
  skipped: number
}

async function* readMessages(
  file: string,
  gzip: boolean,
  counts: Counts,
): AsyncGenerator<ImportItem> {
  const raw = createReadStream(file)
  raw.on('data', (chunk) => (counts.bytes += chunk.length))
  const input = gzip ? raw.pipe(createGunzip()) : raw
  if (input !== raw) raw.on('error', (error) => input.destroy(error))
  let line = 0
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    line++
    if (text.trim() === '') continue
    counts.rows++
    yield parseLine(text, line)
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

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}
