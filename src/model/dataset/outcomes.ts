import type { TargetPlan } from '../definition.ts'
import { Growing } from './growing.ts'
import { NumberMap } from './number-map.ts'

/**
 * A profile as one number: 53 bits of its key's hash. Two of a million profiles collide with a
 * probability of 0.00006; two that do would share their outcomes.
 */
export function personOf(hashLow: number, hashHigh: number): number {
  return hashHigh * 2_097_152 + (hashLow >>> 11)
}

/** Longest walk along joins. */
const HOPS_MAX = 16
const HIGH = 4_294_967_296

/** A moment in the journal. */
export interface Moment {
  readonly person: number
  /** Arrival, ms since 1970. */
  readonly time: number
  readonly shard: number
  readonly sequence: number
}

/**
 * When the target event happened to whom, over all shards. A profile that was joined to another
 * counts as that one, so an order placed after a log-in is an outcome of the anonymous visit before.
 * Add everything, then {@link seal}, then ask.
 *
 * An outcome costs 28 bytes, with a value 32 (10 million: 320 MB), a person 31 to 54 and a join 23
 * to 46. Values are kept as 32-bit floats, as labels are.
 */
export class Outcomes {
  private readonly valued: boolean
  /** Of each outcome; after {@link seal}, the person's place. */
  private readonly persons = new Growing(Float64Array)
  private readonly times = new Growing(Float64Array)
  private readonly shards = new Growing(Uint16Array)
  private readonly sequencesLow = new Growing(Uint32Array)
  private readonly sequencesHigh = new Growing(Uint16Array)
  private readonly values = new Growing(Float32Array)
  private readonly successors = new NumberMap()
  /** After {@link seal}: a person's place, and where its outcomes begin in `order`. */
  private readonly places = new NumberMap()
  private starts = new Uint32Array(1)
  private order = new Uint32Array(0)

  /** @param valued outcomes have a value: a number that is summed, or the number of a text */
  constructor(valued: boolean) {
    this.valued = valued
  }

  get count(): number {
    return this.times.length
  }

  add(moment: Moment, value = 0): void {
    this.persons.push(moment.person)
    this.times.push(moment.time)
    this.shards.push(moment.shard)
    this.sequencesLow.push(moment.sequence % HIGH)
    this.sequencesHigh.push(Math.floor(moment.sequence / HIGH))
    if (this.valued) this.values.push(value)
  }

  join(person: number, successor: number): void {
    if (person !== successor) this.successors.set(person, successor)
  }

  /** Brings each person's outcomes together, in order of time; linear in their number. */
  seal(): void {
    const { count, persons, places } = this
    const counts = new Growing(Uint32Array)
    for (let i = 0; i < count; i++) {
      const root = this.rootOf(persons.at(i))
      let place = places.get(root)
      if (place < 0) {
        place = counts.length
        places.set(root, place)
        counts.push(0)
      }
      counts.set(place, counts.at(place) + 1)
      persons.set(i, place)
    }
    this.starts = new Uint32Array(counts.length + 1)
    for (let i = 0; i < counts.length; i++) this.starts[i + 1] = this.starts[i] + counts.at(i)
    this.order = new Uint32Array(count)
    for (let i = count - 1; i >= 0; i--) {
      const place = persons.at(i)
      const left = counts.at(place) - 1
      counts.set(place, left)
      this.order[this.starts[place] + left] = i
    }
    for (let i = 0; i + 1 < this.starts.length; i++) this.sortPerson(i)
  }

  /**
   * What followed a moment: outcomes of the person that arrived after it and at most `within` ms
   * later; at the same millisecond the journal's order decides, and what another shard has is not
   * later. For `happens` and `absent` 1 is yes; for `next` the number of the first one's text, NaN
   * where there was none; for `sum` NaN where it is beyond 32-bit floats.
   */
  label(moment: Moment, { label, within }: Pick<TargetPlan, 'label' | 'within'>): number {
    const place = this.places.get(this.rootOf(moment.person))
    const end = place < 0 ? 0 : this.starts[place + 1]
    let count = 0
    let sum = 0
    for (let i = place < 0 ? 0 : this.lowerBound(place, moment.time); i < end; i++) {
      const outcome = this.order[i]
      const time = this.times.at(outcome)
      if (time > moment.time + within) break
      if (time === moment.time && !this.isLater(outcome, moment)) continue
      if (label === 'happens') return 1
      if (label === 'absent') return 0
      if (label === 'next') return this.values.at(outcome)
      count++
      if (label === 'sum') sum += this.values.at(outcome)
    }
    if (label === 'next') return Number.NaN
    if (label === 'absent') return 1
    if (label === 'count') return count
    return Number.isFinite(Math.fround(sum)) ? sum : Number.NaN
  }

  /** Of an outcome at the moment's millisecond. */
  private isLater(outcome: number, moment: Moment): boolean {
    return this.shards.at(outcome) === moment.shard && this.sequenceOf(outcome) > moment.sequence
  }

  private sequenceOf(outcome: number): number {
    return this.sequencesHigh.at(outcome) * HIGH + this.sequencesLow.at(outcome)
  }

  /** The person, or the one at the end of the joins that it took part in. */
  rootOf(person: number): number {
    let root = person
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const next = this.successors.get(root)
      if (next < 0) break
      root = next
    }
    return root
  }

  /** Of one shard they come in order, so there is something to sort only after a join. */
  private sortPerson(place: number): void {
    const own = this.order.subarray(this.starts[place], this.starts[place + 1])
    for (let i = 1; i < own.length; i++) {
      if (this.compare(own[i - 1], own[i]) <= 0) continue
      own.sort((a, b) => this.compare(a, b))
      return
    }
  }

  private compare(a: number, b: number): number {
    return (
      this.times.at(a) - this.times.at(b) ||
      this.shards.at(a) - this.shards.at(b) ||
      this.sequenceOf(a) - this.sequenceOf(b)
    )
  }

  /** Index into `order` of the person's first outcome at or after a time. */
  private lowerBound(place: number, time: number): number {
    let low = this.starts[place]
    let high = this.starts[place + 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.times.at(this.order[middle]) < time) low = middle + 1
      else high = middle
    }
    return low
  }
}
