const HASH_RANGE = 4_294_967_296

/** A row's hash, of its place in the journal and its time: below 2^32, uniform. */
export function rowHash(
  { time, shard, sequence }: { time: number; shard: number; sequence: number },
  seed: number,
): number {
  const high = Math.floor(sequence / HASH_RANGE) ^ Math.imul(time / 1_000, 0x165667b1)
  // The finaliser of MurmurHash3 (A. Appleby), over all that tells rows apart.
  let hash = Math.imul(sequence ^ Math.imul(shard + 1, 0x9e3779b1), 0x85ebca6b)
  hash ^= Math.imul(high + 1, 0xc2b2ae35) ^ Math.imul(seed, 0x27d4eb2f)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Which hashes a sample takes: all at first, and half as many after each {@link halve}. */
export class SampleLimit {
  private limit = HASH_RANGE

  takes(hash: number): boolean {
    return hash < this.limit
  }

  halve(): void {
    this.limit /= 2
  }
}
