import type { ErrorValue } from '../protocol/shards.ts'

export const OVERLOADED: ErrorValue = {
  code: 'ERR_OVERLOADED',
  message: 'More events are on their way than the server can hold; send them again in a moment',
  retryable: true,
}
export const DRAINING: ErrorValue = {
  code: 'ERR_DRAINING',
  message: 'The server is stopping; send the events again to its successor',
  retryable: true,
}

/** Below this share of the limit clients get all their credits. */
const RELAXED_SHARE = 0.5

/**
 * Counts event bytes between arrival and acknowledgement. Invariant: `bytes` is the sum of what was
 * entered and not left; what would exceed the limit is refused, never queued.
 */
export class Admission {
  bytes = 0
  /** Bodies and frames. */
  requests = 0
  refused = 0
  readonly #bytesMax: number
  #lane = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  enter(bytes: number): boolean {
    if (this.bytes + bytes > this.#bytesMax) {
      this.refused += 1
      return false
    }
    this.bytes += bytes
    this.requests += 1
    return true
  }

  leave(bytes: number): void {
    this.bytes -= bytes
    this.requests -= 1
  }

  /** What a WebSocket with `creditsMax` may have in flight under the present load, at least 1. */
  credits(creditsMax: number): number {
    const free = 1 - this.bytes / this.#bytesMax
    return Math.max(1, Math.min(creditsMax, Math.floor((creditsMax * free) / RELAXED_SHARE)))
  }

  nextLane(): number {
    this.#lane = (this.#lane + 1) | 0
    return this.#lane
  }
}
