import { hashBytes } from '../event/hash.ts'
import type { Hash64 } from '../event/hash.ts'
import { TEXT_SEED, codeOfHash } from './category-code.ts'
import { HashSegments, SEGMENT_BITS, maskOf } from './hash-segments.ts'
import { FieldTexts, TEXTS_MAX } from './text-use.ts'
import type { TextUse } from './text-use.ts'

/** What a text reads as for which its field had no room. */
export const OTHER_TEXT = '(other)'

const CHUNK_BITS = 10
/** Entries that lie, are swept and are written to a checkpoint together. */
export const CHUNK_TEXTS = 1 << CHUNK_BITS
const PLACE_MASK = CHUNK_TEXTS - 1
/** Bytes of a text that are kept to compare it with; of a longer one its hash decides. */
const PREFIX_BYTES = 16

/** Whose part an entry is counted in: a field's number + 1, or one of these. */
const OWNER = { none: 0, earlier: 0xfffe, pinned: 0xffff } as const
/** What the last collection made of an entry; else the collection's number, 1 or 2. */
const CONDEMNED = 3

/**
 * How far a field may go beyond its part after a dictionary was loaded, until the first collection has
 * ended: the records that are folded then free nothing, as pages on disk may hold what they replace.
 */
const RECOVERY_STRETCH = 2

class TextChunk {
  readonly texts: string[] = []
  readonly hashes = new Uint32Array(2 * CHUNK_TEXTS)
  readonly prefixes = new Uint8Array(PREFIX_BYTES * CHUNK_TEXTS)
  readonly lengths = new Uint32Array(CHUNK_TEXTS)
  readonly owners = new Uint16Array(CHUNK_TEXTS)
  readonly marks = new Uint8Array(CHUNK_TEXTS)
  /** How many texts had come before. */
  readonly ages = new Float64Array(CHUNK_TEXTS)
  /** Entries below the interner's size that hold no text. */
  free = 0
  /** Whether an entry came since the chunk was last dumped. */
  dirty = false
}

interface Dump {
  readonly from: number
  readonly texts: readonly (string | null)[]
  readonly owners?: readonly number[]
  readonly ages?: readonly number[]
}

/**
 * Gives strings small numbers, from their bytes and without making a JavaScript string when the
 * string is known. 0 stands for none. Two strings with equal 64-bit hashes are taken for the same.
 *
 * Each field (a trait that keeps texts) may bring a certain number of texts; beyond it a new one of that
 * field is {@link OTHER_TEXT}. A text that several fields hold counts in the part of the one that
 * brought it. Numbers are given out again after a collection (see text-collector.ts), which goes on by
 * a bounded step with every new text. No call takes longer as there are more texts.
 */
export class Interner extends HashSegments {
  /** One more than the largest number given out. */
  size = 1
  private readonly chunks: TextChunk[] = [new TextChunk()]
  private readonly fields: readonly FieldTexts[]
  private readonly hash: Hash64 = { low: 0, high: 0 }
  private came = 0
  private stretch = 1
  private freeCount = 0
  private freeChunk = 0
  private other = 0
  private epoch = 1
  private collector: (() => void) | null = null
  private wanted = false
  private readonly remembered: string[] = []
  private rememberedMax = 0

  constructor(fields: readonly string[] = ['text'], textsMax = TEXTS_MAX) {
    super()
    const part = Math.max(1, Math.floor(textsMax / Math.max(1, fields.length)))
    this.fields = fields.map((field) => new FieldTexts(field, part))
  }

  text(id: number): string {
    return this.chunks[id >> CHUNK_BITS]?.texts[id & PLACE_MASK] ?? ''
  }

  /** The text's `categoryCode`, from the hash that is kept anyway; NaN for 0, which is none. */
  code(id: number): number {
    if (id === 0) return Number.NaN
    return codeOfHash(this.chunks[id >> CHUNK_BITS].hashes[2 * (id & PLACE_MASK)])
  }

  /** All texts, in the order of their numbers, and those remembered. */
  *all(): Generator<string> {
    for (let id = 1; id < this.size; id++) if (this.ownerOf(id) !== OWNER.none) yield this.text(id)
    yield* this.remembered
  }

  /** Keeps at most so many of the texts that are collected, for {@link all}. */
  rememberCollected(max: number): void {
    this.rememberedMax = max
  }

  /** Whether the entry is this string; cheaper than to look the string up. */
  is(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const chunk = this.chunks[id >> CHUNK_BITS]
    const place = id & PLACE_MASK
    const length = end - start
    if (chunk.lengths[place] !== length) return false
    const own = chunk.prefixes
    const from = place * PREFIX_BYTES
    const compared = length < PREFIX_BYTES ? length : PREFIX_BYTES
    for (let i = 0; i < compared; i++) if (own[from + i] !== bytes[start + i]) return false
    if (length <= PREFIX_BYTES) return true
    hashBytes(bytes, start, end, TEXT_SEED, this.hash)
    const { low, high } = this.hash
    return chunk.hashes[2 * place] === low && chunk.hashes[2 * place + 1] === high
  }

