import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'

/** Running time after which what is left is written down again; a crash costs at most so much. */
const SAVE_MS = 600_000
/** Longest hold. */
const HELD_MS_MAX = 366 * 86_400_000

const HoldFile = Compile(
  Type.Object({
    format: Type.Literal(1),
    remainingMs: Type.Number({ minimum: 0, maximum: HELD_MS_MAX }),
  }),
)

/**
 * How much longer the process has to run until retention may drop anything, kept in the data directory
 * so that a restart does not shorten it. Owns its file, which is there while a hold lasts. One that cannot be understood is a hold of full length: the safe side keeps history.
 */
export class RetentionHold {
  private readonly path: string
  private left: number
  private saved: number

  /** `settleMs`: how long a hold lasts that cannot be read; 0 ends any. */
  constructor(path: string, settleMs: number) {
    this.path = path
    this.left = Math.min(readHold(this.path, settleMs), settleMs)
    this.saved = this.left
  }

  /** Running time until the hold ends; 0 where there is none. */
  get remainingMs(): number {
    return this.left
  }

  /** Holds for so long from now on, on disk when it returns. */
  begin(ms: number): void {
    this.left = Math.min(ms, HELD_MS_MAX)
    this.save()
  }

  /** The process has run for so long. */
  spend(ms: number): void {
    if (this.left === 0) return
    this.left = Math.max(0, this.left - ms)
    if (this.left === 0 || this.saved - this.left >= SAVE_MS) this.save()
  }

  /** What throws here leaves the hold as it is in memory; it is written again when it is due. */
  save(): void {
    this.saved = this.left
    if (this.left === 0) rmSync(this.path, { force: true })
    else writeDurably(this.path, JSON.stringify({ format: 1, remainingMs: this.left }))
  }
}

function readHold(path: string, unknownMs: number): number {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return HoldFile.Check(value) ? value.remainingMs : unknownMs
  } catch (error) {
    if (error instanceof SyntaxError) return unknownMs
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}

/** The old text or the new one, whole, also after power was lost. */
function writeDurably(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text, { flush: true })
  renameSync(temporary, path)
  if (process.platform === 'win32') return
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
