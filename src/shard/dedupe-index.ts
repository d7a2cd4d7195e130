import { randomInt } from 'node:crypto'
import type { DedupeRing } from './dedupe-ring.ts'

/**
 * Finds the entries of a {@link DedupeRing} by their hash.
 *
 * Owns hash tables that are chosen by bits of the hash and grow one by one, so that growing pauses a
 * turn for one small table. A table is buckets of a cache line: twelve tags of a byte, a mark, and the
 * twelve positions that the tags are of; a tag of 0 is a free slot. Where a bucket is full, an entry
 * goes to the next; the mark is the newest position that went past the bucket, so a look-up goes on
 * exactly while it is held: positions go in the order in which they came, and no entry outlives the
 * mark that leads to it.
 *
 * All tables lie in one array with room for their largest size: the first two buckets of all of
 * them, then the next two, and so on. What no table has grown into is address space at the end that the system has
 * not backed with memory. Slots of entries that are gone are freed
 * by a sweep of one bucket every few entries, which comes round before their positions are used again.
 * Which table and bucket it is depends on a number drawn at the start, so that ids cannot be made to
 * meet in one place.
 */
export class DedupeIndex {
  private readonly ring: DedupeRing
  private readonly words: Int32Array
  private readonly tables: number
  private readonly bucketsMax: number
  /** Of each table: its buckets, its slots in use, and at how many of these it grows. */
  private readonly buckets: Int32Array
  private readonly used: Int32Array
  private readonly limits: Int32Array
  private readonly tableScale: number
  private readonly seed = randomInt(2 ** 32) | 0
  private bucketsInUse = 0
  private bucketsOfLargest = 0
  private untilSweep = SWEEP_EVERY
  private sweptTable = 0
  private sweptBucket = 0
  /** Where the hash of the last look-up belongs, and its tag in each byte of a word. */
  private table = 0
  private home = 0
  private tags = 0

  constructor(ring: DedupeRing, size: { tables: number; bucketsMax: number }) {
    const { tables, bucketsMax } = size
    this.ring = ring
    this.words = new Int32Array(tables * bucketsMax * BUCKET_WORDS)
    this.tables = tables
    this.bucketsMax = bucketsMax
    this.buckets = new Int32Array(tables)
    this.used = new Int32Array(tables)
    this.limits = new Int32Array(tables)
    this.tableScale = tables / 2 ** 32
  }

  /** Makes room for so many entries at once, where there are none yet. */
  reserve(entries: number): void {
    if (this.bucketsInUse > 0) return
    const wanted = Math.ceil(entries / this.tables / (SLOTS * LOAD)) + 1
    const buckets = Math.min(Math.max(wanted, BUCKETS_MIN), this.bucketsMax)
    this.buckets.fill(buckets)
    this.limits.fill(buckets === this.bucketsMax ? LIMIT_NONE : Math.floor(buckets * SLOTS * LOAD))
    this.bucketsInUse = buckets * this.tables
    this.bucketsOfLargest = buckets
  }

  /** Of the tables as far as they have grown. */
  get bytes(): number {
    return indexBytes(this.tables, this.bucketsInUse)
  }

  /** Whether the ring holds the hash, with an arrival within the horizon. */
  has(low: number, high: number): boolean {
    this.locate(low, high)
    const { words, ring, tags } = this
    const buckets = this.buckets[this.table]
    let bucket = this.home
    for (let passed = 0; passed < buckets; passed++) {
      const start = startOf(bucket, this.table, this.tables)
      let tagged = slotsWith(tags, words[start], words[start + 1], words[start + 2])
      for (; tagged !== 0; tagged &= tagged - 1) {
        const position = words[start + POSITIONS + lowestSlot(tagged)]
        if (ring.holds(position) && ring.isWithin(position, low, high)) return true
      }
      const mark = words[start + MARK]
      if (mark === 0 || !ring.holds(mark & POSITION)) return false
      bucket = bucket + 1 === buckets ? 0 : bucket + 1
    }
    return false
  }

  /**
   * Reads the buckets of hashes (pairs of words, from index to index) that will be looked up next, so that
   * these waits for memory overlap. What it returns means nothing; it keeps the reads from being left out.
   */
  touch(hashes: Uint32Array, from: number, to: number): number {
    const { words, tables } = this
    let read = 0
    for (let i = from; i < to; i += 2) {
      this.locate(hashes[i] | 0, hashes[i + 1] | 0)
      read ^= words[startOf(this.home, this.table, tables)]
    }
    return read
  }

