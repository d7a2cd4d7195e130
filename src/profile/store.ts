import type { KeyKind, RecordCursor } from '../event/record.ts'
import { hashKey } from '../event/record.ts'
import { LimnError } from '../protocol/errors.ts'
import type { CompiledDefinition } from './compile.ts'
import { COLUMN } from './compile.ts'

const PAGE_BYTES = 65_536
const PAGE_VERSION = 1

export interface ProfileKey {
  readonly kind: KeyKind
  readonly key: string
}
export interface Link extends ProfileKey {
  /** Position of the source's forward record, or ''. */
  readonly source: string
  readonly time: number
}

/** What a row keeps outside the slab. */
export interface SideData {
  links: Link[]
  forward: ProfileKey | null
  attributes: Record<string, unknown>
  texts: Record<number, string>
  /** Trait → value → weight at the trait's reference time. */
  tops: Record<number, Record<string, number>>
  distinct: Record<number, string[]>
}

interface PageView {
  readonly bytes: Uint8Array
  readonly f64: Float64Array
  readonly f32: Float32Array
}

const emptySide = (): SideData => ({
  links: [],
  forward: null,
  attributes: {},
  texts: Object.create(null),
  tops: Object.create(null),
  distinct: Object.create(null),
})

/** Profiles of one shard: rows in fixed pages, so growth never copies. One thread only. */
export class ProfileStore {
  readonly compiled: CompiledDefinition
  readonly rowsPerPage: number
  size = 0
  private readonly pages: PageView[] = []
  private readonly dirty = new Set<number>()
  private readonly keys: ProfileKey[] = []
  private readonly sides: (SideData | undefined)[] = []
  private hashes = new Uint32Array(2048)
  private slots = new Int32Array(2048).fill(-1)

  constructor(compiled: CompiledDefinition) {
    this.compiled = compiled
    this.rowsPerPage = Math.max(1, Math.floor(PAGE_BYTES / compiled.rowBytes))
  }

  findRecord(cursor: RecordCursor): number {
    return this.probe(cursor.keyHashLow, cursor.keyHashHigh, cursor.keyKind, () => cursor.key)
  }

  findKey(kind: KeyKind, key: string): number {
    const hash = hashKey(kind, key)
    return this.probe(hash.low, hash.high, kind, () => key)
  }

  ensureRecord(cursor: RecordCursor): number {
    const row = this.findRecord(cursor)
    if (row >= 0) return row
    return this.add(cursor.keyHashLow, cursor.keyHashHigh, {
      kind: cursor.keyKind,
      key: cursor.key,
    })
  }

  ensureKey(kind: KeyKind, key: string): number {
    const row = this.findKey(kind, key)
    if (row >= 0) return row
    const hash = hashKey(kind, key)
    return this.add(hash.low, hash.high, { kind, key })
  }

  keyOf(row: number): ProfileKey {
    return this.keys[row]
  }
  get(row: number, column: number): number {
    const page = this.pages[Math.floor(row / this.rowsPerPage)]
    return page.f64[(row % this.rowsPerPage) * (this.compiled.rowBytes / 8) + column]
  }
  set(row: number, column: number, value: number): void {
    const index = Math.floor(row / this.rowsPerPage)
    this.dirty.add(index)
    const at = (row % this.rowsPerPage) * (this.compiled.rowBytes / 8) + column
    this.pages[index].f64[at] = value
  }
  get32(row: number, column: number): number {
    const page = this.pages[Math.floor(row / this.rowsPerPage)]
    return page.f32[(row % this.rowsPerPage) * (this.compiled.rowBytes / 4) + column]
  }
  set32(row: number, column: number, value: number): void {
    const index = Math.floor(row / this.rowsPerPage)
    this.dirty.add(index)
    const at = (row % this.rowsPerPage) * (this.compiled.rowBytes / 4) + column
    this.pages[index].f32[at] = value
  }

  lastSequence(row: number): number {
    return this.get(row, COLUMN.lastSequence)
  }
  setLastSequence(row: number, sequence: number): void {
    this.set(row, COLUMN.lastSequence, sequence)
  }
  clock(row: number): number {
    return this.get(row, COLUMN.clock)
  }
  nextDue(row: number): number {
    return this.get(row, COLUMN.nextDue)
  }
  inSegment(row: number, segment: number): boolean {
    return ((this.get(row, COLUMN.segments) >>> segment) & 1) === 1
  }

  /** Members of each segment, by a scan. */
  segmentCounts(): number[] {
    const counts = this.compiled.segmentNames.map(() => 0)
    for (let row = 0; row < this.size; row++) {
      const bits = this.get(row, COLUMN.segments)
      for (let i = 0; i < counts.length; i++) counts[i] += (bits >>> i) & 1
    }
    return counts
  }

  /** For reading; never creates. */
  sideOf(row: number): SideData | undefined {
    return this.sides[row]
  }
  /** For writing. */
  side(row: number): SideData {
    this.dirty.add(Math.floor(row / this.rowsPerPage))
    return (this.sides[row] ??= emptySide())
  }
  forwardOf(row: number): ProfileKey | null {
    return this.sides[row]?.forward ?? null
  }
  setForward(row: number, target: ProfileKey | null): void {
    this.side(row).forward = target
  }
  links(row: number): readonly Link[] {
    return this.sides[row]?.links ?? []
  }
  addLink(row: number, link: Link): void {
    this.side(row).links.push(link)
  }

