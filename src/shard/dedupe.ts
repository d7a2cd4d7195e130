import { DedupeIndex, indexBytes, indexSizeFor } from './dedupe-index.ts'
import { DedupeRing, positionBitsFor, ringBytes } from './dedupe-ring.ts'

/**
 * Remembers message ids (as 64-bit hashes) for a horizon, within a memory bound that is taken as it is
 * needed.
 *
 * What holds, with `now` the latest instant that was passed in:
 * - An id is known from when it is added until `horizonMs` after its arrival, to the millisecond and
 *   never less, unless it had to go before. A repeat does not extend this.
 * - When the memory is full, ids go one by one in the order in which they were added. Where ids were
 *   added in the order of their arrival, that is the oldest first; an id that was added `d` ms behind
 *   the latest arrival may outlive ids that are up to `d` younger, and no younger ones.
 * - Every id that was added and arrived after `now − horizonMs(now)` is known. An id that arrived
 *   before the latest arrival that had to go is not added: younger ones would go for it.
 *
 * Chance of a false duplicate: ids held / 2^64 an event. Costs 19 bytes an id where the memory is full. An id that is new costs one access to memory at random, a repeat two.
 */
export class DedupeWindow {
  /** Ids that are held at most. */
  readonly capacity: number
  private readonly horizon: number
  private readonly ring: DedupeRing
  private readonly index: DedupeIndex
  /** The latest instant that was passed in, and its whole milliseconds. */
  private clock = Number.NEGATIVE_INFINITY
  private now = Number.NEGATIVE_INFINITY
  /** The latest arrival that had to go before its horizon. */
  private forgotten = Number.NEGATIVE_INFINITY

  constructor(options: { horizonMs: number; memoryBytesMax: number }) {
    const { capacity, segmentBits } = sizeWithin(options.memoryBytesMax)
    this.capacity = capacity
    this.horizon = options.horizonMs
    this.ring = new DedupeRing({ horizonMs: options.horizonMs, capacity, segmentBits })
    this.index = new DedupeIndex(this.ring, indexSizeFor(capacity))
  }

  /**
   * Adds the hash; false when it is there already within the horizon. `atMs` is its arrival, `nowMs`
   * not before any arrival; a `nowMs` before an earlier one is taken to be that one.
   */
  add(low: number, high: number, atMs: number, nowMs: number): boolean {
    this.advance(nowMs)
    // Rounded up where `now` is rounded down, so that an id is never forgotten early.
    const at = Math.ceil(Math.min(atMs, this.clock))
    if (this.index.has(low | 0, high | 0)) return false
    if (at < this.forgotten || this.now - at >= this.horizon) return true
    while (this.ring.count >= this.capacity) this.forgetOldest()
    const position = this.ring.append(low | 0, high | 0, at)
    while (!this.index.insert(position)) this.forgetOldest()
    return true
  }

  /** Adds hashes (low and high words in turn) that arrived together; those that are there already stay. */
  addAll(hashes: Uint32Array, atMs: number, nowMs: number): void {
    for (let from = 0; from < hashes.length; from += TOUCHED_WORDS) {
      const to = Math.min(from + TOUCHED_WORDS, hashes.length)
      this.index.touch(hashes, from, to)
      for (let i = from; i + 1 < to; i += 2) this.add(hashes[i], hashes[i + 1], atMs, nowMs)
    }
  }

  has(low: number, high: number, nowMs: number): boolean {
    this.advance(nowMs)
    return this.index.has(low | 0, high | 0)
  }

  /** Makes room for so many ids at once, before the first is added. */
  reserve(ids: number): void {
    this.index.reserve(ids)
  }

  /** Says that ids which arrived up to then are not all added, as where a log is read in part. */
  forgetUntil(atMs: number): void {
    this.forgotten = Math.max(this.forgotten, Math.ceil(atMs))
  }

  /** Ids that are held; some may be past the horizon and wait for those added with them. */
  get size(): number {
    return this.ring.size
  }

  get bytes(): number {
    return this.ring.bytes + this.index.bytes
  }

  /** How far back every id is remembered: the horizon, until something younger had to go. */
  horizonMs(nowMs: number): number {
    const now = Math.max(this.now, Math.floor(nowMs))
    return Math.max(0, Math.min(this.horizon, now - this.forgotten))
  }

  private advance(nowMs: number): void {
    if (nowMs <= this.clock) return
    this.clock = nowMs
    this.now = Math.floor(nowMs)
    this.ring.advance(this.now)
  }

  private forgetOldest(): void {
    this.forgotten = Math.max(this.forgotten, this.ring.dropOldest())
  }
}

/** Words of hashes that are looked up together: 32 ids. */
const TOUCHED_WORDS = 64
/** Entries of a segment of the ring, as a power of two: a 256th of all or less. */
const SEGMENT_BITS_MAX = 15
const SEGMENTS_MIN_BITS = 8
const CAPACITY_MIN = 64
const BYTES_AN_ID_MIN = 17

function sizeWithin(bytesMax: number): { capacity: number; segmentBits: number } {
  const most = Math.max(CAPACITY_MIN, Math.floor(bytesMax / BYTES_AN_ID_MIN))
  const bits = Math.floor(Math.log2(most)) - SEGMENTS_MIN_BITS
  const segmentBits = Math.max(0, Math.min(SEGMENT_BITS_MAX, bits))
  const step = 2 ** segmentBits
  let capacity = most - (most % step)
  while (capacity > CAPACITY_MIN && bytesOf(capacity, segmentBits) > bytesMax) capacity -= step
  return { capacity, segmentBits }
}

/** With the segments at both ends in part, and a spare one. */
function bytesOf(capacity: number, segmentBits: number): number {
  const { tables, bucketsMax } = indexSizeFor(capacity)
  const segments = capacity / 2 ** segmentBits + 2
  const ring = ringBytes(positionBitsFor(capacity), segmentBits, segments)
  return ring + indexBytes(tables, tables * bucketsMax)
}
