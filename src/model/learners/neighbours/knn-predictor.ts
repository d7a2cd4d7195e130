import { Type } from 'typebox'
import type { Parameters, Predictor, SavedPredictor } from '../predictor.ts'
import { NearestRows } from './nearest-rows.ts'
import { readRow } from '../row-values.ts'
import {
  PARAMETERS,
  loadModel,
  saveModel,
  size,
  type KeptModel,
  type ModelFormat,
} from '../saved-model.ts'

const FACTS = Type.Object({
  task: Type.Union([
    Type.Literal('binary'),
    Type.Literal('multiclass'),
    Type.Literal('regression'),
  ]),
  width: size(1),
  classes: size(),
  rows: size(1),
  rowsKept: size(1),
  leaveOneOut: Type.Object({
    rows: size(),
    accuracy: Type.Number(),
    meanSquaredError: Type.Number(),
  }),
  parameters: PARAMETERS,
})

const ARRAYS = { rows: 'f32', labels: 'f32', weights: 'f32', prior: 'f64' } as const

const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'knn',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ width, classes, rowsKept }) => {
    return {
      rows: rowsKept * width,
      labels: rowsKept,
      weights: rowsKept,
      prior: Math.max(1, classes),
    }
  },
}

export type Model = KeptModel<typeof FACTS, typeof ARRAYS>

/** Asks the neighbours of one row; `answer` has the share of each class, or the mean. */
export class Votes {
  private readonly model: Model
  private readonly nearest: NearestRows
  readonly answer: Float64Array

  constructor(model: Model) {
    const { facts, arrays } = model
    this.model = model
    this.nearest = new NearestRows(arrays.rows, facts.width, facts.parameters.neighbours)
    this.answer = new Float64Array(Math.max(1, facts.classes))
  }

  /** Without the row `except`; -1: with all. */
  ask(row: Float64Array, except: number): void {
    const { facts, arrays } = this.model
    const { nearest, answer } = this
    nearest.find(row, except)
    const priorVotes = facts.classes > 0 ? 1 : 0
    for (let i = 0; i < answer.length; i++) answer[i] = priorVotes * arrays.prior[i]
    let total = priorVotes
    const scale = meanWeight(nearest, facts.parameters)
    for (let i = 0; i < nearest.found; i++) {
      const neighbour = nearest.rows[i]
      const vote =
        (arrays.weights[neighbour] * closeness(nearest.squared[i], facts.parameters)) / scale
      total += vote
      if (facts.classes > 0) answer[arrays.labels[neighbour]] += vote
      else answer[0] += vote * arrays.labels[neighbour]
    }
    if (total > 0) for (let i = 0; i < answer.length; i++) answer[i] /= total
    else answer.set(arrays.prior)
  }
}

const DISTANCE_MIN = 1e-6

function closeness(squared: number, { nearer }: Parameters): number {
  return nearer === 0 ? 1 : 1 / (DISTANCE_MIN + Math.sqrt(squared))
}

/** So that votes are one on the average, however far the neighbours are. */
function meanWeight({ squared, found }: NearestRows, parameters: Parameters): number {
  let sum = 0
  for (let i = 0; i < found; i++) sum += closeness(squared[i], parameters)
  return found > 0 ? sum / found : 1
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export async function loadKnn(saved: SavedPredictor): Promise<Predictor> {
  return knnPredictor(loadModel(FORMAT, saved))
}

export function knnPredictor(model: Model): Predictor {
  const { task, width, classes, rows: rowsSeen, rowsKept, leaveOneOut, parameters } = model.facts
  const votes = new Votes(model)
  const outputs = task === 'multiclass' ? classes : 1
  const row = new Float64Array(width)
  const score =
    classes > 0
      ? { accuracy: leaveOneOut.accuracy }
      : { meanSquaredError: leaveOneOut.meanSquaredError }
  return {
    learner: FORMAT.learner,
    task,
    width,
    outputs,
    predict(rows, count, out) {
      for (let i = 0; i < count; i++) {
        readRow(rows, i * width, row)
        votes.ask(row, -1)
        if (task === 'binary') out[i] = votes.answer[1]
        else out.set(votes.answer, i * outputs)
      }
    },
    save: () => saveModel(FORMAT, model),
    describe: () => ({
      rows: rowsSeen,
      rowsKept,
      leaveOneOut: { rows: leaveOneOut.rows, ...score },
      parameters,
    }),
    importance: () => null,
    dispose: () => undefined,
  }
}
