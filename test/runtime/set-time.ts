import type { TimeSources } from '../../src/runtime/clock.ts'

/** A wall clock that can be set and a monotonic one that cannot. */
export class SetTime implements TimeSources {
  wall = Date.UTC(2026, 5, 1, 12)
  monotonic = 123_456

  wallMs(): number {
    return this.wall
  }

  monotonicMs(): number {
    return this.monotonic
  }

  pass(ms: number): void {
    this.wall += ms
    this.monotonic += ms
  }

  jump(ms: number): void {
    this.wall += ms
  }
}
