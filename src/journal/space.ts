import { statSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { LimnError } from '../protocol/errors.ts'
import type { Environment } from './environment.ts'

/** What a transaction writes beside its data at most: copies of the pages on the way to each leaf. */
const TRANSACTION_BYTES = 128 * 1024
/** Free pages lie scattered; data that needs a run of them finds one in this many times its size. */
const SCATTER_FACTOR = 2

export interface SpaceOptions {
  readonly path: string
  readonly shard: number
  readonly bytesMax: number
  /** Nothing is written, hence nothing claimed. */
  readonly readOnly: boolean
}

/** Room for what a shard writes. */
export interface Room {
  readonly path: string
  readonly readOnly: boolean
  readonly fileBytes: number
  /** Of the disk that the data file lies on. */
  readonly diskFreeBytes: number
  claim(dataBytes: number, besideBytes?: number): number
  release(claimed: number): void
}

/**
 * Keeps a shard's data file within `bytesMax`. The map size given to LMDB is no bound: lmdb-js maps
 * anew, twice as large, when a transaction needs a page behind the end of the map, and so never
 * reports a full one. Therefore what is written is claimed here first and released when its commit
 * has resolved. Invariant: the file is no larger than `ceiling`, which claims raise; only when it
 * would pass the bound is the file looked at, and after that the pages in it that are free.
 */
export class Space implements Room {
  readonly path: string
  readonly readOnly: boolean
  private readonly environment: Environment
  private readonly options: SpaceOptions
  private readonly file: string
  private inFlight = 0
  private ceiling: number

  constructor(environment: Environment, options: SpaceOptions) {
    this.environment = environment
    this.options = options
    this.path = options.path
    this.readOnly = options.readOnly
    this.file = join(options.path, 'data.mdb')
    this.ceiling = this.fileBytes
    if (!options.readOnly && this.ceiling > options.bytesMax) throw this.full(this.ceiling)
  }

  get fileBytes(): number {
    return statSync(this.file, { throwIfNoEntry: false })?.size ?? 0
  }

  get diskFreeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /**
   * Takes room for this much data and what its transaction writes beside it; returns what to release
   * after the commit. Throws `ERR_STORAGE_FULL`, and then nothing may be written.
   */
  claim(dataBytes: number, besideBytes = TRANSACTION_BYTES): number {
    const bytes = dataBytes + besideBytes
    if (this.ceiling + bytes > this.options.bytesMax) this.measure(bytes)
    this.ceiling += bytes
    this.inFlight += bytes
    return bytes
  }

  release(claimed: number): void {
    this.inFlight -= claimed
  }

  private measure(bytes: number): void {
    const { fileBytes } = this
    this.ceiling = fileBytes + this.inFlight
    if (this.ceiling + bytes <= this.options.bytesMax) return
    const wanted = (this.inFlight + bytes) * SCATTER_FACTOR
    if (fileBytes <= this.options.bytesMax && wanted <= this.freeBytes()) return
    throw this.full(fileBytes)
  }

  /** Bytes of the pages that no table uses. */
  private freeBytes(): number {
    const { root, journal, dedupe, pages, dictionary, deadLetters, meta } = this.environment
    const { pageSize, lastPageNumber, free } = root.getStats() as EnvironmentStats
    let used = META_PAGES + pagesOf(free) + pagesOf(root.getStats() as TreeStats)
    for (const table of [journal, dedupe, pages, dictionary, deadLetters, meta]) {
      used += pagesOf(table.getStats() as TreeStats)
    }
    return Math.max(0, lastPageNumber + 1 - used) * pageSize
  }

  private full(fileBytes: number): LimnError {
    const { shard, bytesMax } = this.options
    const message = `shard ${shard}: ${this.file} is full: ${fileBytes} bytes of storage.mapSizeMaxBytes = ${bytesMax}; raise it (LIMN_STORAGE_MAP_SIZE_MAX_BYTES) and start again; everything that was acknowledged is there`
    return new LimnError('ERR_STORAGE_FULL', message)
  }
}

const META_PAGES = 2

/** What lmdb-js reports of a tree. */
interface TreeStats {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

interface EnvironmentStats extends TreeStats {
  readonly pageSize: number
  readonly lastPageNumber: number
  readonly free: TreeStats
}

function pagesOf(stats: TreeStats): number {
  return stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages
}