  /**
   * Adds a position that the ring has just given out, for the hash of the last look-up. False when
   * every slot of its table is taken by entries that are there: one must go first.
   */
  insert(position: number): boolean {
    if (--this.untilSweep === 0) this.sweep()
    if (this.used[this.table] >= this.limits[this.table]) this.makeRoom(position)
    return this.place(position)
  }

  /** Puts a position into its table, at its home or after it. */
  private place(position: number): boolean {
    const { table, tables } = this
    const buckets = this.buckets[table]
    let bucket = this.home
    for (let passed = 0; passed < buckets; passed++) {
      const start = startOf(bucket, table, tables)
      if (this.placeIn(start, position)) return true
      this.freeSlots(table, start)
      if (this.placeIn(start, position)) return true
      this.markPassed(start, position)
      bucket = bucket + 1 === buckets ? 0 : bucket + 1
    }
    return false
  }

  private placeIn(start: number, position: number): boolean {
    const { words } = this
    const free = slotsWith(0, words[start], words[start + 1], words[start + 2])
    if (free === 0) return false
    const slot = lowestSlot(free)
    words[start + (slot >> 2)] |= this.tags & tagBits(slot)
    words[start + POSITIONS + slot] = position
    this.used[this.table]++
    return true
  }

  private markPassed(start: number, position: number): void {
    const { words, ring } = this
    const mark = words[start + MARK]
    const leads = mark !== 0 && ring.holds(mark & POSITION)
    if (leads && ring.isNewer(mark & POSITION, position)) return
    words[start + MARK] = position | ~POSITION
  }

  /** Frees the slots of entries that are gone, and grows the table where these were few. */
  private makeRoom(position: number): void {
    const { table, tables } = this
    const before = this.buckets[table]
    for (let bucket = 0; bucket < before; bucket++) {
      this.freeSlots(table, startOf(bucket, table, tables))
    }
    if (before > 0 && this.used[table] < this.limits[table] * GROW_ABOVE) return
    // Tables begin at different sizes, so that they do not all grow at the same time.
    const grown = before === 0 ? BUCKETS_MIN + (table % BUCKETS_MIN) : before * 2
    const buckets = Math.min(grown, this.bucketsMax)
    this.buckets[table] = buckets
    this.bucketsInUse += buckets - before
    this.bucketsOfLargest = Math.max(this.bucketsOfLargest, buckets)
    this.limits[table] =
      buckets === this.bucketsMax ? LIMIT_NONE : Math.floor(buckets * SLOTS * LOAD)
    this.placeAgain(this.takePositions(before))
    this.locate(this.ring.lowAt(position), this.ring.highAt(position))
  }

  /** Empties the buckets of a table. */
  private takePositions(buckets: number): Int32Array {
    const { words, table, tables } = this
    const positions = new Int32Array(this.used[table])
    let count = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      const start = startOf(bucket, table, tables)
      for (let slot = 0; slot < SLOTS; slot++) {
        const tag = words[start + (slot >> 2)] & tagBits(slot)
        if (tag !== 0) positions[count++] = words[start + POSITIONS + slot]
      }
      words.fill(0, start, start + BUCKET_WORDS)
    }
    this.used[table] = 0
    return positions
  }

  /** Places the entries of a table that has grown; hashes are read first, so that reads overlap. */
  private placeAgain(positions: Int32Array): void {
    const { ring } = this
    const lows = positions.map((position) => ring.lowAt(position))
    const highs = positions.map((position) => ring.highAt(position))
    for (let i = 0; i < positions.length; i++) {
      this.locate(lows[i], highs[i])
      this.place(positions[i])
    }
  }

  /** Frees slots of one bucket; all have their turn within as many entries as the ring can hold. */
  private sweep(): void {
    this.untilSweep = SWEEP_EVERY
    const table = this.sweptTable
    const bucket = this.sweptBucket
    if (bucket < this.buckets[table]) this.freeSlots(table, startOf(bucket, table, this.tables))
    this.sweptBucket++
    if (this.sweptBucket % GROUP !== 0) return
    this.sweptBucket -= GROUP
    this.sweptTable++
    if (this.sweptTable < this.tables) return
    this.sweptTable = 0
    this.sweptBucket =
      this.sweptBucket + GROUP < this.bucketsOfLargest ? this.sweptBucket + GROUP : 0
  }

  private freeSlots(table: number, start: number): void {
    const { words, ring } = this
    const mark = words[start + MARK]
    if (mark !== 0 && !ring.holds(mark & POSITION)) words[start + MARK] = 0
    for (let slot = 0; slot < SLOTS; slot++) {
      if (ring.holds(words[start + POSITIONS + slot])) continue
      if ((words[start + (slot >> 2)] & tagBits(slot)) === 0) continue
      words[start + (slot >> 2)] &= ~tagBits(slot)
      this.used[table]--
    }
  }

  private locate(low: number, high: number): void {
    let x = Math.imul(low ^ this.seed, 0x85eb_ca6b)
    x = Math.imul(x ^ (x >>> 15) ^ high, 0x2c1b_3c6d)
    x = Math.imul(x ^ (x >>> 12), 0x297a_2d39)
    x ^= x >>> 15
    this.table = ((x >>> 0) * this.tableScale) | 0
    this.home = ((x & 0xffff) * this.buckets[this.table]) >>> 16
    const tag = Math.imul(low ^ (high << 7), 0x9e37_79b1) >>> 24 || 1
    this.tags = Math.imul(tag, 0x0101_0101)
  }
}

