import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Debian's libfaketime for threads; null where it is not installed. */
export function fakeTimeLibrary(): string | null {
  const lib = '/usr/lib'
  if (!existsSync(lib)) return null
  for (const place of readdirSync(lib)) {
    const path = join(lib, place, 'faketime', 'libfaketimeMT.so.1')
    if (existsSync(path)) return path
  }
  return null
}

/** A wall clock of a child process that can be set; its monotonic clock runs on. */
export class FakeWall {
  readonly env: Record<string, string>
  private readonly file: string

  constructor(library: string, directory: string) {
    this.file = join(directory, 'wall-clock')
    this.set('+0')
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
    }
  }

  /** An offset to the true time such as `+2d` or `-30h`; holds from now on. */
  set(offset: string): void {
    writeFileSync(`${this.file}.new`, `${offset}\n`)
    renameSync(`${this.file}.new`, this.file)
  }
}
