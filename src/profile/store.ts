import { KEY_KIND, hashKey } from '../event/record.ts'
import type { KeyKind, RecordCursor } from '../event/record.ts'
import type { CompiledDefinition } from './compile.ts'
import { Interner } from './interner.ts'
import { KeyIndex } from './key-index.ts'
import { RowPage } from './layout.ts'

export interface StoreKey {
  readonly kind: KeyKind
  readonly key: string
}

/** Another key of the same person. */
export interface Link extends StoreKey {
  /** Position of the forward record that moved its history here; '' when nothing was moved. */
  readonly source: string
  readonly time: number
}

export type AttributeValue = string | number | boolean

/** What of a profile is not numeric; bounded by the limits below. */
export interface SideData {
  attributes?: Record<string, AttributeValue>
  groups?: string[]
  links?: Link[]
  forward?: StoreKey
  /** Column of a `distinct` trait → its values' hashes, 53 bits. */
  distinct?: Record<number, Set<number>>
}

export const ATTRIBUTES_MAX = 64
export const ATTRIBUTE_CHARACTERS_MAX = 1024
export const ATTRIBUTES_CHARACTERS_MAX = 8192
export const GROUPS_MAX = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * The profiles of a shard: rows in pages of typed arrays, the index of keys, and side data.
 *
 * Single-threaded. {@link at} points `page` and the offsets `o8 o4 o2 o1` at a row; whoever writes to
 * a row marks its page dirty. Rows are never removed; a profile that was joined to another keeps its
 * row with a forward. Rows keep their number for ever, so a page's place in a checkpoint is fixed.
 */
export class ProfileStore {
  readonly compiled: CompiledDefinition
  readonly strings = new Interner()
  page: RowPage
  row = -1
  o8 = 0
  o4 = 0
  o2 = 0
  o1 = 0
  private readonly index = new KeyIndex()
  private readonly pages: RowPage[] = []
  private readonly template: Uint8Array
  private readonly side = new Map<number, SideData>()
  private readonly counts: number[]
  private readonly rowBytes: number
  private readonly pageBits: number
  private readonly pageMask: number

  constructor(compiled: CompiledDefinition) {
    this.compiled = compiled
    this.rowBytes = compiled.layout.rowBytes
    this.pageBits = Math.max(0, Math.floor(Math.log2(65_536 / this.rowBytes)))
    this.pageMask = (1 << this.pageBits) - 1
    this.template = compiled.layout.template()
    this.counts = compiled.segments.map(() => 0)
    this.page = new RowPage(0)
  }

  get size(): number {
    return this.index.size
  }

  get pageCount(): number {
    return this.pages.length
  }

  get rowsPerPage(): number {
    return this.pageMask + 1
  }

  get dictionarySize(): number {
    return this.strings.size
  }

  /** Points the views at a row. */
  at(row: number): void {
    if (row === this.row) return
    const start = (row & this.pageMask) * this.rowBytes
    this.page = this.pages[row >> this.pageBits]
    this.row = row
    this.o1 = start
    this.o2 = start >> 1
    this.o4 = start >> 2
    this.o8 = start >> 3
  }

  /** The row of the record's key, or -1. */
  findRecord(cursor: RecordCursor): number {
    const { keyKind, keyHashLow, keyHashHigh, bytes, keyStart, keyEnd } = cursor
    return this.index.find(keyKind, keyHashLow, keyHashHigh, bytes, keyStart, keyEnd)
  }

  ensureRecord(cursor: RecordCursor): number {
    const row = this.findRecord(cursor)
    if (row >= 0) return row
    const key = cursor.bytes.slice(cursor.keyStart, cursor.keyEnd)
    return this.create(cursor.keyKind, cursor.keyHashLow, cursor.keyHashHigh, key)
  }

  findKey(kind: KeyKind, key: string): number {
    const { low, high } = hashKey(kind, key)
    if (isShortAscii(key)) return this.index.find(kind, low, high, shortKey, 0, key.length)
    const bytes = encoder.encode(key)
    return this.index.find(kind, low, high, bytes, 0, bytes.length)
  }

  ensureKey(kind: KeyKind, key: string): number {
    const row = this.findKey(kind, key)
    if (row >= 0) return row
    const { low, high } = hashKey(kind, key)
    return this.create(kind, low, high, encoder.encode(key))
  }

