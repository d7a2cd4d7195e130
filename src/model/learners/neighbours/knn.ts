import { Type } from 'typebox'
import { Random } from '../../random.ts'
import { drawRows } from '../draw-rows.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Examples, FitRequest, Learner, Parameters, Predictor } from '../learner.ts'
import { NearestRows } from './nearest-rows.ts'
import { Pace } from '../pace.ts'
import { readRow, takeRows } from '../row-values.ts'
import { PARAMETERS, loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'

/** Kept rows that are predicted from the others, to say how well that goes. */
const ROWS_LEFT_OUT = 500

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
type Model = KeptModel<typeof FACTS, typeof ARRAYS>

/**
 * Nearest neighbours, exact: all kept rows are compared, and of equally near ones the earlier is taken.
 * A class's probability is its share of the neighbours' votes with one vote more that is divided as the
 * classes are in the training rows, so that none is 0 or 1. `describe()` says how well kept rows are
 * predicted from the others.
 */
export const knn: Learner = {
  name: 'knn',
  title: 'Nearest neighbours',
  tasks: ['binary', 'multiclass', 'regression'],
  form: 'dense',
  parameters: {
    neighbours: parameter('Rows asked', 25, {
      min: 1,
      max: 1_000,
      whole: true,
      grid: [5, 10, 25, 50, 100],
      logarithmic: true,
    }),
    nearer: parameter('Votes: 0 all alike, 1 in inverse proportion to the distance', 1, {
      min: 0,
      max: 1,
      whole: true,
      grid: [0, 1],
    }),
    rowsMax: parameter(
      'Rows kept at most, drawn from all; time to predict grows with them',
      20_000,
      {
        min: 10,
        max: 200_000,
        whole: true,
      },
    ),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(knn, request)
    const { training, seed } = request
    const { width, classes, count } = training
    const chosen = drawRows(count, parameters.rowsMax, new Random(seed))
    const arrays = {
      rows: takeRows(training.rows, width, chosen),
      labels: takeRows(training.labels, 1, chosen),
      weights: Float32Array.from(chosen, (row) => training.weights?.[row] ?? 1),
      prior: priorOf(training),
    }
    const facts = {
      task: supervised(training),
      width,
      classes,
      rows: count,
      rowsKept: chosen.length,
      leaveOneOut: { rows: 0, accuracy: 0, meanSquaredError: 0 },
      parameters,
    }
    const pace = new Pace(request, Math.min(ROWS_LEFT_OUT, chosen.length))
    const leaveOneOut = await judge({ facts, arrays }, pace)
    pace.finish()
    return open({ facts: { ...facts, leaveOneOut }, arrays })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

function supervised({ task }: Examples): Model['facts']['task'] {
  return task === 'binary' || task === 'multiclass' ? task : 'regression'
}

/** Share of each class, or the mean. */
function priorOf({ labels, weights, classes }: Examples): Float64Array {
  const prior = new Float64Array(Math.max(1, classes))
  let total = 0
  labels.forEach((label, row) => {
    const weight = weights?.[row] ?? 1
    total += weight
    if (classes > 0) prior[label] += weight
    else prior[0] += weight * label
  })
  return prior.map((sum) => sum / total)
}

/** Asks the neighbours of one row; `answer` has the share of each class, or the mean. */
class Votes {
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

async function judge(model: Model, pace: Pace): Promise<Model['facts']['leaveOneOut']> {
  const { facts, arrays } = model
  const { width, rowsKept, classes } = facts
  const votes = new Votes(model)
  const row = new Float64Array(width)
  const step = Math.ceil(rowsKept / ROWS_LEFT_OUT)
  let rows = 0
  let right = 0
  let error = 0
  for (let i = 0; i < rowsKept && rowsKept > 1 && (await pace.reached(rows)); i += step) {
    readRow(arrays.rows, i * width, row)
    votes.ask(row, i)
    rows++
    const label = arrays.labels[i]
    if (classes === 0) error += (votes.answer[0] - label) ** 2
    else if (votes.answer.indexOf(Math.max(...votes.answer)) === label) right++
  }
  return { rows, accuracy: right / Math.max(1, rows), meanSquaredError: error / Math.max(1, rows) }
}

function open(model: Model): Predictor {
  const { task, width, classes, rows: rowsSeen, rowsKept, leaveOneOut, parameters } = model.facts
  const votes = new Votes(model)
  const outputs = task === 'multiclass' ? classes : 1
  const row = new Float64Array(width)
  const score =
    classes > 0
      ? { accuracy: leaveOneOut.accuracy }
      : { meanSquaredError: leaveOneOut.meanSquaredError }
  return {
    learner: knn.name,
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
