import type { Link } from './link.ts'
import { classShares, meanLabel, type TreeData } from './tree-data.ts'
import type { ValueStatistic } from './tree-values.ts'

/** Least curvature of a row: keeps a leaf's weight above 0 where all its rows are sure. */
const CURVATURE_MIN = 1e-6
/** A mean is at least this far from its bounds, so that its logarithm is finite. */
const SHARE_MIN = 1e-6
/**
 * Curvatures of counts are raised by e to this, which keeps a leaf whose mean is far too low from
 * stepping too far (as LightGBM's `poisson_max_delta_step` does).
 */
const COUNT_STEP = 0.7

/** What boosting minimises: where it starts, and how each row pulls its scores. */
export interface Objective {
  readonly link: Link
  /** First scores. */
  readonly base: readonly number[]
  /** Sets pulls and holds of `rows` for score `k`, given the scores of all rows. */
  pull(scores: Float64Array, k: number, rows: Uint32Array, into: ValueStatistic): void
}

export function objectiveOf(data: TreeData): Objective {
  const { task } = data.examples
  if (task === 'multiclass') return classesObjective(data)
  if (task === 'binary') return chanceObjective(data)
  return task === 'count' ? countObjective(data) : valueObjective(data)
}

/** Squared error. */
function valueObjective(data: TreeData): Objective {
  const { weights, examples } = data
  return {
    link: 'value',
    base: [meanLabel(data)],
    pull: (scores, _, rows, { pulls, holds }) => {
      for (const row of rows) {
        pulls[row] = weights[row] * (examples.labels[row] - scores[row])
        holds[row] = weights[row]
      }
    },
  }
}

/** Log loss of a logistic score. */
function chanceObjective(data: TreeData): Objective {
  const { weights, examples } = data
  const share = Math.min(1 - SHARE_MIN, Math.max(SHARE_MIN, meanLabel(data)))
  return {
    link: 'logistic',
    base: [Math.log(share / (1 - share))],
    pull: (scores, _, rows, { pulls, holds }) => {
      for (const row of rows) {
        const chance = 1 / (1 + Math.exp(-scores[row]))
        pulls[row] = weights[row] * (examples.labels[row] - chance)
        holds[row] = weights[row] * Math.max(CURVATURE_MIN, chance * (1 - chance))
      }
    },
  }
}

/** Log loss of softmax scores; the diagonal of the curvature (Friedman 2001, algorithm 6). */
function classesObjective(data: TreeData): Objective {
  const { weights, examples } = data
  const { classes, labels } = examples
  const step = classes / (classes - 1)
  return {
    link: 'softmax',
    base: Array.from(classShares(data), (share) => Math.log(Math.max(SHARE_MIN, share))),
    pull: (scores, k, rows, { pulls, holds }) => {
      for (const row of rows) {
        const chance = chanceOf(scores, row * classes, { k, classes })
        pulls[row] = weights[row] * ((labels[row] === k ? 1 : 0) - chance)
        holds[row] = weights[row] * step * Math.max(CURVATURE_MIN, chance * (1 - chance))
      }
    },
  }
}

/** Negative log likelihood of a Poisson count with a logarithmic link. */
function countObjective(data: TreeData): Objective {
  const { weights, examples } = data
  return {
    link: 'exponential',
    base: [Math.log(Math.max(SHARE_MIN, meanLabel(data)))],
    pull: (scores, _, rows, { pulls, holds }) => {
      for (const row of rows) {
        const mean = Math.exp(scores[row])
        pulls[row] = weights[row] * (examples.labels[row] - mean)
        holds[row] = weights[row] * Math.max(CURVATURE_MIN, mean * Math.exp(COUNT_STEP))
      }
    },
  }
}

function chanceOf(
  scores: Float64Array,
  at: number,
  { k, classes }: { k: number; classes: number },
): number {
  let sum = 0
  for (let i = 0; i < classes; i++) sum += Math.exp(scores[at + i] - scores[at + k])
  return 1 / sum
}
