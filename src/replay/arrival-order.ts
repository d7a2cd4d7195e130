/** Steps of work between two yields. */
const STEPS = 512

/**
 * Records of a profile as they were collected, newest first, in the order in which they are folded: by
 * arrival, then by sequence. Sixteen bytes a record. Sorting is a bottom-up merge sort that yields
 * every few hundred steps and passes over what is in order already, as nearly all is.
 */
export class ArrivalOrder {
  private sequences = new Float64Array(64)
  private arrivals = new Float64Array(64)
  count = 0

  push(sequence: number, arrival: number): void {
    if (this.count === this.sequences.length) {
      this.sequences = grown(this.sequences)
      this.arrivals = grown(this.arrivals)
    }
    this.sequences[this.count] = sequence
    this.arrivals[this.count++] = arrival
  }

  /** Sequences in the order of the fold. */
  *sorted(): Generator<void, Float64Array> {
    let order = new Uint32Array(this.count)
    for (let i = 0; i < this.count; i++) order[i] = this.count - 1 - i
    let other = new Uint32Array(this.count)
    for (let width = 1; width < this.count; width *= 2) {
      let steps = 0
      for (let start = 0; start < this.count; start += 2 * width) {
        steps += this.merge(order, other, start, width)
        if (steps < STEPS) continue
        steps = 0
        yield
      }
      ;[order, other] = [other, order]
    }
    const sequences = new Float64Array(this.count)
    for (let i = 0; i < this.count; i++) {
      sequences[i] = this.sequences[order[i]]
      if (i % STEPS === STEPS - 1) yield
    }
    return sequences
  }

  /** Merges two runs of `width` from `start` on; returns how much work that was. */
  private merge(from: Uint32Array, to: Uint32Array, start: number, width: number): number {
    const middle = Math.min(start + width, this.count)
    const end = Math.min(start + 2 * width, this.count)
    if (middle >= end || !this.isAfter(from[middle - 1], from[middle])) {
      to.set(from.subarray(start, end), start)
      return 1 + ((end - start) >> 6)
    }
    let left = start
    let right = middle
    for (let at = start; at < end; at++) {
      const takesRight = left >= middle || (right < end && this.isAfter(from[left], from[right]))
      to[at] = takesRight ? from[right++] : from[left++]
    }
    return end - start
  }

  private isAfter(a: number, b: number): boolean {
    const later = this.arrivals[a] - this.arrivals[b]
    return later > 0 || (later === 0 && this.sequences[a] > this.sequences[b])
  }
}

function grown(array: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(array.length * 2)
  larger.set(array)
  return larger
}
