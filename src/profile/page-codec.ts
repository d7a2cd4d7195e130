import { hashBytes } from '../event/hash.ts'
import type { Hash64 } from '../event/hash.ts'
import type { KeyKind } from '../event/record.ts'
import type { TraitShape } from './compile.ts'
import type { ProfileStore, SideData } from './store.ts'
import { columnOf } from './layout.ts'

/**
 * A page of profiles as a checkpoint keeps it, little-endian:
 *
 * ```
 *  0 u32 rows      4 u32 bytes of keys
 *  8 u32 hashes   12 u32 bytes of side data
 * 16 u32 excesses    20 u32 form of the page
 * 24 the rows' columns as they lie in memory
 *    f64[hashes]     hashes of distinct traits: row by row, trait by trait, as many as the row says
 *    u32[2 excesses] byte among the columns, and what its count has beyond 255
 *    u16[rows] lengths of the keys, u8[rows] kinds of the keys
 *    the keys, then side data as JSON: `[[row in the page, data], …]`, nothing where no row has any
 * ```
 *
 * In a page of form 0 attributes and groups have no times: they count as older than any event. Form 1
 * has them.
 */
const PAGE_FORM = 1
const HEAD_BYTES = 24
const EXCESS_BYTES = 8
const KEY_HEAD_BYTES = 3

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Writes and reads the pages of one store. Owns its scratch buffers. */
export class PageCodec {
  private readonly store: ProfileStore
  private readonly distinct: readonly TraitShape[]
  private bytes = new Uint8Array(1 << 17)
  private hashes = new Float64Array(1024)
  private readonly hash: Hash64 = { low: 0, high: 0 }

  constructor(store: ProfileStore) {
    this.store = store
    this.distinct = store.compiled.traits.filter(({ definition }) => definition.op === 'distinct')
  }

