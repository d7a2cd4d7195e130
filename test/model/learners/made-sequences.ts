import type { Task } from '../../../src/model/learners/predictor.ts'
import { Random } from '../../../src/model/random.ts'
import { poisson, type MadeExamples, type MadeOptions } from './made-examples.ts'

const EVENTS = 5
/** Flags of the event, and a value. */
const INPUTS = EVENTS + 1

/**
 * Histories of up to `steps` events, older ones missing in short histories. The answer is in their
 * order, which a bag of the same events does not tell:
 *
 * - `binary`: event 0 came later than event 1 for the last time, with one label of twenty wrong
 * - `multiclass`: which of the events 0, 1 and 2 came last
 * - `regression`, `count`: a sum of the values where event 0 is, halved with every two steps
 */
export function makeSequences(
  task: Task,
  { steps, count, seed }: MadeOptions & { readonly steps: number },
): MadeExamples {
  const random = new Random(seed)
  const width = steps * INPUTS
  const rows = new Float32Array(count * width)
  const labels = new Float32Array(count)
  const truth = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const events = Array.from({ length: steps }, () => Math.floor(random.next() * EVENTS))
    const values = events.map(() => random.normal())
    const missing = Math.floor(random.next() * (steps / 2))
    for (let step = 0; step < steps; step++) {
      const inputs = rows.subarray(row * width + step * INPUTS, row * width + (step + 1) * INPUTS)
      if (step < missing) {
        inputs.fill(Number.NaN)
        continue
      }
      inputs[events[step]] = 1
      inputs[EVENTS] = values[step]
    }
    truth[row] = answerOf(task, events.slice(missing), values.slice(missing))
    labels[row] = drawLabel(task, truth[row], random)
  }
  const names = Array.from(
    { length: width },
    (_, i) => `step ${Math.floor(i / INPUTS)}, input ${i % INPUTS}`,
  )
  const classes = task === 'binary' ? 2 : task === 'multiclass' ? 3 : 0
  return { task, names, width, steps, count, rows, labels, classes, weights: null, truth }
}

function answerOf(task: Task, events: readonly number[], values: readonly number[]): number {
  if (task === 'binary') return events.lastIndexOf(0) > events.lastIndexOf(1) ? 0.95 : 0.05
  if (task === 'multiclass') return events.findLast((event) => event < 3) ?? 0
  const sum = events.reduce((all, event, step) => {
    const age = events.length - 1 - step
    return all + (event === 0 ? values[step] * 2 ** (-age / 2) : 0)
  }, 0)
  return task === 'count' ? Math.exp(sum) : sum
}

function drawLabel(task: Task, truth: number, random: Random): number {
  if (task === 'binary') return random.next() < truth ? 1 : 0
  if (task === 'count') return poisson(truth, random)
  return task === 'regression' ? truth + 0.1 * random.normal() : truth
}
