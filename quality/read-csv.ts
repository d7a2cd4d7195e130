import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'
import type { Options } from 'csv-parse'

export type CsvRow = Readonly<Record<string, string>>

/** Rows of a CSV file with a header, compressed where its name ends in `.gz`, one after another. */
export async function readCsv(
  path: string,
  each: (row: CsvRow) => void,
  options: Options = {},
): Promise<void> {
  const file = createReadStream(path)
  const bytes = path.endsWith('.gz') ? file.pipe(createGunzip()) : file
  const parser = parse({ columns: true, ...options })
  bytes.on('error', (error: Error) => parser.destroy(error))
  file.on('error', (error: Error) => parser.destroy(error))
  for await (const row of bytes.pipe(parser)) each(row as CsvRow)
}

/** Files of a folder whose names match, in order of their names. */
export async function filesOf(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(folder, name))
}
