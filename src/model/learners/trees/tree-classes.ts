import type { HistogramLayout, HistogramPart, Statistic } from './tree-statistic.ts'
import { EMPTY_SHARE, type Split } from './tree-split.ts'

/**
 * Trees of classes: sums are the weights of each class. The gain is the fall of the Gini impurity
 * (Breiman et al. 1984), with leaves pulled toward the classes' prior shares by the penalty.
 */
export class ClassStatistic implements Statistic {
  readonly channels: number
  /** Of each row; 0 leaves it out. */
  readonly weights: Float32Array
  readonly prior: Float64Array
  private readonly classes: Uint16Array
  private readonly gatheredClasses: Uint16Array
  private readonly gatheredWeights: Float32Array
  private readonly left: Float64Array
  private rows = new Uint32Array(0)
  private start = 0
  private count = 0

  constructor(labels: Float32Array, prior: Float64Array) {
    this.channels = prior.length
    this.prior = prior
    this.classes = Uint16Array.from(labels)
    this.weights = new Float32Array(labels.length)
    this.gatheredClasses = new Uint16Array(labels.length)
    this.gatheredWeights = new Float32Array(labels.length)
    this.left = new Float64Array(prior.length)
  }

  gather(rows: Uint32Array<ArrayBuffer>, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      this.gatheredClasses[i - start] = this.classes[rows[i]]
      this.gatheredWeights[i - start] = this.weights[rows[i]]
    }
    this.rows = rows
    this.start = start
    this.count = end - start
  }

  total(): Float64Array {
    const sums = new Float64Array(this.channels)
    for (let i = 0; i < this.count; i++) sums[this.gatheredClasses[i]] += this.gatheredWeights[i]
    return sums
  }

  add(histogram: Float64Array, inputs: Uint32Array, { columns, bases }: HistogramLayout): void {
    const { rows, start, count, channels, gatheredClasses, gatheredWeights } = this
    for (const input of inputs) {
      const column = columns[input]
      const base = bases[input]
      for (let i = 0; i < count; i++) {
        const at = (base + column[rows[start + i]]) * channels + gatheredClasses[i]
        histogram[at] += gatheredWeights[i]
      }
    }
  }

  scan(part: HistogramPart, node: Float64Array, best: Split): void {
    const { histogram, base, codes, input, rules } = part
    const { channels, left } = this
    const parent = this.worth(node, rules.penalty)
    const empty = this.weight(node) * EMPTY_SHARE
    const missingAt = base * channels
    const missing = codeWeight(histogram, missingAt, channels) > empty
    const last = missing ? codes - 1 : codes - 2
    left.fill(0)
    for (let code = 1; code < codes; code++) {
      const at = (base + code) * channels
      if (code < last && codeWeight(histogram, at, channels) <= empty) continue
      best.next(code)
      if (code > last) break
      for (let k = 0; k < channels; k++) left[k] += histogram[at + k]
      const heavy = 2 * this.weight(left) >= this.weight(node)
      const gain = this.worthOfSides(node, rules) - parent
      if (gain > best.gain) best.offer(gain, input, code, !missing && heavy)
      if (!missing) continue
      for (let k = 0; k < channels; k++) left[k] += histogram[missingAt + k]
      const gainWith = this.worthOfSides(node, rules) - parent
      if (gainWith > best.gain) best.offer(gainWith, input, code, true)
      for (let k = 0; k < channels; k++) left[k] -= histogram[missingAt + k]
    }
    best.close()
  }

  weight(sums: Float64Array): number {
    let sum = 0
    for (let k = 0; k < sums.length; k++) sum += sums[k]
    return sum
  }

  /** The share of each class in a leaf with these sums. */
  shares(sums: Float64Array, penalty: number): Float64Array {
    const weight = this.weight(sums) + penalty
    return sums.map((sum, k) => (weight > 0 ? (sum + penalty * this.prior[k]) / weight : 0))
  }

  /** What a leaf with these sums takes off the impurity. */
  private worth(sums: Float64Array, penalty: number): number {
    const weight = this.weight(sums)
    let squares = 0
    for (let k = 0; k < this.channels; k++) squares += (sums[k] - this.prior[k] * weight) ** 2
    return squares / (weight + penalty)
  }

  /** Of `left` and the rest of the node; below all others where a side weighs too little. */
  private worthOfSides(node: Float64Array, { weightMin, penalty }: HistogramPart['rules']): number {
    const { left, prior, channels } = this
    const leftWeight = this.weight(left)
    const rightWeight = this.weight(node) - leftWeight
    if (leftWeight < weightMin || rightWeight < weightMin) return Number.NEGATIVE_INFINITY
    let ofLeft = 0
    let ofRight = 0
    for (let k = 0; k < channels; k++) {
      ofLeft += (left[k] - prior[k] * leftWeight) ** 2
      ofRight += (node[k] - left[k] - prior[k] * rightWeight) ** 2
    }
    return ofLeft / (leftWeight + penalty) + ofRight / (rightWeight + penalty)
  }
}

function codeWeight(histogram: Float64Array, at: number, channels: number): number {
  let sum = 0
  for (let k = 0; k < channels; k++) sum += histogram[at + k]
  return sum
}
