import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
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
 * Opens a shard's environment. With `overlappingSync: false`, and without `noSync` and
 * `noMetaSync`, `mdb_txn_commit` writes the dirty pages, calls `fdatasync`, and then writes the meta
 * page through a descriptor opened with `O_DSYNC`; only then does a put's promise resolve. That is
 * what an acknowledgement stands on. Throws `ERR_STORAGE_OPEN` when the files are not an LMDB
 * environment.
 */
export function openEnvironment(
  path: string,
  options: { readOnly: boolean; mapSizeMaxBytes?: number },
): Environment {
  if (options.readOnly && !existsSync(join(path, 'data.mdb'))) {
    throw new LimnError('ERR_STORAGE_OPEN', `${path} holds no data.mdb`)
  }
  refuseDamaged(path)
  try {
    if (!options.readOnly) mkdirSync(path, { recursive: true })
    const root = open<Uint8Array, string>({
      path,
      maxDbs: 8,
      encoding: 'binary',
      overlappingSync: false,
      // Mapped at once, so that the map need not be replaced as the file grows; see space.ts.
      ...(options.mapSizeMaxBytes === undefined ? {} : { mapSize: options.mapSizeMaxBytes }),
      // Transactions are made with `batch`. lmdb's own batch of a turn holds a promise that nobody
      // can handle when its commit fails.
      eventTurnBatching: false,
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

const MAGIC = 0xbeef_c0de
/** Of a meta page: page header (24 bytes), then `MDB_meta`; the page size is in the first table. */
const META = { magic: 24, pageBytes: 48, rootFree: 88, rootMain: 136, transaction: 152, end: 168 }
const NO_PAGE = 0xffff_ffff_ffff_ffffn

/**
 * LMDB maps the file and takes its pages on trust: one that is not LMDB's, or is cut off before the
 * roots of its trees, would end the process with a signal instead of an error. Pages below the roots
 * are not looked at.
 */
function refuseDamaged(path: string): void {
  const file = join(path, 'data.mdb')
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0) return
  const fault = faultOf(file, size)
  if (fault === null) return
  const remedy = 'restore it from a backup, or move it away to start the shard empty'
  throw new LimnError('ERR_STORAGE_OPEN', `${file} ${fault}; ${remedy}`)
}

function faultOf(file: string, size: number): string | null {
  const descriptor = openSync(file, 'r')
  try {
    const first = readMeta(descriptor, 0)
    if (first === null) return 'is not an LMDB file'
    const second = readMeta(descriptor, first.getUint32(META.pageBytes, true))
    if (second === null) return 'has lost its second meta page'
    const newer = (view: DataView): bigint => view.getBigUint64(META.transaction, true)
    const live = newer(first) >= newer(second) ? first : second
    const pages = BigInt(Math.floor(size / first.getUint32(META.pageBytes, true)))
    for (const at of [META.rootFree, META.rootMain]) {
      const root = live.getBigUint64(at, true)
      if (root !== NO_PAGE && root >= pages) return `is cut off at ${size} bytes`
    }
    return null
  } finally {
    closeSync(descriptor)
  }
}

function readMeta(descriptor: number, position: number): DataView | null {
  const bytes = new Uint8Array(META.end)
  if (readSync(descriptor, bytes, 0, META.end, position) < META.end) return null
  const view = new DataView(bytes.buffer)
  return view.getUint32(META.magic, true) === MAGIC ? view : null
}