  /** The string's number, for a field that holds it from now on. */
  intern(bytes: Uint8Array, start: number, end: number, field = 0): number {
    if (end === start) return 0
    hashBytes(bytes, start, end, TEXT_SEED, this.hash)
    const { low, high } = this.hash
    const known = this.find(low, high)
    if (known !== 0) {
      this.chunks[known >> CHUNK_BITS].marks[known & PLACE_MASK] = this.epoch
      return known
    }
    const use = this.fields[field]
    if (use.ask()) this.wanted = true
    if (this.wanted) this.collector?.()
    if (!use.hasRoomFor(end - start, this.stretch)) {
      use.refused++
      return (this.other ||= this.pin(OTHER_TEXT))
    }
    const id = this.newNumber()
    this.put(id, { bytes, start, end, low, high }, field + 1)
    return id
  }

  internText(text: string, field = 0): number {
    const bytes = encoder.encode(text)
    return this.intern(bytes, 0, bytes.length, field)
  }

  /** The number of a text that stays for ever and counts in no field's part: for names from code. */
  pin(text: string): number {
    const bytes = encoder.encode(text)
    hashBytes(bytes, 0, bytes.length, TEXT_SEED, this.hash)
    const { low, high } = this.hash
    const known = this.find(low, high)
    if (known !== 0) {
      if (this.ownerOf(known) !== OWNER.pinned) this.pinKnown(known)
      return known
    }
    const id = this.newNumber()
    this.put(id, { bytes, start: 0, end: bytes.length, low, high }, OWNER.pinned)
    return id
  }

  private pinKnown(id: number): void {
    this.uncount(id)
    const chunk = this.chunks[id >> CHUNK_BITS]
    chunk.owners[id & PLACE_MASK] = OWNER.pinned
    chunk.marks[id & PLACE_MASK] = this.epoch
    chunk.dirty = true
  }

  uses(): readonly TextUse[] {
    return this.fields
  }

  /** Texts from an entry on, to be given to {@link load} later. */
  dump(from: number, to = this.size): Uint8Array {
    const first = Math.max(1, from)
    const texts: (string | null)[] = []
    const owners: number[] = []
    const ages: number[] = []
    for (let id = first; id < Math.min(to, this.size); id++) {
      const owner = this.ownerOf(id)
      texts.push(owner === OWNER.none ? null : this.text(id))
      owners.push(owner)
      ages.push(this.chunks[id >> CHUNK_BITS].ages[id & PLACE_MASK])
    }
    return encoder.encode(JSON.stringify({ from: first, texts, owners, ages } satisfies Dump))
  }

  /** The first chunk from `from` on with entries that no dump has, or −1. */
  nextDirtyChunk(from: number): number {
    for (let chunk = from; chunk < this.chunks.length; chunk++) {
      if (this.chunks[chunk].dirty) return chunk
    }
    return -1
  }

  /** Chunks with entries that no dump has. */
  get dirtyChunks(): number {
    let count = 0
    for (const { dirty } of this.chunks) if (dirty) count++
    return count
  }

  /** What a dump of the chunk was for has failed. */
  setDirty(chunk: number): void {
    this.chunks[chunk].dirty = true
  }

  dumpChunk(chunk: number): Uint8Array {
    this.chunks[chunk].dirty = false
    return this.dump(chunk * CHUNK_TEXTS, (chunk + 1) * CHUNK_TEXTS)
  }

  /**
   * Takes a dump back: its entries are afterwards as they were then. An entry of before there were
   * parts of fields counts in none. Where dumps of different moments have a text twice, the younger
   * entry is meant: the older was free before the other came.
   */
  load(bytes: Uint8Array): void {
    const { from, texts, owners = [], ages = [] } = JSON.parse(decoder.decode(bytes)) as Dump
    const first = Math.max(1, from)
    while (this.size < first + texts.length) {
      this.chunkOfNew(this.size++).free++
      this.freeCount++
    }
    texts.forEach((text, i) => {
      if (this.ownerOf(first + i) !== OWNER.none) this.release(first + i)
      if (text === null) return
      this.restore(first + i, text, { owner: owners[i] ?? OWNER.earlier, age: ages[i] ?? 0 })
    })
    for (let id = first; id < first + texts.length; id += CHUNK_TEXTS) {
      this.chunks[id >> CHUNK_BITS].dirty = false
    }
    this.chunks[(this.size - 1) >> CHUNK_BITS].dirty = false
    this.stretch = RECOVERY_STRETCH
  }

  private restore(id: number, text: string, of: { owner: number; age: number }): void {
    const bytes = encoder.encode(text)
    hashBytes(bytes, 0, bytes.length, TEXT_SEED, this.hash)
    const { low, high } = this.hash
    const twin = this.find(low, high)
    if (twin !== 0) {
      if (this.chunks[twin >> CHUNK_BITS].ages[twin & PLACE_MASK] > of.age) return
      this.release(twin)
    }
    const chunk = this.chunks[id >> CHUNK_BITS]
    const { came } = this
    chunk.free--
    this.freeCount--
    this.put(id, { bytes, start: 0, end: bytes.length, low, high }, of.owner)
    chunk.ages[id & PLACE_MASK] = of.age
    this.came = Math.max(came, of.age + 1)
  }

