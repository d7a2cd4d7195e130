import type { Examples } from './learner.ts'
import type { Task } from './predictor.ts'
import { type LabelScale, answer } from './network-output.ts'

const PROBABILITY_MIN = 1e-7

/** A count far off must not throw the weights away. */
const COUNT_SLOPE_MAX = 20

/** Outputs of a network that learns these examples. */
export function outputCount({ task, classes }: Examples): number {
  return task === 'multiclass' ? classes : 1
}

/** Of the rows' labels. */
export function labelScale({ labels, task }: Examples, rows: Uint32Array): LabelScale {
  if (task !== 'regression') return { mean: 0, deviation: 1 }
  let sum = 0
  for (const row of rows) sum += labels[row]
  const mean = sum / rows.length
  let squares = 0
  for (const row of rows) squares += (labels[row] - mean) ** 2
  const deviation = Math.sqrt(squares / rows.length)
  return { mean, deviation: deviation > 0 ? deviation : 1 }
}

/** The answer that needs no inputs: the log odds, log shares or log mean of the labels. */
export function startBias(
  { labels, task, classes, weights }: Examples,
  rows: Uint32Array,
): number[] {
  if (task === 'regression') return [0]
  const weightOf = (row: number): number => (weights === null ? 1 : weights[row])
  let total = 0
  for (const row of rows) total += weightOf(row)
  if (task === 'multiclass') {
    const shares = new Float64Array(classes).fill(1)
    for (const row of rows) shares[labels[row]] += weightOf(row)
    return Array.from(shares, (share) => Math.log(share / (total + classes)))
  }
  let sum = 0
  for (const row of rows) sum += labels[row] * weightOf(row)
  const mean = (sum + 0.5) / (total + 1)
  return [task === 'count' ? Math.log(mean) : Math.log(mean / (1 - mean))]
}

/** The slope of a batch's weighted mean loss; outputs are in the order of `batch`. */
export function lossSlope(
  { task, labels, weights }: Examples,
  scale: LabelScale,
  batch: Uint32Array,
): LossSlope {
  let total = 0
  for (const row of batch) total += weights === null ? 1 : weights[row]
  return (outputs) => {
    const each = outputs.length / batch.length
    batch.forEach((row, i) => {
      const weight = (weights === null ? 1 : weights[row]) / total
      differentiate(task, outputs, i * each, each, scaled(task, labels[row], scale))
      for (let k = 0; k < each; k++) outputs[i * each + k] *= weight
    })
  }
}

/** Of one answer: squared error, Poisson's without its constant, or log loss. */
export function lossOf(task: Task, answers: Float32Array, label: number): number {
  const [first] = answers
  if (task === 'regression') return (first - label) ** 2
  if (task === 'count') return first - label * Math.log(Math.max(PROBABILITY_MIN, first))
  const probability = task === 'multiclass' ? answers[label] : label === 1 ? first : 1 - first
  return -Math.log(Math.max(PROBABILITY_MIN, probability))
}

/** A label as the network sees it. */
function scaled(task: Task, label: number, { mean, deviation }: LabelScale): number {
  return task === 'regression' ? (label - mean) / deviation : label
}

/** Outputs of one row become d(loss)/d(output): log loss, squared error, or Poisson's. */
function differentiate(
  task: Task,
  outputs: Float32Array,
  at: number,
  each: number,
  label: number,
): void {
  if (task === 'regression') {
    outputs[at] -= label
    return
  }
  const scale = { mean: 0, deviation: 1 }
  answer({ task, labels: scale }, outputs.slice(at, at + each), outputs, at)
  if (task === 'multiclass') outputs[at + label] -= 1
  else outputs[at] -= label
  if (task === 'count') {
    outputs[at] = Math.max(-COUNT_SLOPE_MAX, Math.min(COUNT_SLOPE_MAX, outputs[at]))
  }
}

/** Turns a batch's outputs (`rows × outputs`) into d(mean loss)/d(output), in place. */
export type LossSlope = (outputs: Float32Array) => void
