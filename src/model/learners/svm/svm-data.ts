import { Random } from '../../random.ts'
import { drawRows } from '../draw-rows.ts'
import type { Examples, FitRequest } from '../learner.ts'
import { takeRows } from '../row-values.ts'
import type { SvmFacts } from './svm-outputs.ts'

/** Of each class, one row in so many is held back to turn decisions into probabilities. */
const HELD_BACK = 5

/** Rows of one machine: what it is to say of each, and how much a row may count. */
export interface MachineRows {
  readonly width: number
  readonly count: number
  readonly rows: Float32Array
  /** 1 or -1, or a value of mean 0 and variance 1. */
  readonly targets: Float64Array
  /** 1 on the average. */
  readonly weights: Float64Array
}

export interface SvmRows {
  readonly fitted: Examples
  /** Decisions on these are turned into probabilities; none for values. */
  readonly held: Examples
  /** Of all rows, so many are in either. */
  readonly used: number
  /** Values are `centre + scale × decision`. */
  readonly centre: number
  readonly scale: number
}

/**
 * Draws the rows that are used, and divides them. Of a class with fewer rows than {@link HELD_BACK} none
 * is held back; where that is so of all, decisions are looked at on the rows that were fitted.
 */
export function divideRows({ training, seed }: FitRequest, most: number): SvmRows {
  const random = new Random(seed)
  const drawn = pick(training, drawRows(training.count, most, random))
  if (training.classes === 0) {
    const held = pick(drawn, new Uint32Array(0))
    return { fitted: drawn, held, used: drawn.count, ...scaleOf(drawn) }
  }
  const order = Uint32Array.from({ length: drawn.count }, (_, row) => row)
  random.shuffle(order)
  const seen = new Uint32Array(training.classes)
  const [fitted, held]: [number[], number[]] = [[], []]
  for (const row of order) {
    const part = ++seen[drawn.labels[row]] % HELD_BACK === 0 ? held : fitted
    part.push(row)
  }
  const calibrating = held.length > 0 ? pick(drawn, held) : drawn
  const fitting = pick(drawn, fitted)
  return { fitted: fitting, held: calibrating, used: drawn.count, centre: 0, scale: 1 }
}

/** Targets of each machine: one for two classes or values, else one a class against the others. */
export function machinesOf({ fitted, centre, scale }: SvmRows): MachineRows[] {
  const { width, count, rows, labels, classes } = fitted
  const weights = normalise(fitted)
  const positives = classes > 2 ? Array.from({ length: classes }, (_, i) => i) : [1]
  return positives.map((positive) => {
    const targets = Float64Array.from(labels, (label) => {
      if (classes === 0) return (label - centre) / scale
      return label === positive ? 1 : -1
    })
    return { width, count, rows, targets, weights }
  })
}

function normalise({ count, weights }: Examples): Float64Array {
  if (weights === null) return new Float64Array(count).fill(1)
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / count
  return Float64Array.from(weights, (weight) => weight / mean)
}

function scaleOf({ labels }: Examples) {
  const centre = labels.reduce((sum, label) => sum + label, 0) / labels.length
  const variance = labels.reduce((sum, label) => sum + (label - centre) ** 2, 0) / labels.length
  return { centre, scale: variance > 0 ? Math.sqrt(variance) : 1 }
}

function pick(examples: Examples, rows: Uint32Array | readonly number[]): Examples {
  const chosen = Uint32Array.from(rows).sort()
  const { labels, weights, width } = examples
  return {
    ...examples,
    count: chosen.length,
    rows: takeRows(examples.rows, width, chosen),
    labels: takeRows(labels, 1, chosen),
    weights: weights === null ? null : takeRows(weights, 1, chosen),
  }
}

export function svmTask({ fitted: { task } }: SvmRows): SvmFacts['task'] {
  return task === 'binary' || task === 'multiclass' ? task : 'regression'
}
