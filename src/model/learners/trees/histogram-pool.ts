/** Histograms are kept for as many nodes as fit into this; others are summed from their rows. */
const POOL_BYTES_MAX = 256 * 2 ** 20

/** Histograms of one length, used again and again. */
export class HistogramPool {
  private readonly length: number
  private readonly free: Float64Array<ArrayBuffer>[] = []
  private made = 0

  constructor(length: number) {
    this.length = length
  }

  /** One with old numbers in it; null where the pool is used up. */
  take(): Float64Array<ArrayBuffer> | null {
    const free = this.free.pop()
    if (free !== undefined) return free
    if ((this.made + 1) * this.length * Float64Array.BYTES_PER_ELEMENT > POOL_BYTES_MAX) return null
    this.made++
    return new Float64Array(this.length)
  }

  give(histogram: Float64Array<ArrayBuffer>): void {
    this.free.push(histogram)
  }
}
