import { endianness } from 'node:os'
import { LimnError } from '../../protocol/errors.ts'

export function corrupt(what: string): LimnError {
  return new LimnError('ERR_MODEL_CORRUPT', `the preparation of inputs ${what}`)
}

/** Tables are little-endian in a file. */
export function joinTables(tables: readonly Int32Array[]): Uint8Array {
  const all = new Int32Array(tables.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const table of tables) {
    all.set(table, at)
    at += table.length
  }
  return swapWhereBigEndian(new Uint8Array(all.buffer))
}

/** What {@link joinTables} wrote, one after the other. @throws LimnError ERR_MODEL_CORRUPT */
export function readTables(bytes: Uint8Array): Int32Array {
  if (bytes.length % 4 !== 0) throw corrupt('has a part of a number')
  return new Int32Array(swapWhereBigEndian(bytes.slice()).buffer)
}

function swapWhereBigEndian(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (endianness() === 'BE') Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
  return bytes
}
