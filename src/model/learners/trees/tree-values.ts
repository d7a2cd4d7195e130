import type { HistogramLayout, HistogramPart, Statistic } from './tree-statistic.ts'
import { EMPTY_SHARE, type Split } from './tree-split.ts'

/**
 * Trees of values: each row pulls its leaf by `pulls` and holds it by `holds` (Chen & Guestrin 2016,
 * "XGBoost": negative gradient and second derivative of the loss). A leaf's best value is Σ pull /
 * (Σ hold + penalty). With pull = weight × (label − mean) and hold = weight that is the mean of the
 * labels, and the gain the fall of their variance (for labels 0 and 1: of the Gini impurity).
 */
export class ValueStatistic implements Statistic {
  readonly channels = 2
  readonly pulls: Float32Array
  readonly holds: Float32Array
  private readonly pairs: Float32Array
  private rows = new Uint32Array(0)
  private start = 0
  private count = 0

  constructor(count: number) {
    this.pulls = new Float32Array(count)
    this.holds = new Float32Array(count)
    this.pairs = new Float32Array(2 * count)
  }

  gather(rows: Uint32Array<ArrayBuffer>, start: number, end: number): void {
    const { pairs, pulls, holds } = this
    for (let i = start, at = 0; i < end; i++, at += 2) {
      const row = rows[i]
      pairs[at] = pulls[row]
      pairs[at + 1] = holds[row]
    }
    this.rows = rows
    this.start = start
    this.count = end - start
  }

  total(): Float64Array {
    const { pairs, count } = this
    let pull = 0
    let hold = 0
    for (let at = 0; at < 2 * count; at += 2) {
      pull += pairs[at]
      hold += pairs[at + 1]
    }
    return Float64Array.of(pull, hold)
  }

  /** Four inputs at a time, which reads each row's numbers once and keeps the additions apart. */
  add(histogram: Float64Array, inputs: Uint32Array, { columns, bases }: HistogramLayout): void {
    const { pairs, rows, start, count } = this
    let next = 0
    for (; next + 4 <= inputs.length; next += 4) {
      const [a, b, c, d] = inputs.subarray(next, next + 4)
      const [columnA, columnB, columnC, columnD] = [columns[a], columns[b], columns[c], columns[d]]
      const [baseA, baseB, baseC, baseD] = [bases[a], bases[b], bases[c], bases[d]]
      for (let i = 0; i < count; i++) {
        const row = rows[start + i]
        const pull = pairs[i << 1]
        const hold = pairs[(i << 1) + 1]
        const atA = (baseA + columnA[row]) << 1
        const atB = (baseB + columnB[row]) << 1
        const atC = (baseC + columnC[row]) << 1
        const atD = (baseD + columnD[row]) << 1
        histogram[atA] += pull
        histogram[atA + 1] += hold
        histogram[atB] += pull
        histogram[atB + 1] += hold
        histogram[atC] += pull
        histogram[atC + 1] += hold
        histogram[atD] += pull
        histogram[atD + 1] += hold
      }
    }
    for (; next < inputs.length; next++) {
      const column = columns[inputs[next]]
      const base = bases[inputs[next]]
      for (let i = 0; i < count; i++) {
        const at = (base + column[rows[start + i]]) << 1
        histogram[at] += pairs[i << 1]
        histogram[at + 1] += pairs[(i << 1) + 1]
      }
    }
  }

  scan(part: HistogramPart, node: Float64Array, best: Split): void {
    const { histogram, base, codes, input, rules } = part
    const { weightMin, penalty } = rules
    const [pull, hold] = node
    const parent = (pull * pull) / (hold + penalty)
    const empty = hold * EMPTY_SHARE
    const missingPull = histogram[2 * base]
    const missingHold = histogram[2 * base + 1]
    const missing = missingHold > empty
    const last = missing ? codes - 1 : codes - 2
    let leftPull = 0
    let leftHold = 0
    for (let code = 1; code < codes; code++) {
      const at = (base + code) << 1
      if (histogram[at + 1] <= empty && code < last) continue
      best.next(code)
      if (code > last) break
      leftPull += histogram[at]
      leftHold += histogram[at + 1]
      const rightHold = hold - leftHold
      if (leftHold >= weightMin && rightHold >= weightMin) {
        const rightPull = pull - leftPull
        const gain =
          (leftPull * leftPull) / (leftHold + penalty) +
          (rightPull * rightPull) / (rightHold + penalty) -
          parent
        if (gain > best.gain) best.offer(gain, input, code, !missing && leftHold >= rightHold)
      }
      if (!missing) continue
      const withPull = leftPull + missingPull
      const withHold = leftHold + missingHold
      const restHold = hold - withHold
      if (withHold < weightMin || restHold < weightMin) continue
      const restPull = pull - withPull
      const gain =
        (withPull * withPull) / (withHold + penalty) +
        (restPull * restPull) / (restHold + penalty) -
        parent
      if (gain > best.gain) best.offer(gain, input, code, true)
    }
    best.close()
  }

  weight(sums: Float64Array): number {
    return sums[1]
  }

  /** The value of a leaf with these sums. */
  static leaf(sums: Float64Array, penalty: number): number {
    const [pull, hold] = sums
    return hold + penalty > 0 ? pull / (hold + penalty) : 0
  }
}
