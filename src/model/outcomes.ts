import { GrowingFloats } from './growing.ts'

/**
 * A profile as one number: 53 bits of its key's hash. Two of a million profiles collide with a
 * probability of 0.00006; two that do would share their outcomes.
 */
export function personOf(hashLow: number, hashHigh: number): number {
  return hashHigh * 2_097_152 + (hashLow >>> 11)
}

/** Longest walk along joins. */
const HOPS_MAX = 16

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
 */
export class Outcomes {
  private readonly persons = new GrowingFloats()
  private readonly times = new GrowingFloats()
  private readonly shards = new GrowingFloats()
  private readonly sequences = new GrowingFloats()
  private readonly successors = new Map<number, number>()
  private roots = new Float64Array(0)
  private order = new Uint32Array(0)

  get count(): number {
    return this.times.length
  }

  add(moment: Moment): void {
    this.persons.push(moment.person)
    this.times.push(moment.time)
    this.shards.push(moment.shard)
    this.sequences.push(moment.sequence)
  }

  join(person: number, successor: number): void {
    if (person !== successor) this.successors.set(person, successor)
  }

  seal(): void {
    this.roots = Float64Array.from({ length: this.count }, (_, i) =>
      this.rootOf(this.persons.at(i)),
    )
    this.order = Uint32Array.from({ length: this.count }, (_, i) => i).sort(
      (a, b) => this.roots[a] - this.roots[b] || this.times.at(a) - this.times.at(b),
    )
  }

  /**
   * Whether an outcome of the person arrived after the moment and at most `withinMs` later. At the
   * same millisecond the journal's order decides.
   */
  follows(moment: Moment, withinMs: number): boolean {
    const root = this.rootOf(moment.person)
    for (let i = this.lowerBound(root, moment.time); i < this.order.length; i++) {
      const outcome = this.order[i]
      const time = this.times.at(outcome)
      if (this.roots[outcome] !== root || time > moment.time + withinMs) return false
      if (time > moment.time) return true
      const sameShard = this.shards.at(outcome) === moment.shard
      if (sameShard && this.sequences.at(outcome) > moment.sequence) return true
    }
    return false
  }

  private rootOf(person: number): number {
    let root = person
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const next = this.successors.get(root)
      if (next === undefined) break
      root = next
    }
    return root
  }

  private lowerBound(root: number, time: number): number {
    let low = 0
    let high = this.order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const outcome = this.order[middle]
      const other = this.roots[outcome]
      if (other < root || (other === root && this.times.at(outcome) < time)) low = middle + 1
      else high = middle
    }
    return low
  }
}
