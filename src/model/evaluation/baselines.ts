import type { Examples } from '../learners/learner.ts'
import { bestF1 } from './threshold.ts'
import { bestRule, type Rule } from './one-input-rule.ts'

/** Predicts outputs of a task for raw rows, without looking at more than it says. */
export interface Baseline {
  readonly name: string
  /** What it does, in a sentence. */
  readonly description: string
  /** Of its own, for `binary`: a score of at least it is a yes. */
  readonly threshold: number
  /** Outputs of each row: as many as the task has. */
  predict(rows: Float32Array, count: number): Float32Array
}

export interface BaselineOptions {
  /** An input that holds the label's last known value, for `regression` and `count`. */
  readonly lastValue?: string
}

/**
 * What any model must beat, fitted on the training rows in the `raw` form: the same answer for every
 * row (share of each class, or mean), the best rule that looks at one input, and the last value where
 * an input holds it.
 */
export function fitBaselines(training: Examples, options: BaselineOptions = {}): Baseline[] {
  const baselines = [constantBaseline(training)]
  const rule = bestRule(training)
  if (rule !== null) baselines.push(ruleBaseline(training, rule))
  const last = options.lastValue === undefined ? -1 : training.names.indexOf(options.lastValue)
  const valued = training.task === 'regression' || training.task === 'count'
  if (last >= 0 && valued) baselines.push(lastValueBaseline(training, last))
  return baselines
}

/** Outputs that are the same for every row: the share of class 1, of each class, or the mean. */
export function constantOutputs({ task, labels, weights, classes, count }: Examples): Float32Array {
  const sums = new Float64Array(Math.max(1, classes))
  let total = 0
  for (let row = 0; row < count; row++) {
    const weight = weights === null ? 1 : weights[row]
    total += weight
    if (classes > 0) sums[labels[row]] += weight
    else sums[0] += weight * labels[row]
  }
  if (task === 'binary') return Float32Array.of(sums[1] / total)
  return Float32Array.from(sums, (sum) => sum / total)
}

function constantBaseline(training: Examples): Baseline {
  const outputs = constantOutputs(training)
  const classed = training.classes > 0
  return {
    name: classed ? 'always the same' : 'mean',
    description: classed
      ? 'Gives every row the share of each class in the training rows.'
      : 'Gives every row the mean of the training rows.',
    threshold: 0.5,
    predict: (_, count) => repeated(outputs, count),
  }
}

function ruleBaseline(training: Examples, { input, threshold, outputs }: Rule): Baseline {
  const { names, width, task, labels, weights } = training
  const at = Number(threshold.toPrecision(4))
  const rule: Omit<Baseline, 'threshold'> = {
    name: 'best one-input rule',
    description: isFlag(names[input])
      ? `Looks only at whether “${names[input]}”.`
      : `Looks only at whether “${names[input]}” is above ${at}.`,
    predict: (rows, count) => {
      const size = outputs.above.length
      const out = new Float32Array(count * size)
      for (let row = 0; row < count; row++) {
        const x = rows[row * width + input]
        const answer = x !== x ? outputs.missing : x > threshold ? outputs.above : outputs.below
        out.set(answer, row * size)
      }
      return out
    },
  }
  if (task !== 'binary') return { ...rule, threshold: 0.5 }
  const scores = rule.predict(training.rows, training.count)
  return { ...rule, threshold: bestF1({ scores, labels, weights }).threshold }
}

/** Whether an input is named as flags of categories are. */
function isFlag(name: string): boolean {
  return / = | is missing$/.test(name)
}

function lastValueBaseline(training: Examples, input: number): Baseline {
  const { names, width } = training
  const [mean] = constantOutputs(training)
  const least = training.task === 'count' ? 0 : Number.NEGATIVE_INFINITY
  return {
    name: 'last value',
    description: `Gives “${names[input]}” as it is, the mean where it is missing.`,
    threshold: 0.5,
    predict: (rows, count) =>
      Float32Array.from({ length: count }, (_, row) => {
        const x = rows[row * width + input]
        return x !== x ? mean : Math.max(least, x)
      }),
  }
}

function repeated(outputs: Float32Array, count: number): Float32Array {
  const out = new Float32Array(count * outputs.length)
  for (let row = 0; row < count; row++) out.set(outputs, row * outputs.length)
  return out
}
