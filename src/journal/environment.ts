import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import { makeDirectory, syncDirectorySync } from '../files/durable-file.ts'
import { LimnError } from '../protocol/errors.ts'
import { structureFault } from './structure.ts'
import { checkRoom, isSystemFailure, storageFailure } from './write-failure.ts'

export interface RangeBounds {
  readonly start?: number
  /** Exclusive. */
  readonly end?: number
  readonly reverse?: boolean
  readonly limit?: number
}

/**
 * One table: an ordered map of which committed values are read. A write's promise resolves when it is
 * synced; a buffer given to one must not be changed until then.
 */
export interface Table<Value, Key extends string | number> {
  get(key: Key): Value | undefined
  put(key: Key, value: Value): Promise<boolean>
  /** Durable when it returns. */
  putSync(key: Key, value: Value): unknown
  remove(key: Key): Promise<boolean>
  clearAsync(): Promise<void>
  /** Of the pages that the table takes, as lmdb-js reports them. */
  getStats(): object
}

export interface BinaryTable extends Table<Uint8Array, number> {
  /** Valid until the next read. */
  getBinaryFast(key: number): Uint8Array | undefined
  getRange(bounds?: RangeBounds): Iterable<{ readonly key: number; readonly value: Uint8Array }>
  getKeys(bounds?: RangeBounds): Iterable<number>
}

/** One shard's LMDB environment and its tables, or what a simulation has in its place. */
export interface Environment {
  readonly root: {
    /** The writes that are made within `action`, in one transaction; resolves when it is synced. */
    batch(action: () => void): Promise<boolean>
    /** The same for `putSync`, durable when it returns. */
    transactionSync(action: () => void): unknown
    /** Resolves when all that was written so far is synced. */
    readonly flushed: Promise<unknown>
    close(): Promise<void>
    getStats(): object
  }
  readonly journal: BinaryTable
  /** First sequence of a block → wall clock, then the block's message hashes. */
  readonly dedupe: BinaryTable
  readonly pages: BinaryTable
  readonly dictionary: BinaryTable
  readonly deadLetters: BinaryTable
  readonly meta: Table<string, string> & { getKeys(): Iterable<string> }
}

export interface EnvironmentOptions {
  readonly readOnly: boolean
  readonly mapSizeMaxBytes?: number
  /** Looks at the pages of long values too before anything is opened; a page is read for each. */
  readonly checkValues?: boolean
}

/**
 * Opens a shard's environment. With `overlappingSync: false`, and without `noSync` and
 * `noMetaSync`, `mdb_txn_commit` writes the dirty pages, calls `fdatasync`, and then writes the meta
 * page through a descriptor opened with `O_DSYNC`; only then does a put's promise resolve. That is
 * what an acknowledgement stands on. Throws `ERR_STORAGE_OPEN` when the files are not an LMDB
 * environment, or one with damaged pages, `ERR_STORAGE_WRITE` when they cannot be written.
 */
export function openEnvironment(path: string, options: EnvironmentOptions): Environment {
  if (options.readOnly && !existsSync(join(path, 'data.mdb'))) {
    throw new LimnError('ERR_STORAGE_OPEN', `${path} holds no data.mdb`)
  }
  refuseDamaged(path, options.checkValues === true)
  if (!options.readOnly) prepare(path)
  try {
    const isNew = !existsSync(join(path, 'data.mdb'))
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
    const table = (name: string): BinaryTable =>
      root.openDB<Uint8Array, number>({ name, encoding: 'binary' })
    const environment = {
      root,
      journal: table('journal'),
      dedupe: table('dedupe'),
      pages: table('pages'),
      dictionary: table('dictionary'),
      deadLetters: table('deadletters'),
      meta: root.openDB<string, string>({ name: 'meta', encoding: 'string' }),
    }
    if (isNew) syncDirectorySync(path)
    return environment
  } catch (error) {
    if (isSystemFailure(error)) throw storageFailure(path, 'cannot be opened', error)
    const reason = error instanceof Error ? error.message : String(error)
    const message = `${path} cannot be opened as an LMDB environment (${reason}); restore it from a backup, or ${START_EMPTY}`
    throw new LimnError('ERR_STORAGE_OPEN', message, { cause: error })
  }
}

const START_EMPTY =
  'move its directory away and run "limn check --start-empty <shard>" to go on without its events'

/** A directory that is there and can be written to, with room for LMDB's tables and locks. */
function prepare(path: string): void {
  try {
    makeDirectory(path)
  } catch (error) {
    throw storageFailure(path, 'cannot be made', error)
  }
  checkRoom(path)
}

const TABLES: ReadonlySet<string> = new Set([
  'journal',
  'dedupe',
  'pages',
  'dictionary',
  'deadletters',
  'meta',
])

/** LMDB maps the file and takes its pages on trust, so they are looked at first. */
function refuseDamaged(path: string, checkValues: boolean): void {
  const file = join(path, 'data.mdb')
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  const fault = structureFault(file, { overflow: checkValues, tables: TABLES })
  if (fault === null) return
  const remedy = `run "limn check" for the other shards, then restore this one from a backup, or ${START_EMPTY}`
  throw new LimnError('ERR_STORAGE_OPEN', `${file} ${fault}; ${remedy}`)
}
