/**
 * Bytes that some clients may make the server hold, all together. Invariant: `bytes` is the sum of
 * what was claimed and not released, at most `bytesMax`; what would exceed it is refused, never queued.
 */
export class ByteBudget {
  bytes = 0
  refused = 0
  readonly bytesMax: number

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  claim(bytes: number): boolean {
    if (this.bytes + bytes > this.bytesMax) {
      this.refused += 1
      return false
    }
    this.bytes += bytes
    return true
  }

  release(bytes: number): void {
    this.bytes -= bytes
  }
}

/** What one body holds of a budget. Invariant: released once, whatever becomes of the body. */
export class ByteClaim {
  bytes = 0
  #budget: ByteBudget

  constructor(budget: ByteBudget) {
    this.#budget = budget
  }

  add(bytes: number): boolean {
    if (!this.#budget.claim(bytes)) return false
    this.bytes += bytes
    return true
  }

  /** Gives back what is above `bytes`. */
  shrinkTo(bytes: number): void {
    if (bytes >= this.bytes) return
    this.#budget.release(this.bytes - bytes)
    this.bytes = bytes
  }

  /** From one budget to another; false, and unchanged, when that has no room. */
  moveTo(budget: ByteBudget): boolean {
    if (budget === this.#budget) return true
    if (!budget.claim(this.bytes)) return false
    this.#budget.release(this.bytes)
    this.#budget = budget
    return true
  }

  release(): void {
    this.shrinkTo(0)
  }
}
