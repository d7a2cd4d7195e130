import type { KeyKind } from '../event/record.ts'

const ARENA_CHUNK_BYTES = 1 << 20

/**
 * Finds the row of a key: open addressing over the key's 64-bit hash, the id's bytes verified. Owns
 * the ids, in an arena that only grows. Costs about 25 bytes a profile and the id itself.
 */
export class KeyIndex {
  size = 0
  private slots = new Uint32Array(1024)
  private low = new Uint32Array(512)
  private high = new Uint32Array(512)
  private at = new Uint32Array(512)
  private lengths = new Uint16Array(512)
  private kinds = new Uint8Array(512)
  private readonly arena: Uint8Array[] = []
  private arenaEnd = 0

  find(
    kind: KeyKind,
    hashLow: number,
    hashHigh: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const mask = this.slots.length - 1
    let slot = hashLow & mask
    for (;;) {
      const entry = this.slots[slot]
      if (entry === 0) return -1
      const row = entry - 1
      if (
        this.low[row] === hashLow &&
        this.high[row] === hashHigh &&
        this.is(row, kind, bytes, start, end)
      )
        return row
      slot = (slot + 1) & mask
    }
  }

  /** Adds a key that is not there yet; its row is the number of keys before it. */
  add(kind: KeyKind, hashLow: number, hashHigh: number, key: Uint8Array): number {
    const row = this.size++
    if (row >= this.low.length) this.growRows()
    this.low[row] = hashLow
    this.high[row] = hashHigh
    this.kinds[row] = kind
    this.lengths[row] = key.length
    this.at[row] = this.store(key)
    if (this.size * 2 > this.slots.length) this.growSlots()
    else this.place(row)
    return row
  }

  kind(row: number): KeyKind {
    return this.kinds[row] as KeyKind
  }

  key(row: number): Uint8Array {
    const at = this.at[row]
    const chunk = this.arena[Math.floor(at / ARENA_CHUNK_BYTES)]
    const start = at % ARENA_CHUNK_BYTES
    return chunk.subarray(start, start + this.lengths[row])
  }

  hash(row: number): { low: number; high: number } {
    return { low: this.low[row], high: this.high[row] }
  }

  get bytes(): number {
    return this.slots.byteLength + this.low.length * 15 + this.arena.length * ARENA_CHUNK_BYTES
  }

  private is(row: number, kind: KeyKind, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.kinds[row] !== kind || this.lengths[row] !== end - start) return false
    const at = this.at[row]
    const chunk = this.arena[Math.floor(at / ARENA_CHUNK_BYTES)]
    const from = at % ARENA_CHUNK_BYTES
    for (let i = 0; i < end - start; i++) if (chunk[from + i] !== bytes[start + i]) return false
    return true
  }

  private store(key: Uint8Array): number {
    let room = this.arena.length * ARENA_CHUNK_BYTES - this.arenaEnd
    if (room < Math.max(1, key.length)) {
      this.arenaEnd = this.arena.length * ARENA_CHUNK_BYTES
      this.arena.push(new Uint8Array(ARENA_CHUNK_BYTES))
      room = ARENA_CHUNK_BYTES
    }
    const at = this.arenaEnd
    this.arena[this.arena.length - 1].set(key, at % ARENA_CHUNK_BYTES)
    this.arenaEnd += key.length
    return at
  }

  private growRows(): void {
    const length = this.low.length * 2
    this.low = widen(new Uint32Array(length), this.low)
    this.high = widen(new Uint32Array(length), this.high)
    this.at = widen(new Uint32Array(length), this.at)
    this.lengths = widen(new Uint16Array(length), this.lengths)
    this.kinds = widen(new Uint8Array(length), this.kinds)
  }

  private growSlots(): void {
    this.slots = new Uint32Array(this.slots.length * 2)
    for (let row = 0; row < this.size; row++) this.place(row)
  }

  private place(row: number): void {
    const mask = this.slots.length - 1
    let slot = this.low[row] & mask
    while (this.slots[slot] !== 0) slot = (slot + 1) & mask
    this.slots[slot] = row + 1
  }
}

function widen<T extends Uint32Array | Uint16Array | Uint8Array>(to: T, from: T): T {
  to.set(from)
  return to
}
