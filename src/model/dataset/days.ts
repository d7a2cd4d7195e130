import { Growing } from './growing.ts'

const DAY_MS = 86_400_000
const NEVER = Number.NEGATIVE_INFINITY

/** A profile at a midnight. */
export interface DayPoint {
  readonly row: number
  readonly person: number
  readonly midnight: number
  /** Of the profile's last event before. */
  readonly sequence: number
}

/**
 * Which profiles of a shard were active when a UTC midnight of arrival time passes. Owns 24 bytes a
 * profile in typed arrays. A midnight passes before the first event that arrived at or after it; one
 * that nobody was active before is passed over.
 */
export class Days {
  private readonly activeWithin: number
  private readonly persons = new Growing(Float64Array)
  private readonly lastEvents = new Growing(Float64Array)
  private readonly sequences = new Growing(Float64Array)
  private next = Number.NaN
  private newest = NEVER

  constructor(activeWithin: number) {
    this.activeWithin = activeWithin
  }

  /** The profile's event was applied. */
  saw(row: number, { person, time, sequence }: { person: number; time: number; sequence: number }) {
    while (this.persons.length <= row) {
      this.persons.push(0)
      this.lastEvents.push(NEVER)
      this.sequences.push(-1)
    }
    this.persons.set(row, person)
    this.lastEvents.set(row, Math.max(time, this.lastEvents.at(row)))
    this.sequences.set(row, sequence)
    if (time > this.newest) this.newest = time
  }

  /** The profile moved to another. */
  forget(row: number): void {
    if (row < this.lastEvents.length) this.lastEvents.set(row, NEVER)
  }

  /** Before an event that arrived then is applied: visits who was active at the midnights before it. */
  passTo(time: number, visit: (point: DayPoint) => void): void {
    if (Number.isNaN(this.next)) this.next = nextMidnight(time)
    while (this.next <= time) {
      if (this.next - this.newest > this.activeWithin) {
        this.next = nextMidnight(time)
        return
      }
      this.visitActive(visit)
      this.next += DAY_MS
    }
  }

  private visitActive(visit: (point: DayPoint) => void): void {
    const midnight = this.next
    const from = midnight - this.activeWithin
    for (let row = 0; row < this.lastEvents.length; row++) {
      if (!(this.lastEvents.at(row) >= from)) continue
      const [person, sequence] = [this.persons.at(row), this.sequences.at(row)]
      visit({ row, person, midnight, sequence })
    }
  }
}

function nextMidnight(time: number): number {
  return (Math.floor(time / DAY_MS) + 1) * DAY_MS
}
