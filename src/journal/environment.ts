import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import type { Database, RootDatabase } from 'lmdb'
import { LimnError } from '../protocol/errors.ts'

export type BinaryDatabase = Database<Uint8Array, number>

/** One shard's LMDB environment and its tables. */
export interface Environment {
  readonly root: RootDatabase<Uint8Array, string>
  readonly journal: BinaryDatabase
  /** First sequence of a block → wall clock, then the block's message hashes. */
  readonly dedupe: BinaryDatabase
  readonly pages: BinaryDatabase
  readonly dictionary: BinaryDatabase
  readonly deadLetters: BinaryDatabase
  readonly meta: Database<string, string>
}

/**
 * Opens a shard's environment. With `overlappingSync: false` a put's promise resolves only after
 * `mdb_txn_commit` has synced the data file, which is what an acknowledgement stands on.
 * Throws `ERR_STORAGE_OPEN` when the files are not an LMDB environment.
 */
export function openEnvironment(path: string, options: { readOnly: boolean; mapSizeMaxBytes?: number }): Environment {
  if (options.readOnly && !existsSync(join(path, 'data.mdb'))) {
    throw new LimnError('ERR_STORAGE_OPEN', `${path} holds no data.mdb`)
  }
  refuseTruncated(path)
  try {
    if (!options.readOnly) mkdirSync(path, { recursive: true })
    const root = open<Uint8Array, string>({
      path,
      maxDbs: 8,
      encoding: 'binary',
      overlappingSync: false,
      noMemInit: true,
      readOnly: options.readOnly,
    })
    const table = (name: string): BinaryDatabase =>
      root.openDB<Uint8Array, number>({ name, encoding: 'binary' })
    return {
      root,
      journal: table('journal'),
      dedupe: table('dedupe'),
      pages: table('pages'),
      dictionary: table('dictionary'),
      deadLetters: table('deadletters'),
      meta: root.openDB<string, string>({ name: 'meta', encoding: 'string' }),
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `${path} cannot be opened as an LMDB environment (${reason}); restore it from a backup, or move it away to start the shard empty`
    throw new LimnError('ERR_STORAGE_OPEN', message, { cause: error })
  }
}

const PAGE_BYTES = 4096

/** LMDB maps the file and would fault on one that is cut off within its two meta pages. */
function refuseTruncated(path: string): void {
  const file = statSync(join(path, 'data.mdb'), { throwIfNoEntry: false })
  if (file === undefined || file.size === 0 || file.size >= 2 * PAGE_BYTES) return
  const message = `${path}/data.mdb has only ${file.size} bytes; restore it from a backup, or move it away to start the shard empty`
  throw new LimnError('ERR_STORAGE_OPEN', message)
}
