import { hashKey } from '../event/hash.ts'
import { KEY_KIND } from '../event/record.ts'
import type { Identity, Link } from '../identity/transition.ts'
import type { Hash64 } from '../event/hash.ts'
import type { KeyKind } from '../event/record.ts'
import type { RecordCursor } from '../event/record-cursor.ts'
import { ROW_MARK } from './compile.ts'
import type { CompiledDefinition, TraitShape } from './compile.ts'
import { ByteCounts } from './byte-counts.ts'
import { HashSets } from './hash-sets.ts'
import { Interner } from './interner.ts'
import { KeyIndex } from './key-index.ts'
import { RowPage } from './layout.ts'
import { TextCollector, keepsText } from './text-collector.ts'

export interface StoreKey {
  readonly kind: KeyKind
  readonly key: string
}

/** Joins of a row, without what lies in fields of its own. */
export type JoinState = Omit<Identity, 'forward' | 'links'>

export interface StoreOptions {
  /** Texts of all traits together. */
  readonly textsMax?: number
  /** The dictionary of another store of the same thread and definition, whose rows may be taken over. */
  readonly strings?: Interner
}

export type AttributeValue = string | number | boolean

/** What of a profile is not numeric; bounded by the limits of attributes.ts. */
export interface SideData {
  /** What identify told, by name. */
  attributes?: Record<string, AttributeValue>
  /** Event times of the attributes, in the order of their keys; 0 for one from before they were kept. */
  attributeTimes?: number[]
  /** Attributes that were removed, and the event times of that. */
  removals?: Record<string, number>
  /** Newest last. */
  groups?: string[]
  /** Event times of the groups, in their order. */
  groupTimes?: number[]
  links?: readonly Link[]
  forward?: StoreKey
  joins?: JoinState
  /** Sequence of the first record that is not folded yet. */
  unfolded?: number
}

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
  readonly strings: Interner
  readonly collector: TextCollector
  /** Values of `distinct` traits, as hashes. */
  readonly sets = new HashSets()
  readonly index = new KeyIndex()
  /** Counts of windows' buckets. */
  readonly counts: ByteCounts
  page: RowPage
  row = -1
  o8 = 0
  o4 = 0
  o2 = 0
  o1 = 0
  private readonly pages: RowPage[] = []
  private readonly template: Uint8Array
  private readonly distinct: readonly TraitShape[]
  private readonly textTraits: readonly TraitShape[]
  private readonly side = new Map<number, SideData>()
  private readonly members: number[]
  private readonly rowBytes: number
  private readonly pageBits: number
  private readonly pageMask: number
  private renames = 0

  constructor(compiled: CompiledDefinition, { textsMax, strings }: StoreOptions = {}) {
    this.compiled = compiled
    this.textTraits = compiled.traits.filter(keepsText)
    const fields = this.textTraits.map(({ name }) => name)
    this.strings = strings ?? new Interner(fields, textsMax)
    this.rowBytes = compiled.layout.rowBytes
    this.pageBits = Math.max(0, Math.floor(Math.log2(65_536 / this.rowBytes)))
    this.pageMask = (1 << this.pageBits) - 1
    this.template = compiled.layout.template()
    this.distinct = compiled.traits.filter(({ definition }) => definition.op === 'distinct')
    this.members = compiled.segments.map(() => 0)
    this.counts = new ByteCounts(this)
    this.collector = new TextCollector(this)
    if (strings === undefined) this.strings.collectWith(() => this.collector.step())
    this.page = new RowPage(0)
  }

  /** Rows, of whatever kind. */
  get size(): number {
    return this.index.size
  }

  /** Shoppers: rows that are not places in the forest of renames. */
  get shoppers(): number {
    return this.index.size - this.renames
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
    const { bytes, keyStart, keyEnd } = cursor
    const hash = { low: cursor.keyHashLow, high: cursor.keyHashHigh }
    return this.createKey(cursor.keyKind, hash, bytes, keyStart, keyEnd)
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
    const bytes = encoder.encode(key)
    return this.createKey(kind, hashKey(kind, key), bytes, 0, bytes.length)
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

  /** The latest arrival among the row's records, ms since 1970; 0 for none. */
  arrival(row: number): number {
    this.at(row)
    return this.page.f64[this.o8 + this.compiled.columns.arrival.index]
  }

  /** Records that the profile is the fold of. */
  history(row: number): number {
    this.at(row)
    return this.page.u32[this.o4 + this.compiled.columns.history.index]
  }

  /** Counts one more record of the profile, which arrived then. */
  countRecord(row: number, arrivalTime: number): void {
    this.at(row)
    const { arrival, history } = this.compiled.columns
    if (arrivalTime > this.page.f64[this.o8 + arrival.index]) {
      this.page.f64[this.o8 + arrival.index] = arrivalTime
    }
    this.page.u32[this.o4 + history.index]++
    this.page.dirty = true
  }

  /** A record of the row went on elsewhere; the next one comes after it. */
  noteArrival(row: number, arrivalTime: number): void {
    this.at(row)
    const at = this.o8 + this.compiled.columns.arrival.index
    this.page.f64[at] = Math.max(this.page.f64[at], arrivalTime)
    this.page.dirty = true
  }

  setHistory(row: number, records: number): void {
    this.at(row)
    this.page.u32[this.o4 + this.compiled.columns.history.index] = records
    this.page.dirty = true
  }

  isMarked(row: number, mark: number): boolean {
    this.at(row)
    return (this.page.u8[this.o1 + this.compiled.columns.marks.index] & mark) !== 0
  }

  setMark(row: number, mark: number, on: boolean): void {
    this.at(row)
    const at = this.o1 + this.compiled.columns.marks.index
    this.page.u8[at] = on ? this.page.u8[at] | mark : this.page.u8[at] & ~mark
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

  /** Events of the open session; 0 where none is open. */
  sessionEvents(row: number): number {
    this.at(row)
    const { sessionStart, sessionEvents } = this.compiled.columns
    if (!(this.page.f64[this.o8 + sessionStart.index] > 0)) return 0
    return this.page.u32[this.o4 + sessionEvents.index]
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
    this.members[segment] += inside ? 1 : -1
  }

  /** Members of each segment, in the order of the definition. */
  segmentCounts(): readonly number[] {
    return this.members
  }

  sideOf(row: number): SideData | undefined {
    return this.side.get(row)
  }

  setSide(row: number, side: SideData): void {
    this.side.set(row, side)
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
    if (!this.isMarked(row, ROW_MARK.forwarded)) return null
    return this.side.get(row)?.forward ?? null
  }

  /** Who the row is joined with. */
  identity(row: number): Identity {
    const { forward = null, links = NO_LINKS, joins = NO_JOINS } = this.side.get(row) ?? NO_SIDE
    return { ...joins, forward, links }
  }

  setIdentity(row: number, { forward, links, ...joins }: Identity): void {
    this.setMark(row, ROW_MARK.forwarded, forward !== null)
    this.setMark(row, ROW_MARK.former, joins.former.length > 0)
    const side = this.side.get(row) ?? NO_SIDE
    const { unfolded } = side
    this.side.set(row, {
      ...foldedOf(side),
      ...(unfolded !== undefined && { unfolded }),
      ...(links.length > 0 && { links }),
      ...(forward && { forward }),
      joins,
    })
  }

  /** Sequence of the first record that is not folded yet; Infinity for none. */
  unfolded(row: number): number {
    return this.side.get(row)?.unfolded ?? Number.POSITIVE_INFINITY
  }

  /** A record waits for the profile to be folded again. */
  noteUnfolded(row: number, sequence: number): void {
    const side = this.ensureSide(row)
    side.unfolded ??= sequence
    this.at(row)
    this.page.dirty = true
  }

  /** The profile has been folded again from all records it has. */
  noteFolded(row: number): void {
    this.setMark(row, ROW_MARK.refold, false)
    const side = this.side.get(row)
    if (side === undefined) return
    delete side.unfolded
    if (Object.keys(side).length === 0) this.side.delete(row)
  }

  /** What waits for the profile to be folded again is what comes from now on. */
  clearUnfolded(row: number): void {
    const side = this.side.get(row)
    if (side !== undefined) delete side.unfolded
  }

  /** Rows with something beside their columns. */
  sideRows(): Iterable<number> {
    return this.side.keys()
  }

  links(row: number): readonly Link[] {
    return this.side.get(row)?.links ?? NO_LINKS
  }

  /**
   * Takes over what another store's row was folded to; id, sequence, counts of records, marks, links
   * and joins stay. The other store has the same definition and dictionary.
   */
  takeProfile(row: number, from: ProfileStore, other: number): void {
    const kept = this.keptOf(row)
    from.at(other)
    this.compiled.segments.forEach((_, i) => this.setSegment(row, i, from.inSegment(other, i)))
    this.at(row)
    this.dropSets()
    this.counts.forgetRow()
    from.at(other)
    this.page.u8.set(from.page.u8.subarray(from.o1, from.o1 + this.rowBytes), this.o1)
    from.counts.eachOfRow((byte, excess) => this.counts.restore(row, byte, excess))
    this.takeSets(from)
    this.collector.markRow(row)
    this.restoreKept(kept)
    const side = { ...this.side.get(row) }
    forgetFolded(side)
    Object.assign(side, foldedOf(from.side.get(other) ?? NO_SIDE))
    if (Object.keys(side).length === 0) this.side.delete(row)
    else this.side.set(row, side)
    this.page.dueFrom = Math.min(this.page.dueFrom, this.nextDue(row))
    this.page.dirty = true
  }

  private takeSets(from: ProfileStore): void {
    for (const { a, b } of this.distinct) {
      if (a === null || b === null) continue
      const size = this.page.u16[this.o2 + a.index]
      if (size === 0) continue
      const hashes = new Float64Array(size)
      from.sets.copy(from.page.u32[from.o4 + b.index], size, hashes, 0)
      this.page.u32[this.o4 + b.index] = this.sets.create(hashes, 0, size)
    }
  }

  private keptOf(row: number): readonly [number, number, number, number] {
    this.at(row)
    const { lastSequence, marks, arrival, history } = this.compiled.columns
    return [
      this.page.f64[this.o8 + lastSequence.index],
      this.page.u8[this.o1 + marks.index],
      this.page.f64[this.o8 + arrival.index],
      this.page.u32[this.o4 + history.index],
    ]
  }

  /** Puts back what {@link keptOf} told of the row that the views point at. */
  private restoreKept(kept: readonly [number, number, number, number]): void {
    const { lastSequence, marks, arrival, history } = this.compiled.columns
    this.page.f64[this.o8 + lastSequence.index] = kept[0]
    this.page.u8[this.o1 + marks.index] = kept[1]
    this.page.f64[this.o8 + arrival.index] = kept[2]
    this.page.u32[this.o4 + history.index] = kept[3]
    this.page.dirty = true
  }

  /** Back to a profile without events; id, sequence, counts of records, marks, links, joins stay. */
  reset(row: number): void {
    this.compiled.segments.forEach((_, segment) => this.setSegment(row, segment, false))
    const kept = this.keptOf(row)
    this.dropSets()
    this.counts.forgetRow()
    this.page.u8.set(this.template, this.o1)
    this.restoreKept(kept)
    const side = this.side.get(row)
    if (side === undefined) return
    forgetFolded(side)
    if (Object.keys(side).length === 0) this.side.delete(row)
  }

  private dropSets(): void {
    for (const { a, b } of this.distinct) {
      if (a === null || b === null) continue
      this.sets.drop(this.page.u32[this.o4 + b.index], this.page.u16[this.o2 + a.index])
    }
  }

  /** Bytes a profile costs in columns, sets, index and id; side data is not counted. */
  bytesPerProfile(): number {
    if (this.size === 0) return this.rowBytes
    const columns = this.pages.length * this.rowsPerPage * this.rowBytes
    return (columns + this.sets.bytes + this.index.bytes) / this.size
  }

  *dirtyPages(): Generator<number> {
    for (let page = 0; page < this.pages.length; page++) if (this.pages[page].dirty) yield page
  }

  setDirty(page: number): void {
    this.pages[page].dirty = true
  }

  clearDirty(page: number): void {
    this.pages[page].dirty = false
  }

  /** The views of a page. */
  rowPage(page: number): RowPage {
    return this.pages[page]
  }

  /** Adds the rows' memberships to the segments' counts: they were not there before. */
  countSegments(first: number, rows: number): void {
    const { segments } = this.compiled.columns
    for (let row = first; row < first + rows; row++) {
      this.at(row)
      for (let byte = 0; byte < segments.length; byte++) {
        let bits = this.page.u8[this.o1 + segments.index + byte]
        for (; bits !== 0; bits &= bits - 1)
          this.members[8 * byte + 31 - Math.clz32(bits & -bits)]++
      }
    }
  }

  /** All texts that profiles hold, to find the text of a category's code. */
  texts(): Iterable<string> {
    return this.strings.all()
  }

  exportDictionary(from: number): Uint8Array {
    return this.strings.dump(from)
  }

  /** The number of a trait among the fields that share the texts. */
  textField(shape: TraitShape): number {
    return this.textTraits.indexOf(shape)
  }

  importDictionary(bytes: Uint8Array): void {
    this.strings.load(bytes)
    this.collector.pagesAreOnDisk()
  }

  /** Makes room for the keys of so many rows at once, where there are none yet. */
  reserve(rows: number): void {
    this.index.reserve(rows)
  }

  /** As {@link createKey} without filling the row: whoever calls has what belongs there. */
  addKey(kind: KeyKind, hash: Hash64, bytes: Uint8Array, start: number, end: number): number {
    const row = this.index.add(kind, hash, bytes, start, end)
    if (kind === KEY_KIND.rename) this.renames++
    if (row >> this.pageBits >= this.pages.length) {
      this.pages.push(new RowPage(this.rowsPerPage * this.rowBytes))
    }
    return row
  }

  /** Makes a row for a key that is not there yet: `bytes[start, end)`. */
  createKey(kind: KeyKind, hash: Hash64, bytes: Uint8Array, start: number, end: number): number {
    const row = this.addKey(kind, hash, bytes, start, end)
    this.at(row)
    this.page.u8.set(this.template, this.o1)
    this.page.dirty = true
    return row
  }
}

const NO_JOINS: JoinState = { pending: [], decided: -1, former: [] }
const NO_LINKS: readonly Link[] = []
const NO_SIDE: SideData = {}

/** Of side data, what the fold makes. */
function foldedOf({
  attributes,
  attributeTimes,
  removals,
  groups,
  groupTimes,
}: SideData): SideData {
  return {
    ...(attributes && { attributes }),
    ...(attributeTimes && { attributeTimes }),
    ...(removals && { removals }),
    ...(groups && { groups }),
    ...(groupTimes && { groupTimes }),
  }
}

function forgetFolded(side: SideData): void {
  delete side.attributes
  delete side.attributeTimes
  delete side.removals
  delete side.groups
  delete side.groupTimes
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

/** `user:x` or `anonymous:x`. */
export function idText({ kind, key }: StoreKey): string {
  return kind === KEY_KIND.anonymous ? `anonymous:${key}` : `user:${key}`
}