  /** Who is asked to go on collecting with every new text while {@link wanted}. */
  collectWith(collector: () => void): void {
    this.collector = collector
  }

  /** From now on entries that are interned or {@link mark}ed count as held. */
  beginCollection(): void {
    this.epoch = this.epoch === 1 ? 2 : 1
  }

  mark(id: number): void {
    this.chunks[id >> CHUNK_BITS].marks[id & PLACE_MASK] = this.epoch
  }

  get chunkCount(): number {
    return this.chunks.length
  }

  /** Notes which of a chunk's entries nobody holds; one that is interned afterwards is held again. */
  condemn(chunk: number): void {
    const { marks, owners } = this.chunks[chunk]
    for (let place = 0; place < CHUNK_TEXTS; place++) {
      if (owners[place] === OWNER.none || owners[place] === OWNER.pinned) continue
      if (marks[place] !== this.epoch) marks[place] = CONDEMNED
    }
  }

  /** Gives the numbers of a chunk's condemned entries free. */
  releaseCondemned(chunk: number): void {
    const { marks, owners } = this.chunks[chunk]
    for (let place = 0; place < CHUNK_TEXTS; place++) {
      if (marks[place] !== CONDEMNED || owners[place] === OWNER.none) continue
      const id = chunk * CHUNK_TEXTS + place
      if (this.remembered.length < this.rememberedMax) this.remembered.push(this.text(id))
      this.release(id)
    }
  }

  endCollection(): void {
    this.wanted = false
    this.stretch = 1
    for (const field of this.fields) field.collected()
  }

  private release(id: number): void {
    const chunk = this.chunks[id >> CHUNK_BITS]
    const place = id & PLACE_MASK
    this.removeSlot(id, chunk.hashes[2 * place])
    this.uncount(id)
    chunk.owners[place] = OWNER.none
    chunk.texts[place] = ''
    chunk.dirty = true
    chunk.free++
    this.freeCount++
  }

  private uncount(id: number): void {
    const use = this.fields[this.ownerOf(id) - 1] as FieldTexts | undefined
    if (use === undefined) return
    use.texts--
    use.bytes -= this.chunks[id >> CHUNK_BITS].lengths[id & PLACE_MASK]
  }

  private ownerOf(id: number): number {
    return this.chunks[id >> CHUNK_BITS].owners[id & PLACE_MASK]
  }

  /** A number that is free, those that lie together one after the other; else the next new one. */
  private newNumber(): number {
    if (this.freeCount === 0) {
      this.chunkOfNew(this.size)
      return this.size++
    }
    while (this.chunks[this.freeChunk].free === 0) {
      this.freeChunk = (this.freeChunk + 1) % this.chunks.length
    }
    const chunk = this.chunks[this.freeChunk]
    const first = this.freeChunk === 0 ? 1 : 0
    const place = chunk.owners.indexOf(OWNER.none, first)
    chunk.free--
    this.freeCount--
    return this.freeChunk * CHUNK_TEXTS + place
  }

  private chunkOfNew(id: number): TextChunk {
    if (id >> CHUNK_BITS === this.chunks.length) this.chunks.push(new TextChunk())
    return this.chunks[id >> CHUNK_BITS]
  }

  private put(
    id: number,
    { bytes, start, end, low, high }: Hash64 & { bytes: Uint8Array; start: number; end: number },
    owner: number,
  ): void {
    const chunk = this.chunks[id >> CHUNK_BITS]
    const place = id & PLACE_MASK
    const use = this.fields[owner - 1] as FieldTexts | undefined
    if (use !== undefined) {
      use.texts++
      use.bytes += end - start
    }
    const prefixEnd = Math.min(end, start + PREFIX_BYTES)
    chunk.texts[place] = decoder.decode(bytes.subarray(start, end))
    chunk.hashes[2 * place] = low
    chunk.hashes[2 * place + 1] = high
    chunk.prefixes.set(bytes.subarray(start, prefixEnd), place * PREFIX_BYTES)
    chunk.lengths[place] = end - start
    chunk.owners[place] = owner
    chunk.marks[place] = this.epoch
    chunk.ages[place] = this.came++
    chunk.dirty = true
    this.addSlot(id, low)
  }

  private find(low: number, high: number): number {
    const slots = this.directory[(low >>> SEGMENT_BITS) & (this.directory.length - 1)]
    const mask = maskOf(slots)
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const id = slots[2 * slot]
      if (id === 0) return 0
      if (slots[2 * slot + 1] !== low) continue
      if (this.chunks[id >> CHUNK_BITS].hashes[2 * (id & PLACE_MASK) + 1] === high) return id
    }
  }
}

/** Keeps a byte order mark: a dump has to give back the bytes that were hashed. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()
