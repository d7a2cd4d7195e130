import type { OrderChance } from './order-chance.ts'
import { OWN_INTENTS } from './session-chain.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
const MINUTE = 60_000
const WEEK_HOURS = 168
const WEEK_MINUTES = WEEK_HOURS * 60
/** 1970-01-01 was a Thursday; weeks here begin on Monday. */
const THURSDAY = 3 * DAY

/** Hours (UTC) around which people shop, how widely, and how much more at the weekend. */
const PATTERNS: readonly { peaks: readonly number[]; width: number; weekend: number }[] = [
  { peaks: [12, 20], width: 3, weekend: 1 },
  { peaks: [20.5], width: 2.2, weekend: 0.9 },
  { peaks: [10, 14], width: 2.5, weekend: 0.75 },
  { peaks: [11, 16], width: 3.5, weekend: 1.35 },
  { peaks: [23.5], width: 2.5, weekend: 1.15 },
]
export const HABIT_COUNT = PATTERNS.length

/**
 * When shoppers visit: for each habit the intensity of session starts by hour of the week, relative
 * to its mean, and what follows from it for orders within 24 h.
 */
export class Habits {
  private readonly hours: readonly Float64Array[]
  private readonly maxima: readonly number[]
  private readonly chance: OrderChance
  /** `[habit][intent * (WEEK_MINUTES + 1) + minute]`, see {@link expected}. */
  private readonly tables: readonly Float64Array[]

  constructor(chance: OrderChance) {
    this.chance = chance
    this.hours = PATTERNS.map(weekOf)
    this.maxima = this.hours.map((hours) => Math.max(...hours))
    this.tables = this.hours.map((_, habit) => this.tableOf(habit))
  }

  /** Session starts relative to the mean hour. */
  intensity(habit: number, time: number): number {
    return this.hours[habit][Math.floor((time + THURSDAY) / HOUR) % WEEK_HOURS]
  }

  maximum(habit: number): number {
    return this.maxima[habit]
  }

  /**
   * Expected sessions that begin after `time` and have led to an order 24 h after `time`, of a
   * shopper with one session a day of this intent. Interpolated between minutes.
   */
  expected(habit: number, intent: number, time: number): number {
    const minutes = ((time + THURSDAY) / MINUTE) % WEEK_MINUTES
    const whole = Math.floor(minutes)
    const table = this.tables[habit]
    const at = intent * (WEEK_MINUTES + 1) + whole
    return table[at] + (minutes - whole) * (table[at + 1] - table[at])
  }

  /** The same for sessions that begin in the `length` ms before `until`, up to `until`; exact. */
  expectedBefore(habit: number, intent: number, until: number, length: number): number {
    let sum = 0
    let before = 0
    let elapsed = 0
    while (elapsed < length) {
      const end = until - elapsed
      const intoHour = (end + THURSDAY) % HOUR || HOUR
      elapsed = Math.min(length, elapsed + intoHour)
      const integral = this.chance.integral(intent, elapsed)
      sum += this.intensity(habit, end - intoHour) * (integral - before)
      before = integral
    }
    return sum / DAY
  }

  private tableOf(habit: number): Float64Array {
    const table = new Float64Array(OWN_INTENTS * (WEEK_MINUTES + 1))
    for (let intent = 0; intent < OWN_INTENTS; intent++) {
      for (let minute = 0; minute <= WEEK_MINUTES; minute++) {
        const until = minute * MINUTE - THURSDAY + WEEK_HOURS * HOUR + DAY
        table[intent * (WEEK_MINUTES + 1) + minute] = this.expectedBefore(habit, intent, until, DAY)
      }
    }
    return table
  }
}

function weekOf(pattern: (typeof PATTERNS)[number]): Float64Array {
  const week = new Float64Array(WEEK_HOURS)
  for (let hour = 0; hour < WEEK_HOURS; hour++) {
    let value = 0.06
    for (const peak of pattern.peaks) {
      const apart = Math.abs((hour % 24) + 0.5 - peak)
      const distance = Math.min(apart, 24 - apart)
      value += Math.exp(-0.5 * (distance / pattern.width) ** 2)
    }
    week[hour] = value * (hour >= 120 ? pattern.weekend : 1)
  }
  const mean = week.reduce((sum, value) => sum + value, 0) / WEEK_HOURS
  return week.map((value) => value / mean)
}