  /** The page's bytes; valid until the next call. */
  encode(page: number): Uint8Array {
    const { store } = this
    const first = page * store.rowsPerPage
    const rows = Math.min(store.rowsPerPage, store.size - first)
    const { rowBytes } = store.compiled.layout
    const hashes = this.collectHashes(first, rows)
    const excesses = this.collectExcesses(first, rows)
    const side = this.sideText(first, rows)
    let keyBytes = 0
    for (let row = first; row < first + rows; row++) keyBytes += store.index.length(row)
    const columnsEnd = HEAD_BYTES + rows * rowBytes
    const excessesAt = columnsEnd + 8 * hashes
    const keyHeads = excessesAt + EXCESS_BYTES * excesses.length
    const keysAt = keyHeads + KEY_HEAD_BYTES * rows
    const total = keysAt + keyBytes + side.length
    if (total > this.bytes.length) this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(total)))
    const { bytes } = this
    const view = new DataView(bytes.buffer)
    view.setUint32(0, rows, true)
    view.setUint32(4, keyBytes, true)
    view.setUint32(8, hashes, true)
    view.setUint32(12, side.length, true)
    view.setUint32(16, excesses.length, true)
    view.setUint32(20, PAGE_FORM, true)
    bytes.set(store.rowPage(page).u8.subarray(0, rows * rowBytes), HEAD_BYTES)
    this.clearHandles(view, rows)
    bytes.set(new Uint8Array(this.hashes.buffer, 0, 8 * hashes), columnsEnd)
    excesses.forEach(([byte, excess], i) => {
      view.setUint32(excessesAt + EXCESS_BYTES * i, byte, true)
      view.setUint32(excessesAt + EXCESS_BYTES * i + 4, excess, true)
    })
    this.encodeKeys(view, keyHeads, first, rows)
    bytes.set(side, keysAt + keyBytes)
    return bytes.subarray(0, total)
  }

  /** Takes a page back. Pages come in ascending order into an empty store. */
  decode(page: number, bytes: Uint8Array): void {
    const { store } = this
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const rows = view.getUint32(0, true)
    const keyBytes = view.getUint32(4, true)
    const hashes = view.getUint32(8, true)
    const sideBytes = view.getUint32(12, true)
    const form = view.getUint32(20, true)
    if (form > PAGE_FORM) {
      throw new Error(`page ${page} has form ${form}; this version reads up to ${PAGE_FORM}`)
    }
    const first = page * store.rowsPerPage
    if (store.size !== first) throw new Error(`page ${page} follows ${store.size} profiles`)
    const columnsEnd = HEAD_BYTES + rows * store.compiled.layout.rowBytes
    const excessesAt = columnsEnd + 8 * hashes
    const keyHeads = excessesAt + EXCESS_BYTES * view.getUint32(16, true)
    this.decodeKeys(bytes, view, keyHeads, rows)
    const rowPage = store.rowPage(page)
    rowPage.u8.set(bytes.subarray(HEAD_BYTES, columnsEnd))
    rowPage.dirty = false
    rowPage.dueFrom = Number.NEGATIVE_INFINITY
    this.restoreHashes(bytes.subarray(columnsEnd, excessesAt), first, rows)
    for (let at = excessesAt; at < keyHeads; at += EXCESS_BYTES) {
      store.counts.restore(first, view.getUint32(at, true), view.getUint32(at + 4, true))
    }
    store.countSegments(first, rows)
    if (sideBytes === 0) return
    const sideAt = keyHeads + KEY_HEAD_BYTES * rows + keyBytes
    const text = decoder.decode(bytes.subarray(sideAt, sideAt + sideBytes))
    for (const [row, data] of JSON.parse(text) as [number, SideData][]) {
      store.setSide(first + row, data)
    }
  }

  /** Handles mean something in this store only. */
  private clearHandles(view: DataView, rows: number): void {
    const { rowBytes } = this.store.compiled.layout
    for (const shape of this.distinct) {
      const at = HEAD_BYTES + 4 * columnOf(shape.b)
      for (let i = 0; i < rows; i++) view.setUint32(at + i * rowBytes, 0, true)
    }
  }

  private encodeKeys(view: DataView, at: number, first: number, rows: number): void {
    const { index } = this.store
    let keyAt = at + KEY_HEAD_BYTES * rows
    for (let i = 0; i < rows; i++) {
      const row = first + i
      const key = index.key(row)
      view.setUint16(at + 2 * i, key.length, true)
      view.setUint8(at + 2 * rows + i, index.kind(row))
      this.bytes.set(key, keyAt)
      keyAt += key.length
    }
  }

  private decodeKeys(bytes: Uint8Array, view: DataView, at: number, rows: number): void {
    let keyAt = at + KEY_HEAD_BYTES * rows
    for (let i = 0; i < rows; i++) {
      const keyEnd = keyAt + view.getUint16(at + 2 * i, true)
      const kind = view.getUint8(at + 2 * rows + i) as KeyKind
      hashBytes(bytes, keyAt, keyEnd, kind, this.hash)
      this.store.addKey(kind, this.hash, bytes, keyAt, keyEnd)
      keyAt = keyEnd
    }
  }

  private collectExcesses(first: number, rows: number): [number, number][] {
    const excesses: [number, number][] = []
    this.store.counts.each(first, rows, (byte, excess) => excesses.push([byte, excess]))
    return excesses
  }

  private collectHashes(first: number, rows: number): number {
    const { store } = this
    let count = 0
    this.eachSet(first, rows, (handle, size) => {
      if (count + size > this.hashes.length) {
        const grown = new Float64Array(2 * (count + size))
        grown.set(this.hashes.subarray(0, count))
        this.hashes = grown
      }
      store.sets.copy(handle, size, this.hashes, count)
      count += size
      return handle
    })
    return count
  }

  private restoreHashes(bytes: Uint8Array, first: number, rows: number): void {
    const hashes = new Float64Array(bytes.length / 8)
    new Uint8Array(hashes.buffer).set(bytes)
    let at = 0
    this.eachSet(first, rows, (_, size) => {
      const handle = this.store.sets.create(hashes, at, size)
      at += size
      return handle
    })
  }

  /** Visits the sets that are not empty; what `visit` returns becomes the set's handle. */
  private eachSet(
    first: number,
    rows: number,
    visit: (handle: number, size: number) => number,
  ): void {
    if (this.distinct.length === 0) return
    const { store } = this
    for (let row = first; row < first + rows; row++) {
      store.at(row)
      for (const shape of this.distinct) {
        const size = store.page.u16[store.o2 + columnOf(shape.a)]
        if (size === 0) continue
        const at = store.o4 + columnOf(shape.b)
        store.page.u32[at] = visit(store.page.u32[at], size)
      }
    }
  }

  private sideText(first: number, rows: number): Uint8Array {
    const side: [number, SideData][] = []
    for (let row = first; row < first + rows; row++) {
      const data = this.store.sideOf(row)
      if (data !== undefined) side.push([row - first, data])
    }
    return side.length === 0 ? NO_BYTES : encoder.encode(JSON.stringify(side))
  }
}

const NO_BYTES = new Uint8Array(0)
