import type { ClockStatus, ServedClock } from '../../src/protocol/clock.ts'

/** A clock that says what it is set to, some days away from the machine's. */
export class FixedClock implements ServedClock {
  arrivalMs = Date.now() - 3 * 86_400_000
  accepted = 0

  now(): number {
    return this.arrivalMs
  }

  status(): ClockStatus {
    const wallMs = Date.now()
    return {
      arrival: new Date(this.arrivalMs).toISOString(),
      wall: new Date(wallMs).toISOString(),
      driftSeconds: (wallMs - this.arrivalMs) / 1000,
      state: this.accepted > 0 ? 'steady' : 'drifted',
      retentionHeldSeconds: 0,
    }
  }

  accept(): Promise<ClockStatus> {
    this.accepted++
    return Promise.resolve(this.status())
  }
}
