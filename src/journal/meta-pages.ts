import { readSync } from 'node:fs'

/** The two meta pages of an LMDB file: where its trees begin. The layout is told in structure.ts. */
const MAGIC = 0xbeef_c0de
const DATA_VERSION = 2
const PAGE_BYTES = { min: 512, max: 65_536 }
/** LMDB maps this much of address space at most: 47 bits, what a process has. */
const MAP_BYTES_MAX = 2 ** 47
const INTEGER_KEYS = 8

export const PAGE = { branch: 1, leaf: 2, overflow: 4, meta: 8, kinds: 0x2f } as const

/** Offsets in a meta page. */
const META = {
  magic: 24,
  version: 28,
  address: 32,
  mapBytes: 40,
  free: 48,
  main: 96,
  lastPage: 144,
  transaction: 152,
  end: 168,
}
/** Offsets in `MDB_db`. */
const DB = { pad: 0, flags: 4, depth: 6, branch: 8, leaf: 16, overflow: 24, entries: 32, root: 40 }

export const FREE_PAGES = 'free pages'
export const TABLES = 'tables'

export interface Tree {
  readonly name: string
  /** 0 for the tables of this project; with others LMDB reads nodes in another way. */
  readonly flags: number
  readonly depth: number
  readonly pages: { readonly branch: number; readonly leaf: number; readonly overflow: number }
  readonly entries: number
  readonly root: number
}

export interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  readonly transaction: number
  readonly free: Tree
  readonly main: Tree
}

/** What is wrong, as a sentence's end; thrown while pages are read, and caught by structure.ts. */
export class Fault extends Error {}

export function readMeta(descriptor: number): Meta {
  const first = metaAt(descriptor, 0)
  if (first === null) throw new Fault('is not an LMDB file')
  const pageBytes = first.getUint32(META.free + DB.pad, true)
  const sane = pageBytes >= PAGE_BYTES.min && pageBytes <= PAGE_BYTES.max
  if (!sane || (pageBytes & (pageBytes - 1)) !== 0) {
    throw new Fault(`has a page size of ${pageBytes} in its first meta page`)
  }
  const second = metaAt(descriptor, pageBytes)
  if (second === null) throw new Fault('has lost its second meta page')
  checkMetas(first, second)
  const newer = wide(first, META.transaction) >= wide(second, META.transaction) ? first : second
  const mapBytes = wide(newer, META.mapBytes)
  if (mapBytes % pageBytes !== 0 || mapBytes > MAP_BYTES_MAX) {
    throw new Fault(`is damaged: its meta page has a map of ${mapBytes} bytes`)
  }
  return {
    pageBytes,
    lastPage: wide(newer, META.lastPage),
    transaction: wide(newer, META.transaction),
    free: { ...treeAt(newer, META.free, FREE_PAGES), flags: 0 },
    main: treeAt(newer, META.main, TABLES),
  }
}

/**
 * Meta pages have no checksum, but there are two. What never changes is in both; transactions are
 * written to them in turn, the even ones to the first, so their numbers are neighbours: of a number
 * that was changed one of this is no longer so, and an older state is not taken for the newest.
 */
function checkMetas(first: DataView, second: DataView): void {
  for (const [index, view] of [first, second].entries()) {
    if (wide(view, 0) !== index || (view.getUint16(18, true) & PAGE.kinds) !== PAGE.meta) {
      throw new Fault(`is damaged: meta page ${index} has another header`)
    }
  }
  const flags = first.getUint16(META.free + DB.flags, true)
  if (
    first.getUint32(META.version, true) !== second.getUint32(META.version, true) ||
    first.getUint32(META.free + DB.pad, true) !== second.getUint32(META.free + DB.pad, true) ||
    flags !== second.getUint16(META.free + DB.flags, true)
  ) {
    throw new Fault('is damaged: its meta pages differ in version, page size or flags')
  }
  const fixed = wide(first, META.address) !== 0 || wide(second, META.address) !== 0
  if ((flags & INTEGER_KEYS) === 0 || fixed) {
    throw new Fault(`is damaged: its meta pages have flags 0x${flags.toString(16)} and a fixed map`)
  }
  const even = wide(first, META.transaction)
  const odd = wide(second, META.transaction)
  const isNew = even === 0 && odd === 0
  if (isNew || (even % 2 === 0 && odd % 2 === 1 && Math.abs(even - odd) === 1)) return
  throw new Fault(`is damaged: its meta pages are of transactions ${even} and ${odd}`)
}

function metaAt(descriptor: number, position: number): DataView | null {
  const bytes = new Uint8Array(META.end)
  if (readSync(descriptor, bytes, 0, META.end, position) < META.end) return null
  const view = new DataView(bytes.buffer)
  if (view.getUint32(META.magic, true) !== MAGIC) return null
  return (view.getUint32(META.version, true) & 0xffff) === DATA_VERSION ? view : null
}

export function treeAt(view: DataView, at: number, name: string): Tree {
  return {
    name,
    flags: view.getUint16(at + DB.flags, true) + view.getUint32(at + DB.pad, true),
    depth: view.getUint16(at + DB.depth, true),
    pages: {
      branch: wide(view, at + DB.branch),
      leaf: wide(view, at + DB.leaf),
      overflow: wide(view, at + DB.overflow),
    },
    entries: wide(view, at + DB.entries),
    root: wide(view, at + DB.root),
  }
}

/** A 64-bit number; exact up to 2^53, which page numbers do not reach. */
export function wide(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000
}
