import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import {
  parquetMetadataAsync,
  parquetRead,
  type AsyncBuffer,
  type DecodedArray,
  type FileMetaData,
  type RowGroup,
} from 'hyparquet'
import { LABEL, SEQUENCE, SHARD, TIME } from './columns.ts'
import { corrupt, type DatasetFile, type DatasetManifest } from './manifest.ts'

/** The rows of one row group, column by column. */
export interface DatasetBlock {
  readonly count: number
  readonly times: ArrayLike<number>
  readonly shards: ArrayLike<number>
  readonly sequences: ArrayLike<number>
  /** Index of the class, or the value. */
  readonly labels: ArrayLike<number>
  /** Per feature: numbers or texts, null where there is none. */
  readonly features: readonly ArrayLike<number | string | null>[]
}

/**
 * Compares every file with its checksum.
 * @throws LimnError ERR_DATASET_CORRUPT; the signal's reason
 */
export async function checkFiles(
  directory: string,
  manifest: DatasetManifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { name, sha256, bytes } of manifest.files) {
    const path = join(directory, name)
    const hash = createHash('sha256')
    let read = 0
    try {
      for await (const part of createReadStream(path, { highWaterMark: READ_BYTES })) {
        signal?.throwIfAborted()
        hash.update(part as Uint8Array)
        read += (part as Uint8Array).length
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw corrupt(path, 'cannot be read', error)
    }
    if (read !== bytes) throw corrupt(path, `has ${read} bytes where ${bytes} were written`)
    if (hash.digest('hex') !== sha256) {
      throw corrupt(path, 'does not match the checksum in its manifest')
    }
  }
}

/**
 * The rows in the order in which they were written, a row group at a time, which is what is in memory.
 * The files must have been checked.
 * @throws LimnError ERR_DATASET_CORRUPT; the signal's reason
 */
export async function* readBlocks(
  directory: string,
  manifest: DatasetManifest,
  signal: AbortSignal | undefined,
): AsyncGenerator<DatasetBlock> {
  for (const file of manifest.files) {
    const path = join(directory, file.name)
    const handle = await open(path).catch((error: unknown) => {
      throw corrupt(path, 'cannot be read', error)
    })
    try {
      yield* readFileBlocks(handle, { path, file, manifest, signal })
    } finally {
      await handle.close()
    }
  }
}

const READ_BYTES = 1_048_576
const texts = new TextDecoder('utf-8', { ignoreBOM: true })
const PARSERS = {
  timestampFromMilliseconds: Number,
  stringFromBytes: (bytes: Uint8Array) => texts.decode(bytes),
}

interface Opened {
  readonly path: string
  readonly file: DatasetFile
  readonly manifest: DatasetManifest
  readonly signal: AbortSignal | undefined
}

async function* readFileBlocks(handle: FileHandle, opened: Opened): AsyncGenerator<DatasetBlock> {
  const { path, file, manifest, signal } = opened
  const whole: AsyncBuffer = {
    byteLength: file.bytes,
    slice: (start, end = file.bytes) => readRange(handle, start, end),
  }
  const metadata = await parquetMetadataAsync(whole, { parsers: PARSERS }).catch(
    (error: unknown) => {
      throw corrupt(path, 'has a footer that cannot be read', error)
    },
  )
  if (Number(metadata.num_rows) !== file.rows) {
    throw corrupt(path, `has ${metadata.num_rows} rows where ${file.rows} were written`)
  }
  let rowStart = 0
  for (const group of metadata.row_groups) {
    signal?.throwIfAborted()
    const rows = Number(group.num_rows)
    const columns = await readGroup(handle, group, { metadata, file, rowStart }).catch(
      (error: unknown) => {
        throw corrupt(path, `has a row group at row ${rowStart} that cannot be read`, error)
      },
    )
    yield blockOf(columns, rows, { manifest, path })
    rowStart += rows
  }
}

/** The columns of one row group by name, read from the file at once. */
async function readGroup(
  handle: FileHandle,
  group: RowGroup,
  at: { readonly metadata: FileMetaData; readonly file: DatasetFile; readonly rowStart: number },
): Promise<Map<string, DecodedArray>> {
  const { metadata, file, rowStart } = at
  const first = Number(group.columns[0].file_offset)
  const bytes = await readRange(handle, first, first + Number(group.total_compressed_size))
  const columns = new Map<string, DecodedArray>()
  await parquetRead({
    file: {
      byteLength: file.bytes,
      slice: (start, end = file.bytes) => bytes.slice(start - first, end - first),
    },
    metadata,
    rowStart,
    rowEnd: rowStart + Number(group.num_rows),
    parsers: PARSERS,
    onChunk: ({ columnName, columnData }) => columns.set(columnName, columnData),
  })
  return columns
}

function blockOf(
  columns: Map<string, DecodedArray>,
  count: number,
  { manifest, path }: { readonly manifest: DatasetManifest; readonly path: string },
): DatasetBlock {
  const column = (name: string): DecodedArray => {
    const found = columns.get(name)
    if (found?.length === count) return found
    throw corrupt(path, `has no column "${name}" of ${count} rows`)
  }
  const { classes } = manifest.label
  const labels = column(LABEL)
  return {
    count,
    times: column(TIME) as number[],
    shards: column(SHARD) as Int32Array,
    sequences: Float64Array.from(column(SEQUENCE) as BigInt64Array, Number),
    labels:
      classes.length === 0 ? (labels as Float64Array) : classIndices(labels as string[], classes),
    features: manifest.features.map(({ name }) => column(name) as (number | string | null)[]),
  }
}

function classIndices(labels: readonly string[], classes: readonly string[]): Float64Array {
  const indices = new Map(classes.map((name, i) => [name, i]))
  return Float64Array.from(labels, (label) => indices.get(label) ?? Number.NaN)
}

async function readRange(handle: FileHandle, start: number, end: number): Promise<ArrayBuffer> {
  const buffer = new ArrayBuffer(end - start)
  const bytes = new Uint8Array(buffer)
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at)
    if (bytesRead === 0) throw new Error('the file ends early')
    at += bytesRead
  }
  return buffer
}
