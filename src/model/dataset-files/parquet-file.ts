import { createHash, type Hash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import type { ColumnChunk, PageHeader, SchemaElement, Statistics } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { writePageHeader } from 'hyparquet-writer/src/datapage.js'
import { snappyCompress } from 'hyparquet-writer/src/snappy.js'

/** Bytes that wait to be written. */
const WAITING_BYTES_MAX = 1_048_576

/** A column of one row group, encoded. */
export interface ColumnPage {
  readonly element: SchemaElement
  readonly rows: number
  readonly nulls: number
  readonly encoding: 'PLAIN' | 'RLE_DICTIONARY'
  /** Definition levels; empty for a column that is never null. */
  readonly levels: Uint8Array
  readonly body: Uint8Array
  readonly dictionary: { readonly values: number; readonly bytes: Uint8Array } | null
  readonly range: Pick<Statistics, 'min_value' | 'max_value'>
}

/**
 * A Parquet file while it is written, row group by row group. What a row group is made of is
 * encoded by {@link RowGroup}; headers, footer and compression are hyparquet-writer's. Every byte is
 * written once, in order. Writes block: for a thread that does nothing else.
 */
export class ParquetFile {
  rows = 0
  groups = 0
  private readonly bytes: FileBytes
  private readonly parquet: ParquetWriter

  /** Creates the file. */
  constructor(path: string, schema: SchemaElement[]) {
    this.bytes = new FileBytes(path)
    const createdBy = 'limn'
    this.parquet = new ParquetWriter({ writer: this.bytes, schema, codec: 'SNAPPY', createdBy })
  }

  writeGroup(rows: number, pages: Iterable<ColumnPage>): void {
    const { bytes, parquet } = this
    const start = bytes.offset
    const columns: ColumnChunk[] = []
    for (const page of pages) columns.push(writeChunk(bytes, page))
    const sizes = columns.map(({ meta_data }) => meta_data?.total_uncompressed_size ?? 0n)
    parquet.row_groups.push({
      columns,
      num_rows: BigInt(rows),
      total_byte_size: sizes.reduce((sum, size) => sum + size, 0n),
      total_compressed_size: BigInt(bytes.offset - start),
    })
    parquet.num_rows += BigInt(rows)
    this.rows += rows
    this.groups++
  }

  /** Writes the footer and everything to the disk. */
  finish(): { readonly rows: number; readonly bytes: number; readonly sha256: string } {
    void this.parquet.finish()
    const sha256 = this.bytes.sync()
    this.bytes.close()
    return { rows: this.rows, bytes: this.bytes.offset, sha256 }
  }

  /** Gives the file up; nothing after {@link finish}. */
  close(): void {
    this.bytes.close()
  }
}

function writeChunk(bytes: ByteWriter, page: ColumnPage): ColumnChunk {
  const { element, dictionary, range, nulls, rows, encoding } = page
  const start = bytes.offset
  const uncompressed = dictionary === null ? 0 : writeDictionary(bytes, dictionary)
  const dataStart = bytes.offset
  const uncompressedSize = uncompressed + writeData(bytes, page)
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: element.type ?? 'BYTE_ARRAY',
      encodings: dictionary === null ? [encoding] : ['PLAIN', encoding],
      path_in_schema: [element.name],
      codec: 'SNAPPY',
      num_values: BigInt(rows),
      total_uncompressed_size: BigInt(uncompressedSize),
      total_compressed_size: BigInt(bytes.offset - start),
      data_page_offset: BigInt(dataStart),
      dictionary_page_offset: dictionary === null ? undefined : BigInt(start),
      statistics: { null_count: BigInt(nulls), ...range },
    },
  }
}

function writeDictionary(bytes: ByteWriter, dictionary: NonNullable<ColumnPage['dictionary']>) {
  const compressed = snappyCompress(dictionary.bytes)
  const header = writeHeader(bytes, {
    type: 'DICTIONARY_PAGE',
    uncompressed_page_size: dictionary.bytes.length,
    compressed_page_size: compressed.length,
    dictionary_page_header: { num_values: dictionary.values, encoding: 'PLAIN' },
  })
  bytes.appendBytes(compressed)
  return header + dictionary.bytes.length
}

/** Compresses what that makes smaller; returns the size without compression. */
function writeData(bytes: ByteWriter, page: ColumnPage): number {
  const { levels, body, rows, nulls, encoding } = page
  const compressed = snappyCompress(body)
  const smaller = compressed.length < body.length
  const written = smaller ? compressed : body
  const header = writeHeader(bytes, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: levels.length + body.length,
    compressed_page_size: levels.length + written.length,
    data_page_header_v2: {
      num_values: rows,
      num_nulls: nulls,
      num_rows: rows,
      encoding,
      definition_levels_byte_length: levels.length,
      repetition_levels_byte_length: 0,
      is_compressed: smaller,
    },
  })
  bytes.appendBytes(levels)
  bytes.appendBytes(written)
  return header + levels.length + body.length
}

function writeHeader(bytes: ByteWriter, header: PageHeader): number {
  const start = bytes.offset
  writePageHeader(bytes, header)
  return bytes.offset - start
}

/** Collects bytes and writes them to a file in large pieces, with their checksum. */
class FileBytes extends ByteWriter {
  private readonly file: number
  private readonly hash: Hash = createHash('sha256')
  private open = true

  constructor(path: string) {
    super(2 * WAITING_BYTES_MAX)
    this.file = openSync(path, 'wx')
  }

  override ensure(size: number): void {
    if (this.index >= WAITING_BYTES_MAX) this.flush()
    super.ensure(size)
  }

  flush(): void {
    const bytes = this.getBytes()
    this.hash.update(bytes)
    for (let at = 0; at < bytes.length;) at += writeSync(this.file, bytes, at)
    this.index = 0
  }

  override finish(): void {
    this.flush()
  }

  /** @returns the SHA-256 of all that was written */
  sync(): string {
    fsyncSync(this.file)
    return this.hash.digest('hex')
  }

  close(): void {
    if (this.open) closeSync(this.file)
    this.open = false
  }
}
