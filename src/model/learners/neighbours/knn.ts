import { Random } from '../../random.ts'
import { drawRows } from '../draw-rows.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Examples, FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { readRow, takeRows } from '../row-values.ts'
import { Votes, knnPredictor, loadKnn, type Model } from './knn-predictor.ts'

/** Kept rows that are predicted from the others, to say how well that goes. */
const ROWS_LEFT_OUT = 500

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
    return knnPredictor({ facts: { ...facts, leaveOneOut }, arrays })
  },

  load: loadKnn,
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
