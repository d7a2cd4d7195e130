/** Buffers kept for use again, and the largest that is kept. */
const KEPT_MAX = 16
const KEPT_BYTES_MAX = 4 << 20
const SMALLEST_BYTES = 1 << 16

/**
 * Buffers that are used again. Memory outside of V8's heap drives its collector: a fresh buffer for
 * each block had it mark the heap again and again.
 *
 * Whoever takes a buffer owns it until it is given back; what is not given back is garbage as usual.
 */
export class BufferPool {
  private readonly free: Uint8Array<ArrayBuffer>[] = []

  /** A buffer of at least that many bytes, with whatever was in it. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    for (let i = this.free.length - 1; i >= 0; i--) {
      if (this.free[i].length < bytes) continue
      const [found] = this.free.splice(i, 1)
      return found
    }
    return new Uint8Array(2 ** Math.ceil(Math.log2(Math.max(bytes, SMALLEST_BYTES))))
  }

  giveBack(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer.length > KEPT_BYTES_MAX) return
    if (this.free.length === KEPT_MAX) this.free.shift()
    this.free.push(buffer)
  }
}
