import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of so many MiB in memory; null where this user may not mount one. */
export function smallDisk(mebibytes: number): { path: string; remove: () => void } | null {
  const path = mkdtempSync(join(tmpdir(), 'limn-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], {
      stdio: 'ignore',
    })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    rmSync(path, { recursive: true, force: true })
    return null
  }
  const remove = (): void => {
    execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true, force: true })
  }
  return { path, remove }
}

/** Writes a file until nothing more fits, and returns its path. */
export function fillDisk(directory: string): string {
  const file = join(directory, 'ballast')
  const block = Buffer.alloc(65_536)
  try {
    for (;;) writeFileSync(file, block, { flag: 'a' })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return file
    throw error
  }
}
