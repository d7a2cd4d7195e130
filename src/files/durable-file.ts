import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Replaces a file by one rename, so that a reader, or a start after power was lost, finds the old text
 * or the new one, whole. Returns when the new one is on disk: the file is synced before the rename,
 * its directory after it. Fails without a trace.
 */
export function replaceFile(path: string, text: string, mode = 0o644): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const descriptor = openSync(temporary, 'w', mode)
    try {
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncDirectorySync(dirname(path))
}

/** Makes a directory and those above it; each new name is on disk when this returns. */
export function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  const above = dirname(resolve(path))
  // Not `recursive`, which says ENOENT of a mount that is read-only.
  if (above !== path) makeDirectory(above)
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process made it meanwhile.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error
  }
  syncDirectorySync(above)
}

/** What was created, renamed or removed in a directory stays so when power is lost after this. */
export function syncDirectorySync(path: string): void {
  if (!CAN_SYNC) return
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** {@link syncDirectorySync} that does not hold up the event loop. */
export async function syncDirectory(path: string): Promise<void> {
  if (!CAN_SYNC) return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Windows opens no directories; its file systems journal names themselves. */
const CAN_SYNC = process.platform !== 'win32'
