import { Random } from '../../../src/model/random.ts'
import type { Examples } from '../../../src/model/learners/learner.ts'
import type { Task } from '../../../src/model/learners/predictor.ts'

/** Rows whose true answer is known: probability of class 1, class, mean, or group. */
export interface MadeExamples extends Examples {
  readonly truth: Float32Array
}

export interface MadeOptions {
  readonly count: number
  readonly seed: number
  /** Share of the first input that is missing (NaN). */
  readonly missing?: number
  readonly classes?: number
}

const WIDTH = 6

/**
 * Six inputs, of which three matter, one of them with a bend and two together: a linear model finds
 * most of it, trees and networks all.
 */
export function makeExamples(task: Task, options: MadeOptions): MadeExamples {
  const random = new Random(options.seed)
  const { count, missing = 0 } = options
  const classes = task === 'binary' ? 2 : task === 'multiclass' ? (options.classes ?? 3) : 0
  const rows = new Float32Array(count * WIDTH)
  const labels = new Float32Array(count)
  const truth = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const x = rows.subarray(row * WIDTH, (row + 1) * WIDTH)
    for (let i = 0; i < WIDTH; i++) x[i] = random.normal()
    const signal = 1.5 * x[0] - x[1] + 0.7 * Math.max(0, x[2]) + 0.3 * x[0] * x[1]
    labels[row] = drawLabel(task, signal, classes, random)
    truth[row] = trueAnswer(task, signal, classes)
    if (missing > 0 && random.next() < missing) x[0] = Number.NaN
  }
  const names = Array.from({ length: WIDTH }, (_, i) => `input ${i}`)
  return { task, names, width: WIDTH, steps: 1, count, rows, labels, classes, weights: null, truth }
}

/** Gaussian groups far apart; the label is the group (for the test alone: learners do not see it). */
export function makeGroups(
  task: 'clusters' | 'projection',
  options: MadeOptions & { readonly groups: number },
): MadeExamples {
  const random = new Random(options.seed)
  const { count, groups } = options
  const rows = new Float32Array(count * WIDTH)
  const truth = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const group = row % groups
    truth[row] = group
    for (let i = 0; i < WIDTH; i++) {
      const centre = i === group % WIDTH ? 8 : 0
      rows[row * WIDTH + i] = centre + 0.5 * random.normal()
    }
  }
  return unlabelled(task, rows, truth)
}

/** A cloud in which one row of fifty lies far out; truth is 1 for those. */
export function makeAnomalies(options: MadeOptions): MadeExamples {
  const random = new Random(options.seed)
  const rows = new Float32Array(options.count * WIDTH)
  const truth = new Float32Array(options.count)
  for (let row = 0; row < options.count; row++) {
    const out = row % 50 === 7
    truth[row] = out ? 1 : 0
    for (let i = 0; i < WIDTH; i++) rows[row * WIDTH + i] = random.normal() * (out ? 5 : 1)
  }
  return unlabelled('anomaly', rows, truth)
}

/** A series with a trend and a season of seven; truth is the series without its noise. */
export function makeSeries(options: MadeOptions): MadeExamples {
  const random = new Random(options.seed)
  const truth = Float32Array.from({ length: options.count }, (_, i) => {
    return 50 + 0.2 * i + 10 * Math.sin((2 * Math.PI * i) / 7)
  })
  const labels = truth.map((value) => value + random.normal())
  const rows = new Float32Array(0)
  const { count } = options
  const shape = { names: [], width: 0, steps: 1, count, rows, labels }
  return { task: 'series', ...shape, classes: 0, weights: null, truth }
}

/** Some of the rows, in order. */
export function takeRows(examples: MadeExamples, start: number, end: number): MadeExamples {
  const { rows, labels, truth, weights, width } = examples
  return {
    ...examples,
    count: end - start,
    rows: rows.slice(start * width, end * width),
    labels: labels.slice(start, end),
    truth: truth.slice(start, end),
    weights: weights === null ? null : weights.slice(start, end),
  }
}

function unlabelled(task: Task, rows: Float32Array, truth: Float32Array): MadeExamples {
  const names = Array.from({ length: WIDTH }, (_, i) => `input ${i}`)
  const count = rows.length / WIDTH
  const labels = new Float32Array(0)
  return {
    task,
    names,
    width: WIDTH,
    steps: 1,
    count,
    rows,
    labels,
    classes: 0,
    weights: null,
    truth,
  }
}

function drawLabel(task: Task, signal: number, classes: number, random: Random): number {
  if (task === 'binary') return random.next() < sigmoid(signal) ? 1 : 0
  if (task === 'multiclass') return Math.abs(classOf(signal + 0.3 * random.normal(), classes))
  if (task === 'count') return poisson(Math.exp(0.5 * signal), random)
  return signal + 0.3 * random.normal()
}

function trueAnswer(task: Task, signal: number, classes: number): number {
  if (task === 'binary') return sigmoid(signal)
  if (task === 'multiclass') return classOf(signal, classes)
  return task === 'count' ? Math.exp(0.5 * signal) : signal
}

function classOf(signal: number, classes: number): number {
  return Math.min(classes - 1, Math.max(0, Math.floor(signal + classes / 2)))
}

/** Knuth, The Art of Computer Programming 2, 3.4.1. */
export function poisson(mean: number, random: Random): number {
  const limit = Math.exp(-Math.min(mean, 50))
  let product = random.next()
  let count = 0
  for (; product > limit; count++) product *= random.next()
  return count
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