  /** Back to "no event yet"; keeps the id, the last sequence, links and the forward. */
  reset(row: number): void {
    const { columns, machines, rowBytes } = this.compiled
    for (let c = 1; c < columns; c++) this.set(row, c, Number.NaN)
    for (let c = columns * 2; c < rowBytes / 4; c++) this.set32(row, c, 0)
    this.set(row, COLUMN.clock, 0)
    this.set(row, COLUMN.nextDue, Infinity)
    this.set(row, COLUMN.sessionEvents, 0)
    this.set(row, COLUMN.segments, 0)
    this.set(row, COLUMN.botEvents, 0)
    for (const m of machines) {
      this.set(row, m.column, m.table.initial)
      this.set(row, m.column + 2, 0)
    }
    const side = this.sides[row]
    if (side) this.sides[row] = { ...emptySide(), links: side.links, forward: side.forward }
  }

  /** Slab and index bytes a profile; keys and side data are JavaScript objects beside it. */
  bytesPerProfile(): number {
    if (this.size === 0) return 0
    const index = this.slots.byteLength + this.hashes.byteLength
    return (this.pages.length * PAGE_BYTES + index) / this.size
  }

  get pageCount(): number {
    return this.pages.length
  }
  dirtyPages(): Iterable<number> {
    return [...this.dirty].sort((a, b) => a - b)
  }
  clearDirty(page: number): void {
    this.dirty.delete(page)
  }

  exportPage(page: number): Uint8Array {
    const from = page * this.rowsPerPage
    const to = Math.min(this.size, from + this.rowsPerPage)
    const meta = {
      keys: this.keys.slice(from, to),
      sides: Array.from({ length: to - from }, (_, i) => this.sides[from + i] ?? null),
    }
    const json = Buffer.from(JSON.stringify(meta))
    const slab = this.pages[page].bytes.subarray(0, (to - from) * this.compiled.rowBytes)
    const head = new Uint8Array(new Uint32Array([PAGE_VERSION, slab.length]).buffer)
    return Buffer.concat([head, slab, json])
  }

  /** Pages must come in ascending order. Throws `ERR_CHECKPOINT_PAGE` for one that does not fit. */
  importPage(page: number, bytes: Uint8Array): void {
    const from = page * this.rowsPerPage
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const slabBytes = bytes.length < 8 ? -1 : view.getUint32(4, true)
    const rows = slabBytes / this.compiled.rowBytes
    const fits = slabBytes >= 0 && view.getUint32(0, true) === PAGE_VERSION
    if (!fits || !Number.isInteger(rows) || rows > this.rowsPerPage || from !== this.size) {
      throw new LimnError('ERR_CHECKPOINT_PAGE', `page ${page} of the checkpoint does not fit`)
    }
    const text = new TextDecoder().decode(bytes.subarray(8 + slabBytes))
    const meta: { keys: ProfileKey[]; sides: (SideData | null)[] } = JSON.parse(text)
    for (let i = 0; i < rows; i++) {
      const { kind, key } = meta.keys[i]
      const row = this.ensureKey(kind, key)
      const side = meta.sides[i]
      if (side !== null) this.sides[row] = { ...emptySide(), ...side }
    }
    if (rows > 0) this.pages[page].bytes.set(bytes.subarray(8, 8 + slabBytes))
    this.dirty.delete(page)
  }

  /** Pages are self-contained: there is no dictionary beside them. */
  get dictionarySize(): number {
    return 0
  }
  exportDictionary(_from: number): Uint8Array {
    return new Uint8Array(0)
  }
  importDictionary(_bytes: Uint8Array): void {}

  private probe(low: number, high: number, kind: KeyKind, key: () => string): number {
    const mask = this.slots.length - 1
    for (let at = low & mask; ; at = (at + 1) & mask) {
      const row = this.slots[at]
      if (row < 0) return -1
      if (this.hashes[row * 2] !== low || this.hashes[row * 2 + 1] !== high) continue
      if (this.keys[row].kind === kind && this.keys[row].key === key()) return row
    }
  }

  private add(low: number, high: number, key: ProfileKey): number {
    const row = this.size++
    if (row % this.rowsPerPage === 0) {
      const buffer = new ArrayBuffer(Math.max(PAGE_BYTES, this.compiled.rowBytes))
      const bytes = new Uint8Array(buffer)
      this.pages.push({ bytes, f64: new Float64Array(buffer), f32: new Float32Array(buffer) })
    }
    if (this.size * 2 > this.slots.length) this.grow()
    this.keys.push(key)
    this.hashes[row * 2] = low
    this.hashes[row * 2 + 1] = high
    this.place(row)
    this.reset(row)
    this.set(row, COLUMN.lastSequence, -1)
    return row
  }

  private place(row: number): void {
    const mask = this.slots.length - 1
    let at = this.hashes[row * 2] & mask
    while (this.slots[at] >= 0) at = (at + 1) & mask
    this.slots[at] = row
  }

  private grow(): void {
    const hashes = new Uint32Array(this.hashes.length * 2)
    hashes.set(this.hashes)
    this.hashes = hashes
    this.slots = new Int32Array(this.slots.length * 2).fill(-1)
    for (let row = 0; row < this.size - 1; row++) this.place(row)
  }
}
