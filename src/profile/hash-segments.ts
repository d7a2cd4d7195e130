const SLOTS_LEAST = 1024
const LOAD_MAX = 0.75
/** So that a segment with more than its share does not split at once. */
const LOAD_RESERVED = 0.7
/** Bits of the hash that name the slot in a segment; the ones above choose the segment. */
export const SEGMENT_BITS = 13
const SEGMENT_SLOTS = 1 << SEGMENT_BITS
const DEPTH_MAX = 32 - SEGMENT_BITS
/** Words behind a segment's slots: its entries, and how many bits of the hash chose it. */
const TAIL = 2

/**
 * Extendible hashing: entries (numbers from 1 on) by 32-bit hashes. The hash names a segment and a slot
 * in it; a slot holds the entry (0: empty) and its hash in turn; what is taken goes to the next slot.
 *
 * Invariant: a call moves the entries of one segment at most, however many there are. A segment that is
 * full splits by one more bit of the hash; the others stay as they are. (One of more than 6,144 entries
 * that agree in all bits grows by itself: a crafted case, and the only one that moves more.)
 *
 * A base and not a part, because the look-ups of the classes above it are on the hot path: they walk
 * the slots themselves.
 */
export abstract class HashSegments {
  /** Segments by the bits above those of the slot; one that was split less often stands repeatedly. */
  protected directory: Uint32Array[] = [segment(SLOTS_LEAST, 0)]
  protected slotBytes = this.directory[0].byteLength

  /** Makes room for so many entries at once, where there are none yet. */
  reserve(entries: number): void {
    const segments = entries / (SEGMENT_SLOTS * LOAD_RESERVED)
    if (this.directory.length > 1 || segments <= 1) return
    const depth = Math.min(DEPTH_MAX, Math.ceil(Math.log2(segments)))
    this.directory = Array.from({ length: 1 << depth }, () => segment(SEGMENT_SLOTS, depth))
    this.slotBytes = this.directory.length * this.directory[0].byteLength
  }

  protected addSlot(entry: number, hash: number): void {
    const slots = this.directory[this.directoryAt(hash)]
    insert(slots, entry, hash)
    if (slots[slots.length - TAIL] > slotsOf(slots) * LOAD_MAX) this.makeRoom(slots, hash)
  }

  /** Takes an entry out; those behind it move up, so that no look-up stops too early. */
  protected removeSlot(entry: number, hash: number): void {
    const slots = this.directory[this.directoryAt(hash)]
    const mask = slotsOf(slots) - 1
    let gap = hash & mask
    while (slots[2 * gap] !== entry) {
      if (slots[2 * gap] === 0) throw new Error(`entry ${entry} is not under its hash`)
      gap = (gap + 1) & mask
    }
    for (let next = (gap + 1) & mask; slots[2 * next] !== 0; next = (next + 1) & mask) {
      const home = slots[2 * next + 1] & mask
      if (((next - home) & mask) < ((next - gap) & mask)) continue
      slots[2 * gap] = slots[2 * next]
      slots[2 * gap + 1] = slots[2 * next + 1]
      gap = next
    }
    slots[2 * gap] = 0
    slots[slots.length - TAIL]--
  }

  private directoryAt(hash: number): number {
    return (hash >>> SEGMENT_BITS) & (this.directory.length - 1)
  }

  /** Splits the full segment of `hash`; one that is small, or cannot split, gets twice the slots. */
  private makeRoom(slots: Uint32Array, hash: number): void {
    const depth = slots[slots.length - 1]
    if (slotsOf(slots) < SEGMENT_SLOTS || depth === DEPTH_MAX) {
      const grown = segment(2 * slotsOf(slots), depth)
      moveAll(slots, () => grown)
      this.slotBytes += grown.byteLength - slots.byteLength
      return this.enter(grown, hash)
    }
    if (1 << depth === this.directory.length) this.directory = this.directory.concat(this.directory)
    const bit = 1 << (SEGMENT_BITS + depth)
    const without = segment(SEGMENT_SLOTS, depth + 1)
    const having = segment(SEGMENT_SLOTS, depth + 1)
    moveAll(slots, (other) => ((other & bit) === 0 ? without : having))
    this.slotBytes += having.byteLength
    this.enter(without, hash & ~bit)
    this.enter(having, hash | bit)
  }

  /** Puts a segment wherever the directory's bits are those that chose it. */
  private enter(slots: Uint32Array, hash: number): void {
    const stride = 1 << slots[slots.length - 1]
    for (let at = this.directoryAt(hash) & (stride - 1); at < this.directory.length; at += stride) {
      this.directory[at] = slots
    }
  }
}

/** The mask of a segment's slots. */
export function maskOf(slots: Uint32Array): number {
  return (slots.length >>> 1) - TAIL
}

function segment(slots: number, depth: number): Uint32Array {
  const made = new Uint32Array(2 * slots + TAIL)
  made[made.length - 1] = depth
  return made
}

function slotsOf(slots: Uint32Array): number {
  return (slots.length - TAIL) >>> 1
}

function insert(slots: Uint32Array, entry: number, hash: number): void {
  const mask = slotsOf(slots) - 1
  let slot = hash & mask
  while (slots[2 * slot] !== 0) slot = (slot + 1) & mask
  slots[2 * slot] = entry
  slots[2 * slot + 1] = hash
  slots[slots.length - TAIL]++
}

function moveAll(from: Uint32Array, target: (hash: number) => Uint32Array): void {
  const end = 2 * slotsOf(from)
  for (let at = 0; at < end; at += 2) {
    if (from[at] !== 0) insert(target(from[at + 1]), from[at], from[at + 1])
  }
}