/** A bucket is a cache line: words of four tags, the mark, a position for each tag. */
const BUCKET_WORDS = 16
/** Buckets of one table that lie side by side; few, so that a few ids are in little memory. */
const GROUP_BITS = 1
const GROUP = 2 ** GROUP_BITS
const MARK = 3
const POSITIONS = 4
const SLOTS = 12
/** Bits of a position; a mark has the other too, so that none is 0. */
const POSITION = 0x7fff_ffff
/** Slots in use of all, when every entry has come that the ring can hold. */
const LOAD = 0.75
/** Buckets of a new table are this many, to twice as many. */
const BUCKETS_MIN = 2
/** So few that going over a table, with an access to the ring for each entry, is no pause. */
const BUCKETS_MAX = 256
const LIMIT_NONE = 0x7fff_ffff
/** A table grows when this share of its limit is of entries that are there. */
const GROW_ABOVE = 0.8
/** Entries from one bucket swept to the next: fewer than a bucket has when the ring is full. */
const SWEEP_EVERY = 4
const TABLE_OVERHEAD_BYTES = 12

/** How many tables of how many buckets at most a ring of this capacity needs. */
export function indexSizeFor(capacity: number): { tables: number; bucketsMax: number } {
  const buckets = Math.ceil(capacity / (SLOTS * LOAD))
  const tables = Math.ceil(buckets / BUCKETS_MAX)
  return { tables, bucketsMax: Math.ceil(buckets / tables / GROUP) * GROUP }
}

export function indexBytes(tables: number, buckets: number): number {
  return tables * TABLE_OVERHEAD_BYTES + buckets * BUCKET_WORDS * 4
}

/**
 * The slots whose tag is the one in each byte of `tags`, as a set of bits, without branches that cannot
 * be foreseen. The lowest is certain; a slot above may be told too, where a tag differs by one.
 */
function slotsWith(tags: number, a: number, b: number, c: number): number {
  return (zeroBytes(a ^ tags) >>> 7) | (zeroBytes(b ^ tags) >>> 6) | (zeroBytes(c ^ tags) >>> 5)
}

/** The high bit of every byte that is 0; of one of 1 too, where the byte below is told. */
function zeroBytes(word: number): number {
  return (word - 0x0101_0101) & ~word & 0x8080_8080
}

/** Where the words of a bucket of a table begin, of so many tables. */
function startOf(bucket: number, table: number, tables: number): number {
  const group = (bucket >> GROUP_BITS) * tables + table
  return (group * GROUP + (bucket & (GROUP - 1))) * BUCKET_WORDS
}

/** Bit 8·byte + word of a set is slot 4·word + byte. */
function lowestSlot(slots: number): number {
  const bit = 31 - Math.clz32(slots & -slots)
  return ((bit & 7) << 2) + (bit >> 3)
}

function tagBits(slot: number): number {
  return 0xff << ((slot & 3) << 3)
}
