import { crc32 } from 'node:zlib'
import { LimnError } from '../protocol/errors.ts'

/**
 * A journal block: the records of one turn with what is needed to check and to find them.
 *
 * ```
 *   0 u32 magic 'LJB1'   4 u32 crc32 of everything after this field
 *   8 u32 count         12 u32 recordBytes
 *  16 f64 firstSequence 24 f64 writtenAt (arrival time, ms)
 *  32 records, back to back
 *     u32[count] offset of each record in the records
 * ```
 */
export interface Block {
  readonly firstSequence: number
  readonly count: number
  readonly writtenAt: number
  /** The records, back to back. */
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
}

const MAGIC = 0x3142_4a4c
const HEADER_BYTES = 32

/** Bytes of a block with so many records of so many bytes. */
export function blockBytes(recordBytes: number, count: number): number {
  return HEADER_BYTES + recordBytes + 4 * count
}

/** Encodes records into a block at the start of `buffer`, and returns the block. */
export function encodeBlock(
  records: Uint8Array,
  count: number,
  { firstSequence, writtenAt }: { firstSequence: number; writtenAt: number },
  buffer: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const bytes = buffer.subarray(0, blockBytes(records.length, count))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(0, MAGIC, true)
  view.setUint32(8, count, true)
  view.setUint32(12, records.length, true)
  view.setFloat64(16, firstSequence, true)
  view.setFloat64(24, writtenAt, true)
  bytes.set(records, HEADER_BYTES)
  let at = HEADER_BYTES + records.length
  let offset = 0
  for (let i = 0; i < count; i++) {
    view.setUint32(at, offset, true)
    offset += view.getUint32(HEADER_BYTES + offset, true)
    at += 4
  }
  if (offset !== records.length)
    throw new Error(`block of ${count} records is ${offset} bytes, not ${records.length}`)
  view.setUint32(4, crc32(bytes.subarray(8)), true)
  return bytes
}

/** Decodes and checks a block; throws `ERR_STORAGE_CORRUPT` naming the block. */
export function decodeBlock(value: Uint8Array, where: string): Block {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const fault = faultOf(value, view)
  if (fault !== null) {
    const message = `${where}: ${fault}; run "limn check" for all damage, restore the shard from a backup, or move its directory away and run "limn check --start-empty <shard>" to go on without its events`
    throw new LimnError('ERR_STORAGE_CORRUPT', message)
  }
  return viewBlock(value)
}

/** When a block was written (arrival time, ms); NaN for one that is damaged. */
export function writtenAtOf(value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  return faultOf(value, view) === null ? view.getFloat64(24, true) : NaN
}

/** Reads a block that is known to be whole; its records are a view of `value`. */
export function viewBlock(value: Uint8Array): Block {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const count = view.getUint32(8, true)
  const recordBytes = view.getUint32(12, true)
  const offsets = new Uint32Array(count)
  for (let i = 0, at = HEADER_BYTES + recordBytes; i < count; i++, at += 4) {
    offsets[i] = view.getUint32(at, true)
  }
  return {
    firstSequence: view.getFloat64(16, true),
    count,
    writtenAt: view.getFloat64(24, true),
    bytes: value.subarray(HEADER_BYTES, HEADER_BYTES + recordBytes),
    offsets,
  }
}

function faultOf(value: Uint8Array, view: DataView): string | null {
  if (value.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) return 'not a journal block'
  const expected = blockBytes(view.getUint32(12, true), view.getUint32(8, true))
  if (value.length !== expected) return `${value.length} bytes where ${expected} were written`
  if (crc32(value.subarray(8)) !== view.getUint32(4, true)) return 'checksum does not match'
  return null
}
