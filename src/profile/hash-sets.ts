/** Hashes a set's smallest block holds, and up to how many a set is a plain list. */
const SMALLEST = 4
const LIST_MAX = 32
const TABLE_LOAD_MAX = 0.75
/** A block starts at a multiple of {@link SMALLEST} in a chunk and does not reach over its end. */
const CHUNK_HASHES = 1 << 17

/**
 * Many small sets of non-zero 53-bit hashes, in few large arrays that the collector need not look
 * into. A set is a handle (0: the empty set) and a size, both kept by the caller; its block has room
 * for the size's class. Up to 32 hashes a set is a list, above that an open-addressing table, so that
 * a member costs 8 bytes at best and 21 at worst. Blocks that are given back are used again.
 */
export class HashSets {
  private readonly chunks: Float64Array[] = []
  private end = 0
  /**
   * By the logarithm of the capacity: a block that is free (0: none), whose first place holds the next.
   * A list of its own would have to be copied as it grows, and it grows with the profiles.
   */
  private readonly free = new Float64Array(32)

  get bytes(): number {
    return this.chunks.length * CHUNK_HASHES * 8
  }

  /** Adds a hash; returns the set's handle from now on, or 0 when the hash was there already. */
  add(handle: number, size: number, hash: number): number {
    if (size > 0 && this.has(handle, size, hash)) return 0
    const capacity = capacityOf(size + 1)
    if (size > 0 && capacity === capacityOf(size)) {
      this.insert(handle, size, capacity, hash)
      return handle
    }
    const grown = this.allocate(capacity)
    if (size > 0) this.move(handle, size, grown, capacity)
    this.insert(grown, size, capacity, hash)
    return grown
  }

  has(handle: number, size: number, hash: number): boolean {
    const chunk = this.chunkOf(handle)
    const base = baseOf(handle)
    if (size <= LIST_MAX) {
      for (let i = 0; i < size; i++) if (chunk[base + i] === hash) return true
      return false
    }
    return chunk[base + this.probe(chunk, base, capacityOf(size), hash)] === hash
  }

  /** Copies a set's hashes to `out` from `at` on. */
  copy(handle: number, size: number, out: Float64Array, at: number): void {
    const chunk = this.chunkOf(handle)
    const base = baseOf(handle)
    const length = size <= LIST_MAX ? size : capacityOf(size)
    for (let i = 0; i < length; i++) if (chunk[base + i] !== 0) out[at++] = chunk[base + i]
  }

  /** A set of the distinct hashes in `[at, at + size)`; returns its handle. */
  create(hashes: Float64Array, at: number, size: number): number {
    if (size === 0) return 0
    const capacity = capacityOf(size)
    const handle = this.allocate(capacity)
    if (size <= LIST_MAX) {
      const chunk = this.chunkOf(handle)
      const base = baseOf(handle)
      for (let i = 0; i < size; i++) chunk[base + i] = hashes[at + i]
    } else for (let i = 0; i < size; i++) this.insert(handle, i, capacity, hashes[at + i])
    return handle
  }

  /** Gives a set's block back; the handle means nothing any more. */
  drop(handle: number, size: number): void {
    if (size > 0) this.release(handle, capacityOf(size))
  }

  private release(handle: number, capacity: number): void {
    const list = Math.log2(capacity)
    this.chunkOf(handle)[baseOf(handle)] = this.free[list]
    this.free[list] = handle
  }

  private move(from: number, size: number, to: number, capacity: number): void {
    const chunk = this.chunkOf(from)
    const base = baseOf(from)
    const length = size <= LIST_MAX ? size : capacityOf(size)
    let moved = 0
    for (let i = 0; i < length; i++) {
      const hash = chunk[base + i]
      if (hash !== 0) this.insert(to, moved++, capacity, hash)
    }
    this.drop(from, size)
  }

  /** Puts a new hash into a block that has room and `size` hashes. */
  private insert(handle: number, size: number, capacity: number, hash: number): void {
    const chunk = this.chunkOf(handle)
    const base = baseOf(handle)
    const place = capacity <= LIST_MAX ? size : this.probe(chunk, base, capacity, hash)
    chunk[base + place] = hash
  }

  /** Where a table has the hash, or the empty place where it would go. */
  private probe(chunk: Float64Array, base: number, capacity: number, hash: number): number {
    const mask = capacity - 1
    let place = (hash % 4_294_967_296) & mask
    while (chunk[base + place] !== 0 && chunk[base + place] !== hash) place = (place + 1) & mask
    return place
  }

  private allocate(capacity: number): number {
    const list = Math.log2(capacity)
    const known = this.free[list]
    if (known !== 0) {
      const chunk = this.chunkOf(known)
      const base = baseOf(known)
      this.free[list] = chunk[base]
      chunk.fill(0, base, base + capacity)
      return known
    }
    if (this.chunks.length * CHUNK_HASHES - this.end < capacity) {
      this.releaseRest()
      this.chunks.push(new Float64Array(CHUNK_HASHES))
    }
    const handle = this.end / SMALLEST + 1
    this.end += capacity
    return handle
  }

  /** What is left of the last chunk becomes free blocks, the largest first. */
  private releaseRest(): void {
    const limit = this.chunks.length * CHUNK_HASHES
    while (this.end < limit) {
      const capacity = 2 ** Math.floor(Math.log2(limit - this.end))
      this.release(this.end / SMALLEST + 1, capacity)
      this.end += capacity
    }
  }

  private chunkOf(handle: number): Float64Array {
    return this.chunks[Math.floor(((handle - 1) * SMALLEST) / CHUNK_HASHES)]
  }
}

function baseOf(handle: number): number {
  return ((handle - 1) * SMALLEST) % CHUNK_HASHES
}

/** Places of the block of a set with so many hashes, at least one. */
function capacityOf(size: number): number {
  if (size <= SMALLEST) return SMALLEST
  const least = size <= LIST_MAX ? size : Math.ceil(size / TABLE_LOAD_MAX)
  return 1 << (32 - Math.clz32(least - 1))
}