  keyOf(row: number): StoreKey {
    return { kind: this.index.kind(row), key: decoder.decode(this.index.key(row)) }
  }

  kindOf(row: number): KeyKind {
    return this.index.kind(row)
  }

  /** The id's UTF-8 bytes; a view that stays valid, not to be written to. */
  keyBytes(row: number): Uint8Array {
    return this.index.key(row)
  }

  lastSequence(row: number): number {
    this.at(row)
    return this.page.f64[this.o8 + this.compiled.columns.lastSequence.index]
  }

  setLastSequence(row: number, sequence: number): void {
    this.at(row)
    this.page.f64[this.o8 + this.compiled.columns.lastSequence.index] = sequence
    this.page.dirty = true
  }

  /** The newest instant that the profile has seen, ms since 1970; 0 for none. */
  clock(row: number): number {
    this.at(row)
    return this.page.f64[this.o8 + this.compiled.columns.clock.index]
  }

  /** When something falls due; Infinity for never. */
  nextDue(row: number): number {
    this.at(row)
    return this.page.f64[this.o8 + this.compiled.columns.nextDue.index]
  }

  /** Whether a row has folded any event. */
  hasEvents(row: number): boolean {
    this.at(row)
    return this.page.f64[this.o8 + this.compiled.columns.firstSeen.index] > 0
  }

  inSegment(row: number, segment: number): boolean {
    this.at(row)
    const byte = this.o1 + this.compiled.columns.segments.index + (segment >> 3)
    return (this.page.u8[byte] & (1 << (segment & 7))) !== 0
  }

  setSegment(row: number, segment: number, inside: boolean): void {
    this.at(row)
    const byte = this.o1 + this.compiled.columns.segments.index + (segment >> 3)
    const bit = 1 << (segment & 7)
    if (((this.page.u8[byte] & bit) !== 0) === inside) return
    this.page.u8[byte] ^= bit
    this.counts[segment] += inside ? 1 : -1
  }

  /** Members of each segment, in the order of the definition. */
  segmentCounts(): readonly number[] {
    return this.counts
  }

  sideOf(row: number): SideData | undefined {
    return this.side.get(row)
  }

  ensureSide(row: number): SideData {
    let side = this.side.get(row)
    if (side === undefined) {
      side = {}
      this.side.set(row, side)
    }
    return side
  }

  forwardOf(row: number): StoreKey | null {
    this.at(row)
    if (this.page.u8[this.o1 + this.compiled.columns.forwarded.index] === 0) return null
    return this.side.get(row)?.forward ?? null
  }

  setForward(row: number, target: StoreKey): void {
    this.at(row)
    this.page.u8[this.o1 + this.compiled.columns.forwarded.index] = 1
    this.page.dirty = true
    this.ensureSide(row).forward = target
  }

  links(row: number): readonly Link[] {
    return this.side.get(row)?.links ?? []
  }

  addLink(row: number, link: Link): void {
    const side = this.ensureSide(row)
    const known = (side.links ?? []).filter(
      (l) => l.kind !== link.kind || l.key !== link.key || l.source !== '',
    )
    side.links = [...known, link]
    this.at(row)
    this.page.dirty = true
  }

  /** Back to a profile without events; id, last sequence, links and forward stay. */
  reset(row: number): void {
    this.compiled.segments.forEach((_, segment) => this.setSegment(row, segment, false))
    const sequence = this.lastSequence(row)
    const forwarded = this.page.u8[this.o1 + this.compiled.columns.forwarded.index]
    this.page.u8.set(this.template, this.o1)
    this.page.u8[this.o1 + this.compiled.columns.forwarded.index] = forwarded
    this.setLastSequence(row, sequence)
    const side = this.side.get(row)
    if (side === undefined) return
    const { links, forward } = side
    if (links === undefined && forward === undefined) this.side.delete(row)
    else this.side.set(row, { ...(links && { links }), ...(forward && { forward }) })
  }

  /** Bytes a profile costs in columns, index and id, side data not counted. */
  bytesPerProfile(): number {
    if (this.size === 0) return this.rowBytes
    return (this.pages.length * this.rowsPerPage * this.rowBytes + this.index.bytes) / this.size
  }

