import type { Hash64 } from '../event/hash.ts'
import type { KeyKind } from '../event/record.ts'
import { HashSegments, SEGMENT_BITS, maskOf } from './hash-segments.ts'

const ARENA_CHUNK_BITS = 20
const ARENA_CHUNK_BYTES = 1 << ARENA_CHUNK_BITS
const INFO_CHUNK_BITS = 14
const INFO_CHUNK_ROWS = 1 << INFO_CHUNK_BITS
/** Of `high`, what fits beside kind and length. */
const HIGH_MASK = 0xfffc_0000
/** Kinds are 1 to 3: the bits between length and `high`. */
const KIND_MASK = 3

/**
 * Finds the row of a key by the low half of its 64-bit hash ({@link HashSegments}); part of the high
 * half lies with the id's length, and the id's bytes are verified. So a look-up touches three places in
 * memory that are cold: slot, place of the id, id. Owns the ids, in an arena that only grows. Costs 19
 * to 29 bytes a profile and the id itself. A call takes a bounded time, however many keys there are.
 */
export class KeyIndex extends HashSegments {
  size = 0
  /** Of each row: where its id begins in the arena, and part of `high` | kind << 16 | length. */
  private readonly info: Uint32Array[] = []
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
    const { directory } = this
    const slots = directory[(hashLow >>> SEGMENT_BITS) & (directory.length - 1)]
    const mask = maskOf(slots)
    let slot = hashLow & mask
    for (;;) {
      const entry = slots[2 * slot]
      if (entry === 0) return -1
      if (slots[2 * slot + 1] === hashLow) {
        const form = (hashHigh & HIGH_MASK) | (kind << 16) | (end - start)
        if (this.is(entry - 1, form, bytes, start)) return entry - 1
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
    info[2 * place + 1] = (hash.high & HIGH_MASK) | (kind << 16) | (end - start)
    this.addSlot(row + 1, hash.low)
    return row
  }

  kind(row: number): KeyKind {
    return ((this.infoOf(row) >>> 16) & KIND_MASK) as KeyKind
  }

  /** Bytes of the row's id. */
  length(row: number): number {
    return this.infoOf(row) & 0xffff
  }

  key(row: number): Uint8Array {
    const at = this.placeOf(row)
    const start = at & (ARENA_CHUNK_BYTES - 1)
    return this.arena[at >>> ARENA_CHUNK_BITS].subarray(start, start + this.length(row))
  }

  get bytes(): number {
    const infoBytes = this.info.length * INFO_CHUNK_ROWS * 8
    return this.slotBytes + infoBytes + this.arena.length * ARENA_CHUNK_BYTES
  }

  /** Whether the row's key has the id that begins there, of the length that is in `form`. */
  private is(row: number, form: number, bytes: Uint8Array, start: number): boolean {
    const info = this.info[row >> INFO_CHUNK_BITS]
    const place = 2 * (row & (INFO_CHUNK_ROWS - 1))
    if ((info[place + 1] | 0) !== form) return false
    const at = info[place]
    const chunk = this.arena[at >>> ARENA_CHUNK_BITS]
    const from = at & (ARENA_CHUNK_BYTES - 1)
    const length = form & 0xffff
    for (let i = 0; i < length; i++) if (chunk[from + i] !== bytes[start + i]) return false
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
    for (let i = 0, to = at & (ARENA_CHUNK_BYTES - 1); i < length; i++)
      chunk[to + i] = bytes[start + i]
    this.arenaEnd += length
    return at
  }
}
