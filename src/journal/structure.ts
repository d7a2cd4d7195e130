import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { Fault, FREE_PAGES, PAGE, readMeta, TABLES, treeAt, wide } from './meta-pages.ts'
import type { Meta, Tree } from './meta-pages.ts'

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
const META_PAGES = 2
const NO_PAGE = 2 ** 64
/** Deeper trees do not come about: a branch page holds dozens of children. */
const DEPTH_MAX = 16
/** How often a file that is written meanwhile is read again. */
const TRIES_MAX = 3

const NODE = { bigData: 1, subData: 2 } as const

export interface StructureOptions {
  /** Also looks at the header of each value that has pages of its own. */
  readonly overflow: boolean
  /** Names of the tables that there may be; any if left out. */
  readonly tables?: ReadonlySet<string>
}

/** What is wrong with an LMDB file, or null. A file that a living process writes may be asked about. */
export function structureFault(file: string, options: StructureOptions): string | null {
  const descriptor = openSync(file, 'r')
  try {
    let last: string | null = null
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const { fault, transaction } = faultOf(descriptor, options)
      if (fault === null) return null
      last = fault
      // Without a transaction its meta pages were at fault, which may have been read half old.
      if (transaction !== null && transactionOf(descriptor) === transaction) return fault
    }
    return last
  } finally {
    closeSync(descriptor)
  }
}

function faultOf(
  descriptor: number,
  options: StructureOptions,
): { fault: string | null; transaction: number | null } {
  let transaction: number | null = null
  try {
    const meta = readMeta(descriptor)
    transaction = meta.transaction
    new Walk(descriptor, meta, options).run()
    return { fault: null, transaction }
  } catch (error) {
    if (error instanceof Fault) return { fault: error.message, transaction }
    throw error
  }
}

function transactionOf(descriptor: number): number | null {
  try {
    return readMeta(descriptor).transaction
  } catch (error) {
    if (error instanceof Fault) return null
    throw error
  }
}

/** Nodes of a leaf; keys from `low` on (if not null) and below `high`. */
interface Branch {
  readonly number: number
  readonly level: number
  readonly low: Uint8Array | null
  readonly high: Uint8Array | null
}

type LeafNode = (view: DataView, node: number, data: number) => void

