import { binarySample } from './binary-sample.ts'
import { measure } from './bootstrap.ts'
import { likeliestClasses, weightedConfusion } from './multiclass-sample.ts'
import type { Outcome } from './outcome.ts'
import { confusionAt } from './threshold.ts'

/** How one class fares against all others. */
export interface ClassRow {
  readonly name: string
  readonly rows: number
  readonly precision: number | null
  readonly recall: number | null
  readonly f1: number | null
  readonly rocAuc: number | null
}

/** Weight of the rows by true class (down) and by what was said (across). */
export interface ConfusionTable {
  readonly classes: readonly string[]
  readonly cells: readonly (readonly number[])[]
}

export function classTable(outcome: Outcome, names: readonly string[]): ClassRow[] {
  const { outputs, labels, weights, classes, count } = outcome
  const chosen = likeliestClasses(outputs, classes)
  return names.map((name, k) => {
    const isIt = labels.map((label) => Number(label === k))
    const said = Float32Array.from(chosen, (other) => Number(other === k))
    const scores = Float32Array.from({ length: count }, (_, row) => outputs[row * classes + k])
    const decided = binarySample({ scores: said, labels: isIt, weights, threshold: 0.5 })
    const ranked = binarySample({ scores, labels: isIt, weights, threshold: 0.5 })
    const { precision, recall, f1 } = measure(decided)
    const { rocAuc } = measure(ranked)
    return { name, rows: isIt.reduce((a, b) => a + b, 0), precision, recall, f1, rocAuc }
  })
}

/** Null where nothing is put into classes. */
export function confusionTable(outcome: Outcome, names: readonly string[]): ConfusionTable | null {
  const { task, outputs, labels, weights, classes, threshold, count } = outcome
  if (task === 'binary') {
    const cells = confusionAt({ scores: outputs, labels, weights }, threshold)
    const { trueNegative, falsePositive, falseNegative, truePositive } = cells
    return {
      classes: names,
      cells: [
        [trueNegative, falsePositive],
        [falseNegative, truePositive],
      ],
    }
  }
  if (task !== 'multiclass') return null
  const given = weights === null ? new Float64Array(count).fill(1) : Float64Array.from(weights)
  const chosen = likeliestClasses(outputs, classes)
  const flat = weightedConfusion({ labels: Uint16Array.from(labels), chosen, classes }, given)
  const cells = names.map((_, k) => [...flat.subarray(k * classes, (k + 1) * classes)])
  return { classes: names, cells }
}