  *dirtyPages(): Generator<number> {
    for (let page = 0; page < this.pages.length; page++) if (this.pages[page].dirty) yield page
  }

  clearDirty(page: number): void {
    this.pages[page].dirty = false
  }

  /** A page's rows with their keys and side data: `u32 head bytes, head (JSON), columns`. */
  exportPage(page: number): Uint8Array {
    const first = page * this.rowsPerPage
    const rows = Math.min(this.rowsPerPage, this.size - first)
    const keys: [number, string][] = []
    const side: [number, unknown][] = []
    for (let row = first; row < first + rows; row++) {
      const { kind, key } = this.keyOf(row)
      keys.push([kind, key])
      const data = this.side.get(row)
      if (data !== undefined) side.push([row, sideToJson(data)])
    }
    const head = encoder.encode(JSON.stringify({ keys, side }))
    const columns = this.pages[page].u8.subarray(0, rows * this.rowBytes)
    const bytes = new Uint8Array(4 + head.length + columns.length)
    new DataView(bytes.buffer).setUint32(0, head.length, true)
    bytes.set(head, 4)
    bytes.set(columns, 4 + head.length)
    return bytes
  }

  /** Takes a page back. Pages come in ascending order into an empty store. */
  importPage(page: number, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const headBytes = view.getUint32(0, true)
    const head = JSON.parse(decoder.decode(bytes.subarray(4, 4 + headBytes))) as PageHead
    const first = page * this.rowsPerPage
    if (this.size !== first) throw new Error(`page ${page} follows ${this.size} profiles`)
    for (const [kind, key] of head.keys) {
      const { low, high } = hashKey(kind, key)
      this.create(kind, low, high, encoder.encode(key))
    }
    this.pages[page].u8.set(bytes.subarray(4 + headBytes))
    this.pages[page].dirty = false
    for (const [row, data] of head.side) this.side.set(row, sideFromJson(data))
    for (let row = first; row < this.size; row++) {
      this.counts.forEach((_, s) => (this.counts[s] += this.inSegment(row, s) ? 1 : 0))
    }
  }

  exportDictionary(from: number): Uint8Array {
    return this.strings.dump(from)
  }

  importDictionary(bytes: Uint8Array): void {
    this.strings.load(bytes)
  }

  private create(kind: KeyKind, low: number, high: number, key: Uint8Array): number {
    const row = this.index.add(kind, low, high, key)
    if (row >> this.pageBits >= this.pages.length) {
      this.pages.push(new RowPage(this.rowsPerPage * this.rowBytes))
    }
    this.at(row)
    this.page.u8.set(this.template, this.o1)
    this.page.dirty = true
    return row
  }
}

/** Longest key that is worth to take character by character instead of through an encoder. */
const SHORT_CHARACTERS = 96
const shortKey = new Uint8Array(SHORT_CHARACTERS)

/** Whether the key is short and ASCII; then its bytes are in {@link shortKey}. */
function isShortAscii(key: string): boolean {
  if (key.length > SHORT_CHARACTERS) return false
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code > 0x7f) return false
    shortKey[i] = code
  }
  return true
}

interface PageHead {
  readonly keys: readonly [KeyKind, string][]
  readonly side: readonly [number, SideJson][]
}

interface SideJson extends Omit<SideData, 'distinct'> {
  readonly distinct?: Record<number, number[]>
}

function sideToJson(data: SideData): SideJson {
  const { distinct, ...rest } = data
  if (distinct === undefined) return rest
  const lists = Object.entries(distinct).map(([column, set]) => [column, [...set]])
  return { ...rest, distinct: Object.fromEntries(lists) as Record<number, number[]> }
}

function sideFromJson(data: SideJson): SideData {
  const { distinct, ...rest } = data
  if (distinct === undefined) return rest
  const sets = Object.entries(distinct).map(([column, list]) => [column, new Set(list)])
  return { ...rest, distinct: Object.fromEntries(sets) as Record<number, Set<number>> }
}

/** `user:x` or `anonymous:x`. */
export function idText({ kind, key }: StoreKey): string {
  return kind === KEY_KIND.anonymous ? `anonymous:${key}` : `user:${key}`
}
