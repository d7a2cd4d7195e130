/**
 * Hashes with their arrival, in the order in which they were added: the memory of {@link DedupeWindow}.
 *
 * Owns segments of 12 bytes an entry that are allocated as they are entered and released as they are
 * left. A position names an entry; positions run in a circle of at least twice the capacity, so what
 * points to an entry that is gone can be told ({@link holds}) for as long again as it was there.
 *
 * Arrivals are kept as 32 bits of milliseconds and read as an age. No entry gets older than three
 * horizons: one when it is added, one while its segment is filled (a segment that has been open for a
 * horizon is closed, its rest stays empty), one until the segment is dropped.
 */
export class DedupeRing {
  /** Entries and the empty rest of closed segments. */
  count = 0
  /** Entries. */
  size = 0
  readonly positionBits: number
  readonly positionMask: number
  private tail = 0
  private head = 0
  private now = Number.NEGATIVE_INFINITY
  private nowBits = 0
  private readonly horizonMs: number
  private readonly shift: number
  private readonly offsetMask: number
  private readonly segments: Int32Array[]
  /** The latest arrival in a segment, and at which offset it was closed. */
  private readonly latest: Float64Array
  private readonly ends: Uint16Array
  private openedAt = 0
  private spare: Int32Array | null = null
  private allocated = 0

  constructor(options: { horizonMs: number; capacity: number; segmentBits: number }) {
    const { horizonMs, capacity, segmentBits } = options
    if (!(horizonMs > 0 && horizonMs <= HORIZON_MS_MAX)) {
      throw new RangeError(
        `horizonMs is ${horizonMs}; allowed is more than 0, to ${HORIZON_MS_MAX}`,
      )
    }
    this.horizonMs = horizonMs
    this.shift = segmentBits
    this.offsetMask = 2 ** segmentBits - 1
    this.positionBits = positionBitsFor(capacity)
    this.positionMask = 2 ** this.positionBits - 1
    const segments = 2 ** (this.positionBits - segmentBits)
    this.segments = Array.from({ length: segments }, () => NO_SEGMENT)
    this.latest = new Float64Array(segments)
    this.ends = new Uint16Array(segments)
  }

  get bytes(): number {
    return ringBytes(this.positionBits, this.shift, this.allocated)
  }

  /** Sets the clock and drops segments of which every entry is past the horizon. */
  advance(now: number): void {
    this.now = now
    this.nowBits = now | 0
    const expired = now - this.horizonMs
    while (this.count > 0 && this.latest[this.tail >>> this.shift] <= expired) this.dropSegment()
  }

  /** Whether the position is of an entry that is still there. */
  holds(position: number): boolean {
    return ((position - this.tail) & this.positionMask) < this.count
  }

  /** Whether the first of two positions that are held was added after the second. */
  isNewer(position: number, than: number): boolean {
    const { tail, positionMask } = this
    return ((position - tail) & positionMask) > ((than - tail) & positionMask)
  }

  /** Whether a position that is held has this hash, and arrived within the horizon. */
  isWithin(position: number, low: number, high: number): boolean {
    const segment = this.segments[position >>> this.shift]
    const at = (position & this.offsetMask) * ENTRY_WORDS
    if (segment[at] !== low || segment[at + 1] !== high) return false
    return ((this.nowBits - segment[at + 2]) | 0) < this.horizonMs
  }

  lowAt(position: number): number {
    return this.segments[position >>> this.shift][(position & this.offsetMask) * ENTRY_WORDS]
  }

  highAt(position: number): number {
    return this.segments[position >>> this.shift][(position & this.offsetMask) * ENTRY_WORDS + 1]
  }

  /** Adds an entry that arrived within the horizon, not after now; returns its position. */
  append(low: number, high: number, at: number): number {
    if ((this.head & this.offsetMask) !== 0 && this.now - this.openedAt >= this.horizonMs) {
      this.closeSegment()
    }
    const position = this.head
    const index = position >>> this.shift
    if ((position & this.offsetMask) === 0) this.openSegment(index)
    const segment = this.segments[index]
    const offset = (position & this.offsetMask) * ENTRY_WORDS
    segment[offset] = low
    segment[offset + 1] = high
    segment[offset + 2] = at | 0
    if (at > this.latest[index]) this.latest[index] = at
    this.head = (position + 1) & this.positionMask
    this.count++
    this.size++
    return position
  }

  /** Drops the entry that was added first, of those that are there; returns its arrival. */
  dropOldest(): number {
    while ((this.tail & this.offsetMask) >= this.ends[this.tail >>> this.shift]) this.dropSegment()
    const index = this.tail >>> this.shift
    const at = (this.tail & this.offsetMask) * ENTRY_WORDS
    const arrival = this.now - ((this.nowBits - this.segments[index][at + 2]) | 0)
    this.tail = (this.tail + 1) & this.positionMask
    this.count--
    this.size--
    if ((this.tail & this.offsetMask) === 0) this.releaseSegment(index)
    return arrival
  }

  private openSegment(index: number): void {
    if (this.spare === null) this.allocated++
    this.segments[index] = this.spare ?? new Int32Array(ENTRY_WORDS << this.shift)
    this.spare = null
    this.latest[index] = Number.NEGATIVE_INFINITY
    this.ends[index] = this.offsetMask + 1
    this.openedAt = this.now
  }

  /** Leaves the rest of the segment being filled empty. */
  private closeSegment(): void {
    const index = this.head >>> this.shift
    const offset = this.head & this.offsetMask
    const rest = this.offsetMask + 1 - offset
    this.ends[index] = offset
    this.head = (this.head + rest) & this.positionMask
    if (this.count > 0) {
      this.count += rest
    } else {
      this.tail = this.head
      this.releaseSegment(index)
    }
  }

  /** Drops what is left of the oldest segment; the one being filled stays, empty. */
  private dropSegment(): void {
    const index = this.tail >>> this.shift
    const offset = this.tail & this.offsetMask
    const left = this.offsetMask + 1 - offset
    if (left > this.count) {
      this.size -= this.count
      this.tail = this.head
      this.count = 0
      return
    }
    this.size -= this.ends[index] - offset
    this.tail = (this.tail + left) & this.positionMask
    this.count -= left
    this.releaseSegment(index)
  }

  private releaseSegment(index: number): void {
    if (this.spare === null) this.spare = this.segments[index]
    else this.allocated--
    this.segments[index] = NO_SEGMENT
  }
}

/** Three of these are less than 2^31 ms, so that an age has a sign. */
export const HORIZON_MS_MAX = 8 * 86_400_000

const ENTRY_WORDS = 3
const NO_SEGMENT = new Int32Array(0)
/** A reference, the latest arrival and the end. */
const SEGMENT_OVERHEAD_BYTES = 8 + 8 + 2

export function positionBitsFor(capacity: number): number {
  return Math.ceil(Math.log2(capacity * 2))
}

export function ringBytes(positionBits: number, segmentBits: number, segments: number): number {
  const table = 2 ** (positionBits - segmentBits) * SEGMENT_OVERHEAD_BYTES
  return table + segments * 2 ** segmentBits * ENTRY_WORDS * 4
}
