import { Random } from '../random.ts'
import type { DatasetLabel } from './manifest.ts'

/** How often each class occurs, or how the values lie. */
export type LabelBalance =
  | { readonly classes: Readonly<Record<string, number>> }
  | { readonly values: ValueSummary | null }

export interface ValueSummary {
  readonly mean: number
  readonly min: number
  readonly max: number
  readonly zeros: number
  /** By their shares, such as `0.5`; of all values, or of a uniform sample of them. */
  readonly quantiles: Readonly<Record<string, number>>
}

/** Values that quantiles are taken of. */
const SAMPLE_MAX = 10_000
const SHARES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]

/** Sums up labels one by one; memory does not depend on how many. */
export class LabelCounter {
  private readonly label: DatasetLabel
  private readonly counts: Float64Array
  private readonly sample = new Float64Array(SAMPLE_MAX)
  private readonly random = new Random(1)
  private count = 0
  private zeros = 0
  private mean = 0
  private min = Number.POSITIVE_INFINITY
  private max = Number.NEGATIVE_INFINITY

  constructor(label: DatasetLabel) {
    this.label = label
    this.counts = new Float64Array(label.classes.length)
  }

  /** @param given index of a class, or a finite value */
  add(given: number): void {
    if (!Number.isFinite(given)) throw new RangeError(`a label is ${given}`)
    const at = this.count++
    // JSON knows one zero.
    const label = given === 0 ? 0 : given
    if (this.counts.length > 0) {
      this.counts[label]++
      return
    }
    this.mean += (label - this.mean) / this.count
    if (label === 0) this.zeros++
    if (label < this.min) this.min = label
    if (label > this.max) this.max = label
    // Algorithm R of J. Vitter, "Random sampling with a reservoir", 1985.
    const place = at < SAMPLE_MAX ? at : Math.floor(this.random.next() * this.count)
    if (place < SAMPLE_MAX) this.sample[place] = label
  }

  finish(): LabelBalance {
    const { classes } = this.label
    if (classes.length > 0) {
      return { classes: Object.fromEntries(classes.map((name, i) => [name, this.counts[i]])) }
    }
    if (this.count === 0) return { values: null }
    const sorted = this.sample.slice(0, Math.min(this.count, SAMPLE_MAX)).sort()
    const quantiles = SHARES.map((share) => [
      String(share),
      sorted[Math.round(share * (sorted.length - 1))],
    ])
    const { mean, min, max, zeros } = this
    return { values: { mean, min, max, zeros, quantiles: Object.fromEntries(quantiles) } }
  }
}
