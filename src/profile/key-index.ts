import { hashBytes } from '../event/hash.ts'
import type { Hash64 } from '../event/hash.ts'
import type { KeyKind } from '../event/record.ts'

const ARENA_CHUNK_BYTES = 1 << 20
const INFO_CHUNK_BITS = 14
const INFO_CHUNK_ROWS = 1 << INFO_CHUNK_BITS
const SLOTS_LEAST = 1024
const LOAD_MAX = 0.75

/**
 * Finds the row of a key: open addressing by the low half of the key's 64-bit hash; a slot holds the
 * high half beside the row, and the id's bytes are verified. So a look-up touches three places in
 * memory: slot, place of the id, id. Owns the ids, in an arena that only grows. Costs 19 to 29 bytes a
 * profile and the id itself.
 */
export class KeyIndex {
  size = 0
  /** Row + 1 (0: empty) and high half of the hash, in turn. */
  private slots = new Uint32Array(2 * SLOTS_LEAST)
  private mask = SLOTS_LEAST - 1
  /** Of each row: where its id begins in the arena, and kind << 16 | length. */
  private readonly info: Uint32Array[] = []
  private readonly arena: Uint8Array[] = []
  private arenaEnd = 0
  private readonly hash: Hash64 = { low: 0, high: 0 }

  find(
    kind: KeyKind,
    hashLow: number,
    hashHigh: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const { slots, mask } = this
    let slot = hashLow & mask
    for (;;) {
      const entry = slots[2 * slot]
      if (entry === 0) return -1
      if (slots[2 * slot + 1] === hashHigh && this.is(entry - 1, kind, bytes, start, end)) {
        return entry - 1
      }
      slot = (slot + 1) & mask
    }
  }

  /** Adds a key that is not there yet, `bytes[start, end)`; its row is the number of keys before it. */
  add(kind: KeyKind, hash: Hash64, bytes: Uint8Array, start: number, end: number): number {
    const row = this.size++
    const place = row & (INFO_CHUNK_ROWS - 1)
    if (place === 0) this.info.push(new Uint32Array(2 * INFO_CHUNK_ROWS))
    const info = this.info[row >> INFO_CHUNK_BITS]
    info[2 * place] = this.store(bytes, start, end)
    info[2 * place + 1] = (kind << 16) | (end - start)
    if (this.size > (this.mask + 1) * LOAD_MAX) this.grow()
    else this.place(row, hash)
    return row
  }

  kind(row: number): KeyKind {
    return (this.infoOf(row) >>> 16) as KeyKind
  }

  /** Bytes of the row's id. */
  length(row: number): number {
    return this.infoOf(row) & 0xffff
  }

  key(row: number): Uint8Array {
    const at = this.placeOf(row)
    const start = at % ARENA_CHUNK_BYTES
    return this.arena[Math.floor(at / ARENA_CHUNK_BYTES)].subarray(start, start + this.length(row))
  }

  get bytes(): number {
    const infoBytes = this.info.length * INFO_CHUNK_ROWS * 8
    return this.slots.byteLength + infoBytes + this.arena.length * ARENA_CHUNK_BYTES
  }

  private is(row: number, kind: KeyKind, bytes: Uint8Array, start: number, end: number): boolean {
    const info = this.info[row >> INFO_CHUNK_BITS]
    const place = 2 * (row & (INFO_CHUNK_ROWS - 1))
    if (info[place + 1] !== ((kind << 16) | (end - start))) return false
    const at = info[place]
    const chunk = this.arena[Math.floor(at / ARENA_CHUNK_BYTES)]
    const from = at % ARENA_CHUNK_BYTES
    for (let i = 0; i < end - start; i++) if (chunk[from + i] !== bytes[start + i]) return false
    return true
  }

  private placeOf(row: number): number {
    return this.info[row >> INFO_CHUNK_BITS][2 * (row & (INFO_CHUNK_ROWS - 1))]
  }

  private infoOf(row: number): number {
    return this.info[row >> INFO_CHUNK_BITS][2 * (row & (INFO_CHUNK_ROWS - 1)) + 1]
  }

  private store(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    let room = this.arena.length * ARENA_CHUNK_BYTES - this.arenaEnd
    if (room < Math.max(1, length)) {
      this.arenaEnd = this.arena.length * ARENA_CHUNK_BYTES
      this.arena.push(new Uint8Array(ARENA_CHUNK_BYTES))
      room = ARENA_CHUNK_BYTES
    }
    const at = this.arenaEnd
    const chunk = this.arena[this.arena.length - 1]
    for (let i = 0, to = at % ARENA_CHUNK_BYTES; i < length; i++) chunk[to + i] = bytes[start + i]
    this.arenaEnd += length
    return at
  }

  /** Twice the slots; hashes are made again from the ids. */
  private grow(): void {
    this.slots = new Uint32Array(2 * this.slots.length)
    this.mask = this.slots.length / 2 - 1
    for (let row = 0; row < this.size; row++) {
      const key = this.key(row)
      hashBytes(key, 0, key.length, this.kind(row), this.hash)
      this.place(row, this.hash)
    }
  }

  private place(row: number, { low, high }: Hash64): void {
    const { slots, mask } = this
    let slot = low & mask
    while (slots[2 * slot] !== 0) slot = (slot + 1) & mask
    slots[2 * slot] = row + 1
    slots[2 * slot + 1] = high
  }
}
