import type { RecordCursor } from '../../event/record-cursor.ts'
import type { ModelPlan, SamplingPlan } from '../definition.ts'
import { eventSelector } from './event-selector.ts'
import { Growing } from './growing.ts'

const HASH_RANGE = 4_294_967_296
const NEVER = Number.NEGATIVE_INFINITY
/** Salts of the two hashes of a candidate: whether it is one at all, and whether it is kept. */
const RATE_SALT = 1
const KEEP_SALT = 2

/**
 * Which moments are candidates for rows. Whether one is depends on a hash (of the message id, else the
 * position; of profile and day) and on the candidates of the same profile before: never on what comes
 * later, so that sampling does not bias labels, and not on what became of them, so that it does not
 * depend on how many rows are kept.
 *
 * Owns, in typed arrays, 10 to 18 bytes a profile of the shard at hand.
 */
export class Sampling {
  private readonly plan: SamplingPlan
  private readonly isPlace: (cursor: RecordCursor) => boolean
  /** By row: when it was a candidate last, and how often. */
  private lastTaken = new Growing(Float64Array)
  private taken = new Growing(Uint16Array)
  /** By row: when its newest event arrived. */
  private newest = new Growing(Float64Array)

  constructor({ sampling }: ModelPlan) {
    this.plan = sampling
    this.isPlace = sampling.on === null ? () => true : eventSelector(sampling.on)
  }

  /** Rows mean other profiles from here on. */
  nextShard(): void {
    this.lastTaken = new Growing(Float64Array)
    this.taken = new Growing(Uint16Array)
    this.newest = new Growing(Float64Array)
  }

  /**
   * Whether the profile has seen no event that arrived later; ask at each of its events. After one that
   * it has, such as history imported behind newer events, features would know what came afterwards.
   */
  isNewest(row: number, time: number): boolean {
    fillTo(this.newest, row, NEVER)
    if (time < this.newest.at(row)) return false
    this.newest.set(row, time)
    return true
  }

  /** Whether an event that was just applied is a candidate; ask once. */
  takesEvent(cursor: RecordCursor, row: number, sequence: number, sessionEvents: number): boolean {
    const { at, nth } = this.plan
    if (at === 'day') return false
    if (at === 'session' ? sessionEvents !== nth : !this.isPlace(cursor)) return false
    return this.takes(row, cursor.arrivalTime, eventHash(cursor, sequence, RATE_SALT))
  }

  /** Whether a profile is a candidate at a midnight; ask once. */
  takesDay(person: number, row: number, midnight: number): boolean {
    return this.takes(row, midnight, dayHash(person, midnight, RATE_SALT))
  }

  private takes(row: number, time: number, hash: number): boolean {
    const { rate, minGap, perProfileMax } = this.plan
    if (rate < 1 && hash >= rate * HASH_RANGE) return false
    if (minGap > 0) {
      fillTo(this.lastTaken, row, NEVER)
      if (time - this.lastTaken.at(row) < minGap) return false
    }
    fillTo(this.taken, row, 0)
    const taken = this.taken.at(row)
    if (taken >= perProfileMax) return false
    if (minGap > 0) this.lastTaken.set(row, time)
    this.taken.set(row, taken + 1)
    return true
  }
}

/** Decides whether an event's row is kept: the lower, the longer. 32 bits. */
export function keepHashOfEvent(cursor: RecordCursor, sequence: number): number {
  return eventHash(cursor, sequence, KEEP_SALT)
}

/** Decides whether the row of a profile and day is kept. */
export function keepHashOfDay(person: number, midnight: number): number {
  return dayHash(person, midnight, KEEP_SALT)
}

function fillTo(values: Growing, row: number, value: number): void {
  while (values.length <= row) values.push(value)
}

function eventHash(cursor: RecordCursor, sequence: number, salt: number): number {
  const { messageHashLow: low, messageHashHigh: high } = cursor
  if (low !== 0 || high !== 0) return mix(low, high, salt)
  return mix(cursor.keyHashLow ^ sequence, 0, salt)
}

function dayHash(person: number, midnight: number, salt: number): number {
  const day = midnight / 86_400_000
  return mix((person >>> 0) ^ Math.imul(day, 0x9e3779b1), person / HASH_RANGE, salt)
}

function mix(low: number, high: number, salt: number): number {
  let h = Math.imul(low ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b) ^ high
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f)
  return (h ^ (h >>> 16)) >>> 0
}
