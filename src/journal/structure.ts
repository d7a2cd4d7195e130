import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/**
 * Checks the pages of an LMDB file without LMDB, which maps the file and takes its pages on trust: a
 * damaged one ends the process with a signal. Read are the meta pages, and every branch and leaf page
 * that can be reached from the newer; of values on pages of their own the place, with `overflow` their
 * header too. Their bytes have checksums of their own.
 *
 * The layout is that of lmdb 3 (data version 2): a page is a header of 24 bytes (number, transaction,
 * pad, flags, lower, upper or count), 16-bit offsets of nodes relative to the header's end, nodes at
 * the other end. A node is low, high, flags, key size (16 bits each), key, data.
 */
const HEADER_BYTES = 24
const NODE_BYTES = 8
const DB_BYTES = 48
const OVERFLOW_BYTES = 24
const MAGIC = 0xbeef_c0de
const DATA_VERSION = 2
const META_PAGES = 2
const NO_PAGE = 2 ** 64
const PAGE_BYTES = { min: 512, max: 65_536 }
/** Deeper trees do not come about: a branch page holds dozens of children. */
const DEPTH_MAX = 16
/** How often a file that is written meanwhile is read again. */
const TRIES_MAX = 3

const PAGE = { branch: 1, leaf: 2, overflow: 4, kinds: 0x2f } as const
const NODE = { bigData: 1, subData: 2 } as const

/** Offsets in a meta page. */
const META = {
  magic: 24,
  version: 28,
  free: 48,
  main: 96,
  lastPage: 144,
  transaction: 152,
  end: 168,
}
/** Offsets in `MDB_db`. */
const DB = { pad: 0, flags: 4, depth: 6, branch: 8, leaf: 16, overflow: 24, entries: 32, root: 40 }

const FREE_PAGES = 'free pages'
const TABLES = 'tables'

interface Tree {
  readonly name: string
  /** 0 for the tables of this project; with others LMDB reads nodes in another way. */
  readonly flags: number
  readonly depth: number
  readonly pages: { readonly branch: number; readonly leaf: number; readonly overflow: number }
  readonly entries: number
  readonly root: number
}

interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  readonly transaction: number
  readonly free: Tree
  readonly main: Tree
}

/** What is wrong, as a sentence's end; thrown and caught within this file. */
class Fault extends Error {}

/** What is wrong with an LMDB file, or null. A file that a living process writes may be asked about. */
export function structureFault(file: string, options: { overflow: boolean }): string | null {
  const descriptor = openSync(file, 'r')
  try {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { fault, transaction } = faultOf(descriptor, options.overflow)
      if (fault === null) return null
      if (transaction === null || readMeta(descriptor).transaction === transaction) return fault
    }
    return null
  } finally {
    closeSync(descriptor)
  }
}

function faultOf(
  descriptor: number,
  overflow: boolean,
): { fault: string | null; transaction: number | null } {
  let transaction: number | null = null
  try {
    const meta = readMeta(descriptor)
    transaction = meta.transaction
    new Walk(descriptor, meta, overflow).run()
    return { fault: null, transaction }
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message, transaction }
    throw error
  }
}

function readMeta(descriptor: number): Meta {
  const first = metaAt(descriptor, 0)
  if (first === null) throw new Fault('is not an LMDB file')
  const pageBytes = first.getUint32(META.free + DB.pad, true)
  const sane = pageBytes >= PAGE_BYTES.min && pageBytes <= PAGE_BYTES.max
  if (!sane || (pageBytes & (pageBytes - 1)) !== 0) {
    throw new Fault(`has a page size of ${pageBytes} in its first meta page`)
  }
  const second = metaAt(descriptor, pageBytes)
  if (second === null) throw new Fault('has lost its second meta page')
  const newer = wide(first, META.transaction) >= wide(second, META.transaction) ? first : second
  return {
    pageBytes,
    lastPage: wide(newer, META.lastPage),
    transaction: wide(newer, META.transaction),
    free: { ...treeAt(newer, META.free, FREE_PAGES), flags: 0 },
    main: treeAt(newer, META.main, TABLES),
  }
}

function metaAt(descriptor: number, position: number): DataView | null {
  const bytes = new Uint8Array(META.end)
  if (readSync(descriptor, bytes, 0, META.end, position) < META.end) return null
  const view = new DataView(bytes.buffer)
  if (view.getUint32(META.magic, true) !== MAGIC) return null
  return (view.getUint32(META.version, true) & 0xffff) === DATA_VERSION ? view : null
}

