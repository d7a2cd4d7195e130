import type { Task } from '../learners/predictor.ts'

const PROBABILITY_MIN = 1e-7
const COUNT_MIN = 1e-6

/**
 * Mean loss of predictions on rows: log loss of a class, squared error of a value, Poisson deviance
 * of a count. `predictions` holds `outputs` numbers for each of `rows`, in their order.
 */
export function meanLoss(
  task: Task,
  predictions: Float32Array,
  labels: ArrayLike<number>,
  outputs: number,
): number {
  let sum = 0
  for (let i = 0; i < labels.length; i++) {
    sum += lossOf(task, predictions, i * outputs, labels[i])
  }
  return sum / labels.length
}

function lossOf(task: Task, predictions: Float32Array, at: number, label: number): number {
  const first = predictions[at]
  if (task === 'binary') return -Math.log(atLeast(label === 1 ? first : 1 - first, PROBABILITY_MIN))
  if (task === 'multiclass') return -Math.log(atLeast(predictions[at + label], PROBABILITY_MIN))
  if (task !== 'count') return (first - label) ** 2
  const mean = atLeast(first, COUNT_MIN)
  return 2 * ((label > 0 ? label * Math.log(label / mean) : 0) - (label - mean))
}

function atLeast(value: number, least: number): number {
  return value > least ? value : least
}

/** The loss's name, for people. */
export function lossName(task: Task): string {
  if (task === 'binary' || task === 'multiclass') return 'log loss'
  return task === 'count' ? 'Poisson deviance' : 'squared error'
}
