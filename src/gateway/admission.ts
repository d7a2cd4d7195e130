import type { ErrorValue } from '../protocol/shards.ts'
import { ByteBudget } from './byte-budget.ts'

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
/** Lanes are 0 to one less, then again from 0: they number connections, which do not live so long. */
export const LANES = 2 ** 30

/**
 * Counts event bytes from the first chunk of their body to the acknowledgement, and the bodies and
 * frames that are with the shards.
 */
export class Admission extends ByteBudget {
  /** Bodies and frames with the shards. */
  requests = 0
  #lane: number

  /** @param lane the last one given out */
  constructor(bytesMax: number, lane = 0) {
    super(bytesMax)
    this.#lane = lane
  }

  /** Claims the bytes and counts the frame that they are. */
  enter(bytes: number): boolean {
    if (!this.claim(bytes)) return false
    this.requests += 1
    return true
  }

  leave(bytes: number): void {
    this.release(bytes)
    this.requests -= 1
  }

  /** What a WebSocket with `creditsMax` may have in flight under the present load, at least 1. */
  credits(creditsMax: number): number {
    const free = 1 - this.bytes / this.bytesMax
    return Math.max(1, Math.min(creditsMax, Math.floor((creditsMax * free) / RELAXED_SHARE)))
  }

  /** Never negative: a shard is chosen by its remainder. */
  nextLane(): number {
    this.#lane = (this.#lane + 1) % LANES
    return this.#lane
  }
}