function treeAt(view: DataView, at: number, name: string): Tree {
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
function wide(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000
}

/** One reading of the whole structure. Each page has one owner; `used` remembers which are taken. */
class Walk {
  private readonly descriptor: number
  private readonly meta: Meta
  private readonly overflow: boolean
  private readonly filePages: number
  private readonly used: Uint8Array
  private readonly levels: DataView[] = []
  private counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 }

  constructor(descriptor: number, meta: Meta, overflow: boolean) {
    this.descriptor = descriptor
    this.meta = meta
    this.overflow = overflow
    this.filePages = Math.floor(fstatSync(descriptor).size / meta.pageBytes)
    this.used = new Uint8Array((this.filePages >> 3) + 1)
  }

  run(): void {
    const { free, main } = this.meta
    const tables: Tree[] = []
    this.tree(main, (view, node, data) => {
      if ((view.getUint16(node + 4, true) & NODE.subData) === 0) return
      tables.push(treeAt(view, data, tableName(view, node)))
    })
    for (const table of tables) this.tree(table, () => undefined)
    const lists: Uint8Array[] = []
    this.tree(free, (view, node, data) => lists.push(this.valueOf(view, node, data)))
    for (const list of lists) this.freeList(list)
  }

  /** Walks a tree and compares what it is made of with what its head says. */
  private tree(tree: Tree, leafNode: (view: DataView, node: number, data: number) => void): void {
    if (tree.root >= NO_PAGE - 1) return
    if (tree.depth < 1 || tree.depth > DEPTH_MAX || tree.flags !== 0) {
      throw new Fault(`is damaged: the head of its tree of ${tree.name} makes no sense`)
    }
    this.counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 }
    this.page(tree, tree.root, 1, leafNode)
    const { branch, leaf, overflow, entries } = this.counts
    const { pages } = tree
    const same =
      branch === pages.branch &&
      leaf === pages.leaf &&
      overflow === pages.overflow &&
      entries === tree.entries
    if (!same) throw new Fault(`has a tree of ${tree.name} with pages missing or too many`)
  }

  private page(
    tree: Tree,
    number: number,
    level: number,
    leafNode: (view: DataView, node: number, data: number) => void,
  ): void {
    const isLeaf = level === tree.depth
    const view = this.read(tree, number, level, isLeaf ? PAGE.leaf : PAGE.branch)
    const where = `page ${number} (${tree.name})`
    const room = this.meta.pageBytes - HEADER_BYTES
    const lower = view.getUint16(20, true)
    const upper = view.getUint16(22, true)
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > room) {
      throw new Fault(`is damaged at ${where}: its bounds are ${lower} and ${upper} of ${room}`)
    }
    if (isLeaf) this.counts.leaf++
    else this.counts.branch++
    for (let i = 0; i < lower / 2; i++) {
      const offset = view.getUint16(HEADER_BYTES + 2 * i, true)
      const node = HEADER_BYTES + offset
      const data =
        node + NODE_BYTES + view.getUint16(node + 6 < this.meta.pageBytes ? node + 6 : 0, true)
      if (offset < upper || offset + NODE_BYTES > room || data > this.meta.pageBytes) {
        throw new Fault(`is damaged at ${where}: node ${i} lies outside of it`)
      }
      if (isLeaf) this.leaf(tree, view, { node, data, where }, leafNode)
      else this.page(tree, childOf(view, node), level + 1, leafNode)
    }
  }

  private leaf(
    tree: Tree,
    view: DataView,
    at: { node: number; data: number; where: string },
    leafNode: (view: DataView, node: number, data: number) => void,
  ): void {
    const { node, data, where } = at
    this.counts.entries++
    const flags = view.getUint16(node + 4, true)
    const bytes = view.getUint32(node, true)
    const known = flags === 0 || flags === NODE.bigData
    if (!known && (tree.name !== TABLES || flags !== NODE.subData)) {
      throw new Fault(`is damaged at ${where}: a node has flags 0x${flags.toString(16)}`)
    }
    const inPage = (flags & NODE.bigData) === 0 ? bytes : OVERFLOW_BYTES
    const subTable = (flags & NODE.subData) !== 0
    if (data + inPage > this.meta.pageBytes || (subTable && bytes !== DB_BYTES)) {
      throw new Fault(`is damaged at ${where}: a value lies outside of it`)
    }
    if ((flags & NODE.bigData) !== 0) this.large(tree, bytes, view, data)
    leafNode(view, node, data)
  }

  /** A value on pages of its own. */
  private large(tree: Tree, bytes: number, view: DataView, data: number): void {
    const first = wide(view, data)
    const count = wide(view, data + 16)
    const needed = Math.floor((HEADER_BYTES - 1 + bytes) / this.meta.pageBytes) + 1
    // A value that replaced a longer one keeps its pages.
    if (count < needed || count > this.filePages) {
      throw new Fault(`is damaged: ${bytes} bytes of ${tree.name} on ${count} pages from ${first}`)
    }
    for (let page = first; page < first + count; page++) this.take(tree, page)
    this.counts.overflow += count
    if (this.overflow)
      this.header(tree, first, PAGE.overflow, new DataView(new ArrayBuffer(HEADER_BYTES)))
  }

  private valueOf(view: DataView, node: number, data: number): Uint8Array {
    const bytes = view.getUint32(node, true)
    if ((view.getUint16(node + 4, true) & NODE.bigData) === 0) {
      return new Uint8Array(view.buffer, data, bytes).slice()
    }
    const value = new Uint8Array(bytes)
    const position = wide(view, data) * this.meta.pageBytes + HEADER_BYTES
    readSync(this.descriptor, value, 0, bytes, position)
    return value
  }

  /** A list of free pages: count, then page numbers; lmdb-js puts lengths of runs in as negatives. */
  private freeList(list: Uint8Array): void {
    const view = new DataView(list.buffer, list.byteOffset, list.byteLength)
    const count = list.byteLength < 8 ? -1 : wide(view, 0)
    if (count < 0 || 8 + 8 * count > list.byteLength) {
      throw new Fault(`is damaged: a list of free pages claims ${count} entries`)
    }
    for (let i = 1, run = 1; i <= count; i++) {
      const entry = Number(view.getBigInt64(8 * i, true))
      if (entry < 0) {
        run = -entry
        continue
      }
      if (entry !== 0) this.freeRun(entry, run)
      run = 1
    }
  }

  private freeRun(first: number, count: number): void {
    if (first < META_PAGES || first + count - 1 > this.meta.lastPage) {
      throw new Fault(`is damaged: it lists the pages from ${first} on, ${count} of them, as free`)
    }
    for (let page = first; page < first + count; page++) {
      if (page >= this.filePages || !this.isTaken(page)) continue
      throw new Fault(`is damaged: page ${page} is listed as free and in use`)
    }
  }

  private read(tree: Tree, number: number, level: number, kind: number): DataView {
    this.take(tree, number)
    const view = (this.levels[level] ??= new DataView(new ArrayBuffer(this.meta.pageBytes)))
    this.header(tree, number, kind, view)
    return view
  }

  /** Reads as much of a page as the view holds and checks that it is the page that was meant. */
  private header(tree: Tree, number: number, kind: number, view: DataView): void {
    const position = number * this.meta.pageBytes
    const read = readSync(this.descriptor, view, 0, view.byteLength, position)
    if (read < view.byteLength) throw new Fault(`is cut off within page ${number} (${tree.name})`)
    const found = wide(view, 0)
    const flags = view.getUint16(18, true)
    if (found === number && (flags & PAGE.kinds) === kind) return
    const what = `page number ${found} and flags 0x${flags.toString(16)}`
    throw new Fault(`is damaged at page ${number} (${tree.name}): found ${what}`)
  }

  private take(tree: Tree, number: number): void {
    if (number >= this.filePages) {
      throw new Fault(
        `is cut off, or damaged: ${tree.name} needs page ${number} of ${this.filePages}`,
      )
    }
    if (number < META_PAGES || number > this.meta.lastPage || this.isTaken(number)) {
      throw new Fault(`is damaged: page ${number} is no page of ${tree.name}, or used twice`)
    }
    this.used[number >> 3] |= 1 << (number & 7)
  }

  private isTaken(number: number): boolean {
    return (this.used[number >> 3] & (1 << (number & 7))) !== 0
  }
}

function childOf(view: DataView, node: number): number {
  return view.getUint32(node, true) + view.getUint16(node + 4, true) * 0x1_0000_0000
}

function tableName(view: DataView, node: number): string {
  const key = new Uint8Array(view.buffer, node + NODE_BYTES, view.getUint16(node + 6, true))
  return new TextDecoder().decode(key).replaceAll(/[^\w-]/g, '')
}
