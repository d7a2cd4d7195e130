import { hashBytes } from '../event/hash.ts'
import type { Hash64 } from '../event/hash.ts'
import { TEXT_SEED, codeOfHash } from './category-code.ts'

const ENTRIES_MAX = 1 << 20

/**
 * Gives strings small numbers, from their bytes and without making a JavaScript string when the
 * string is known. 0 stands for none; a string that does not fit any more (2^20 of them) is 0 too.
 * Two strings with equal 64-bit hashes are taken for the same.
 */
export class Interner {
  private readonly texts: string[] = ['']
  private hashes = new Uint32Array(2048)
  private slots = new Uint32Array(2048)
  /** The strings in UTF-8, one behind the other, and where each ends. */
  private bytes = new Uint8Array(1 << 14)
  private ends = new Uint32Array(1024)
  private readonly hash: Hash64 = { low: 0, high: 0 }

  get size(): number {
    return this.texts.length
  }

  text(id: number): string {
    return this.texts[id] ?? ''
  }

  /** The text's `categoryCode`, from the hash that is kept anyway; NaN for 0, which is none. */
  code(id: number): number {
    return id === 0 ? Number.NaN : codeOfHash(this.hashes[id * 2])
  }

  /** All texts, in the order of their numbers. */
  *all(): Generator<string> {
    for (let id = 1; id < this.texts.length; id++) yield this.texts[id]
  }

  /** Whether the entry is this string; cheaper than to look the string up. */
  is(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.bytes
    const from = this.ends[id - 1]
    if (this.ends[id] - from !== end - start) return false
    for (let i = start; i < end; i++) if (own[from + i - start] !== bytes[i]) return false
    return true
  }

  intern(bytes: Uint8Array, start: number, end: number): number {
    if (end === start) return 0
    hashBytes(bytes, start, end, TEXT_SEED, this.hash)
    const { low, high } = this.hash
    const slot = this.probe(low, high)
    const known = this.slots[slot]
    if (known !== 0) return known
    if (this.texts.length > ENTRIES_MAX) return 0
    const id = this.add(decoder.decode(bytes.subarray(start, end)), low, high, slot)
    this.keepBytes(id, bytes, start, end)
    return id
  }

  internText(text: string): number {
    const bytes = encoder.encode(text)
    return this.intern(bytes, 0, bytes.length)
  }

  /** Texts from an entry on, to be given to {@link load} later. */
  dump(from: number): Uint8Array {
    return encoder.encode(JSON.stringify({ from, texts: this.texts.slice(Math.max(1, from)) }))
  }

  /** Takes a dump back; entries that are there already are passed over. */
  load(bytes: Uint8Array): void {
    const { from, texts } = JSON.parse(decoder.decode(bytes)) as { from: number; texts: string[] }
    const first = Math.max(1, from)
    texts.forEach((text, i) => {
      if (first + i === this.texts.length) this.internText(text)
    })
  }

  private keepBytes(id: number, bytes: Uint8Array, start: number, end: number): void {
    const from = this.ends[id - 1]
    const to = from + end - start
    if (to > this.bytes.length) this.bytes = grown(this.bytes, new Uint8Array(2 * to))
    if (id >= this.ends.length) this.ends = grown(this.ends, new Uint32Array(2 * id))
    for (let i = start; i < end; i++) this.bytes[from + i - start] = bytes[i]
    this.ends[id] = to
  }

  private add(text: string, low: number, high: number, slot: number): number {
    const id = this.texts.push(text) - 1
    if (id * 2 >= this.hashes.length) {
      this.hashes = grown(this.hashes, new Uint32Array(this.hashes.length * 2))
    }
    this.hashes[id * 2] = low
    this.hashes[id * 2 + 1] = high
    this.slots[slot] = id
    if (this.texts.length * 2 > this.slots.length) this.grow()
    return id
  }

  private grow(): void {
    this.slots = new Uint32Array(this.slots.length * 2)
    for (let id = 1; id < this.texts.length; id++) {
      this.slots[this.probe(this.hashes[id * 2], this.hashes[id * 2 + 1])] = id
    }
  }

  private probe(low: number, high: number): number {
    const mask = this.slots.length - 1
    let slot = low & mask
    for (;;) {
      const id = this.slots[slot]
      if (id === 0 || (this.hashes[id * 2] === low && this.hashes[id * 2 + 1] === high)) return slot
      slot = (slot + 1) & mask
    }
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** Keeps a byte order mark: a dump has to give back the bytes that were hashed. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()