/** One reading of the whole structure. Each page has one owner; `used` remembers which are taken. */
class Walk {
  private readonly descriptor: number
  private readonly meta: Meta
  private readonly options: StructureOptions
  private readonly filePages: number
  private readonly used: Uint8Array
  private readonly levels: DataView[] = []
  private counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 }
  /** Free pages behind the file's end: the only ones that LMDB may not have written. */
  private freeBeyond = 0

  constructor(descriptor: number, meta: Meta, options: StructureOptions) {
    this.descriptor = descriptor
    this.meta = meta
    this.options = options
    this.filePages = Math.floor(fstatSync(descriptor).size / meta.pageBytes)
    this.used = new Uint8Array((this.filePages >> 3) + 1)
  }

  run(): void {
    const { free, main } = this.meta
    const tables: Tree[] = []
    this.tree(main, (view, node, data) => {
      if ((view.getUint16(node + 4, true) & NODE.subData) === 0) return
      tables.push(treeAt(view, data, this.knownTable(view, node)))
    })
    for (const table of tables) this.tree(table, () => undefined)
    const lists: Uint8Array[] = []
    this.tree(free, (view, node, data) => lists.push(this.valueOf(view, node, data)))
    for (const list of lists) this.freeList(list)
    const beyond = Math.max(0, this.meta.lastPage + 1 - this.filePages)
    if (this.freeBeyond === beyond) return
    throw new Fault(
      `is cut off, or damaged: its last page is ${this.meta.lastPage}, it has ${this.filePages}`,
    )
  }

  private knownTable(view: DataView, node: number): string {
    const name = tableName(view, node)
    if (this.options.tables?.has(name) !== false) return name
    throw new Fault(`is damaged: it has a table ${name}, which is none of ours`)
  }

  /** Walks a tree and compares what it is made of with what its head says. */
  private tree(tree: Tree, leafNode: LeafNode): void {
    if (tree.root >= NO_PAGE - 1) {
      const { branch, leaf, overflow } = tree.pages
      if (tree.depth + branch + leaf + overflow + tree.entries === 0) return
      throw new Fault(`is damaged: the tree of ${tree.name} has lost its root`)
    }
    if (tree.depth < 1 || tree.depth > DEPTH_MAX || tree.flags !== 0) {
      throw new Fault(`is damaged: the head of its tree of ${tree.name} makes no sense`)
    }
    this.counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 }
    this.page(tree, { number: tree.root, level: 1, low: null, high: null }, leafNode)
    const { branch, leaf, overflow, entries } = this.counts
    const { pages } = tree
    const same =
      branch === pages.branch &&
      leaf === pages.leaf &&
      overflow === pages.overflow &&
      entries === tree.entries
    if (!same) throw new Fault(`has a tree of ${tree.name} with pages missing or too many`)
  }

  private page(tree: Tree, at: Branch, leafNode: LeafNode): void {
    const isLeaf = at.level === tree.depth
    const view = this.read(tree, at.number, at.level, isLeaf ? PAGE.leaf : PAGE.branch)
    const where = `page ${at.number} (${tree.name})`
    // Each transaction writes the tables' root anew: an older state that claims to be newer is told.
    if (tree.name === TABLES && at.level === 1 && wide(view, 8) !== this.meta.transaction) {
      throw new Fault(`is damaged: it has transaction ${this.meta.transaction}, ${where} has not`)
    }
    const nodes = this.nodesOf(view, where)
    if (isLeaf) this.counts.leaf++
    else this.counts.branch++
    let low = at.low
    for (let i = 0; i < nodes; i++) {
      const node = this.nodeAt(view, i, where)
      // The first key of a branch page stands for all that are lower, and is empty.
      const key = !isLeaf && i === 0 ? at.low : keyOf(view, node)
      const inOrder = i === 0 ? !isBelow(tree, key, low) : isBelow(tree, low, key)
      if (!inOrder || (at.high !== null && !isBelow(tree, key, at.high))) {
        throw new Fault(`is damaged at ${where}: the key of node ${i} is out of order`)
      }
      low = key
      if (isLeaf) {
        this.leaf(tree, view, { node, data: dataOf(view, node), where }, leafNode)
        continue
      }
      const high = i + 1 < nodes ? keyOf(view, this.nodeAt(view, i + 1, where)) : at.high
      const child = { number: childOf(view, node), level: at.level + 1, low: key, high }
      this.page(tree, child, leafNode)
    }
  }

  /** How many nodes a page has. */
  private nodesOf(view: DataView, where: string): number {
    const room = this.meta.pageBytes - HEADER_BYTES
    const lower = view.getUint16(20, true)
    const upper = view.getUint16(22, true)
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > room) {
      throw new Fault(`is damaged at ${where}: its bounds are ${lower} and ${upper} of ${room}`)
    }
    return lower / 2
  }

  /** Where a node is; its key ends within the page. */
  private nodeAt(view: DataView, i: number, where: string): number {
    const room = this.meta.pageBytes - HEADER_BYTES
    const offset = view.getUint16(HEADER_BYTES + 2 * i, true)
    const node = HEADER_BYTES + offset
    const upper = view.getUint16(22, true)
    if (offset < upper || offset + NODE_BYTES > room || dataOf(view, node) > this.meta.pageBytes) {
      throw new Fault(`is damaged at ${where}: node ${i} lies outside of it`)
    }
    return node
  }

  private leaf(
    tree: Tree,
    view: DataView,
    at: { node: number; data: number; where: string },
    leafNode: LeafNode,
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
    if (this.options.overflow)
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
    this.freeBeyond += Math.max(0, first + count - Math.max(first, this.filePages))
    for (let page = first; page < first + count && page < this.filePages; page++) {
      if (!this.isTaken(page)) {
        this.mark(page)
        continue
      }
      throw new Fault(`is damaged: page ${page} is listed as free, and in use or listed twice`)
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
    const written = wide(view, 8)
    if (written > this.meta.transaction) {
      const what = `it was written by transaction ${written}, the last is ${this.meta.transaction}`
      throw new Fault(`is damaged at page ${number} (${tree.name}): ${what}`)
    }
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
    this.mark(number)
  }

  private mark(number: number): void {
    this.used[number >> 3] |= 1 << (number & 7)
  }

  private isTaken(number: number): boolean {
    return (this.used[number >> 3] & (1 << (number & 7))) !== 0
  }
}

function childOf(view: DataView, node: number): number {
  return view.getUint32(node, true) + view.getUint16(node + 4, true) * 0x1_0000_0000
}

/** Where the data of a node begins, behind its key. */
function dataOf(view: DataView, node: number): number {
  return node + NODE_BYTES + view.getUint16(node + 6, true)
}

function keyOf(view: DataView, node: number): Uint8Array {
  return new Uint8Array(view.buffer, node + NODE_BYTES, view.getUint16(node + 6, true))
}

/** Whether a key comes before another; null comes before all. */
function isBelow(tree: Tree, a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (b === null) return false
  if (a === null) return true
  // The free pages' keys are numbers of transactions, the tables' are compared as bytes.
  if (tree.name === FREE_PAGES) return integerOf(a) < integerOf(b)
  return Buffer.compare(a, b) < 0
}

function integerOf(key: Uint8Array): number {
  if (key.length < 8) return -1
  return wide(new DataView(key.buffer, key.byteOffset, 8), 0)
}

function tableName(view: DataView, node: number): string {
  const key = new Uint8Array(view.buffer, node + NODE_BYTES, view.getUint16(node + 6, true))
  return new TextDecoder().decode(key).replaceAll(/[^\w-]/g, '')
}
