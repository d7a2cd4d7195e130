import type { ProfileStore } from './store.ts'

const BYTE_MAX = 255
/** Rows are spread over so many maps: a map that grows is made anew, which takes as long as it is large. */
const MAPS = 1024

/**
 * Counts of windows' buckets in a byte each. Nearly all are small; what a count has beyond 255 is
 * kept beside the rows, so that it is exact and the others need no second byte. Works on the row that
 * the store points at; `place` is the count's index in the page's `u8`.
 */
export class ByteCounts {
  private readonly store: ProfileStore
  private readonly rowBytes: number
  /** Row × bytes of a row + byte in the row → what the count has beyond 255. */
  private readonly excess: (Map<number, number> | undefined)[] = []
  /** Counts beyond 255. */
  private size = 0

  constructor(store: ProfileStore) {
    this.store = store
    this.rowBytes = store.compiled.layout.rowBytes
  }

  get(place: number): number {
    const byte = this.store.page.u8[place]
    return byte < BYTE_MAX
      ? byte
      : BYTE_MAX + (this.mapOf(this.store.row)?.get(this.keyOf(place)) ?? 0)
  }

  increment(place: number): void {
    const { u8 } = this.store.page
    if (u8[place] < BYTE_MAX) u8[place]++
    else {
      const { row } = this.store
      const key = this.keyOf(place)
      this.set(row, key, (this.mapOf(row)?.get(key) ?? 0) + 1)
    }
  }

  clear(place: number): void {
    const { u8 } = this.store.page
    if (u8[place] === BYTE_MAX) this.delete(this.store.row, this.keyOf(place))
    u8[place] = 0
  }

  /** Forgets what the row's counts have beyond 255; for a row whose bytes are about to be replaced. */
  forgetRow(): void {
    if (this.size === 0) return
    const { row } = this.store
    for (let byte = 0; byte < this.rowBytes; byte++) this.delete(row, row * this.rowBytes + byte)
  }

  /** Calls `visit(byte in the rows' bytes, what the count has beyond 255)` for some rows. */
  each(first: number, rows: number, visit: (byte: number, excess: number) => void): void {
    if (this.size === 0) return
    const from = first * this.rowBytes
    const bytes = this.store.rowPage(first / this.store.rowsPerPage).u8
    for (let byte = 0; byte < rows * this.rowBytes; byte++) {
      if (bytes[byte] !== BYTE_MAX) continue
      const excess = this.mapOf(first + Math.floor(byte / this.rowBytes))?.get(from + byte)
      if (excess !== undefined) visit(byte, excess)
    }
  }

  /** As {@link each}, for the row that the store points at. */
  eachOfRow(visit: (byte: number, excess: number) => void): void {
    const { page, row, o1 } = this.store
    const map = this.mapOf(row)
    if (map === undefined) return
    for (let byte = 0; byte < this.rowBytes; byte++) {
      if (page.u8[o1 + byte] !== BYTE_MAX) continue
      const excess = map.get(row * this.rowBytes + byte)
      if (excess !== undefined) visit(byte, excess)
    }
  }

  /** Takes back what {@link each} told; `first` is the row from which the byte is counted. */
  restore(first: number, byte: number, excess: number): void {
    this.set(first + Math.floor(byte / this.rowBytes), first * this.rowBytes + byte, excess)
  }

  private mapOf(row: number): Map<number, number> | undefined {
    return this.excess[row & (MAPS - 1)]
  }

  private set(row: number, key: number, excess: number): void {
    const place = row & (MAPS - 1)
    while (this.excess.length <= place) this.excess.push(undefined)
    const map = (this.excess[place] ??= new Map())
    if (!map.has(key)) this.size++
    map.set(key, excess)
  }

  private delete(row: number, key: number): void {
    if (this.mapOf(row)?.delete(key) === true) this.size--
  }

  private keyOf(place: number): number {
    return this.store.row * this.rowBytes + place - this.store.o1
  }
}
