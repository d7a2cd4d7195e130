import { Type } from 'typebox'
import { LimnError } from '../../../protocol/errors.ts'
import { Random } from '../../random.ts'
import { findAffinities } from './affinities.ts'
import { drawRows } from '../draw-rows.ts'
import { embed } from './embedding.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { NearestRows } from '../neighbours/nearest-rows.ts'
import { Pace } from '../pace.ts'
import { findAxes, project } from './principal-axes.ts'
import { readRow, takeRows } from '../row-values.ts'
import { PARAMETERS, loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'

/** A new row goes where these are, the nearer ones counting more. */
const PLACED_BY = 5
const ROWS_MIN = 4
const START_SPREAD = 1e-4
const START_NOISE = 1e-6
const DISTANCE_MIN = 1e-9

const FACTS = Type.Object({
  width: size(1),
  rows: size(1),
  rowsUsed: size(1),
  perplexity: Type.Number(),
  divergence: Type.Number(),
  rounds: size(),
  parameters: PARAMETERS,
})
const ARRAYS = { rows: 'f32', places: 'f32' } as const
const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'tsne',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ width, rowsUsed }) => ({ rows: rowsUsed * width, places: 2 * rowsUsed }),
}
type Model = KeptModel<typeof FACTS, typeof ARRAYS>

/**
 * t-SNE: a plane in which rows lie near those that they are like. Distances between groups mean little.
 * The method places no other rows than those it is fitted on; new rows are put at the mean place of the
 * five fitted rows nearest to them, by the inverse of their squared distances. Starts from the
 * first two principal components. Row weights are not used. `describe()` gives the Kullback-Leibler
 * divergence.
 */
export const tsne: Learner = {
  name: 'tsne',
  title: 't-SNE map',
  tasks: ['projection'],
  form: 'dense',
  parameters: {
    perplexity: parameter('About how many neighbours a row has; a third of the rows at most', 30, {
      min: 1,
      max: 1_000,
      grid: [5, 15, 30, 50, 100],
    }),
    rounds: parameter('Rounds of gradient descent', 750, {
      min: 1,
      max: 10_000,
      whole: true,
      grid: [500, 750, 1_000],
    }),
    rowsMax: parameter('Rows used at most, drawn from all', 2_000, {
      min: ROWS_MIN,
      max: 20_000,
      whole: true,
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(tsne, request)
    const { training, seed } = request
    const { width, count } = training
    if (count < ROWS_MIN) {
      throw new LimnError('ERR_DATASET_EMPTY', `tsne needs ${ROWS_MIN} rows, not ${count}`)
    }
    const random = new Random(seed)
    const chosen = drawRows(count, parameters.rowsMax, random)
    const rows = takeRows(training.rows, width, chosen)
    const perplexity = Math.max(1, Math.min(parameters.perplexity, (chosen.length - 1) / 3))
    const pace = new Pace(request, chosen.length + parameters.rounds)
    const places = await startingPlaces({ rows, width }, random, pace)
    const affinities = await findAffinities({ rows, width }, perplexity, pace)
    const { divergence, rounds } = await embed(places, affinities, {
      rounds: parameters.rounds,
      pace,
      before: chosen.length,
    })
    pace.finish(divergence)
    if (!places.every(Number.isFinite)) {
      throw new LimnError('ERR_MODEL_DIVERGED', 'tsne: places are no longer finite')
    }
    const found = { perplexity, divergence, rounds }
    const facts = { width, rows: count, rowsUsed: chosen.length, ...found, parameters }
    return open({ facts, arrays: { rows, places: Float32Array.from(places) } })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

/** x, y of each row: its first components, close together, and a little noise for rows that are equal. */
async function startingPlaces(
  { rows, width }: { readonly rows: Float32Array; readonly width: number },
  random: Random,
  pace: Pace,
): Promise<Float64Array> {
  const count = rows.length / width
  const axes = await findAxes({ rows, width, count, weights: null }, 2, () => pace.reached(0))
  const dimensions = axes.variances.length
  const row = new Float64Array(width)
  const own = new Float64Array(dimensions)
  const scale = axes.variances[0] > 0 ? START_SPREAD / Math.sqrt(axes.variances[0]) : 0
  const places = new Float64Array(2 * count)
  for (let i = 0; i < count; i++) {
    readRow(rows, i * width, row)
    project(row, axes, { out: own, at: 0 })
    for (let axis = 0; axis < 2; axis++) {
      const component = axis < dimensions ? own[axis] : 0
      places[2 * i + axis] = scale * component + START_NOISE * random.normal()
    }
  }
  return places
}

function open(model: Model): Predictor {
  const { rows: fitted, places } = model.arrays
  const { width, ...found } = model.facts
  const nearest = new NearestRows(fitted, width, Math.min(PLACED_BY, found.rowsUsed))
  const row = new Float64Array(width)
  return {
    learner: tsne.name,
    task: 'projection',
    width,
    outputs: 2,
    predict(rows, count, out) {
      for (let i = 0; i < count; i++) {
        readRow(rows, i * width, row)
        nearest.find(row, -1)
        placeAmong(nearest, places, out.subarray(2 * i, 2 * i + 2))
      }
    },
    save: () => saveModel(FORMAT, model),
    describe: () => ({
      ...found,
      newRows: `weighted mean of the ${PLACED_BY} nearest fitted rows`,
    }),
    importance: () => null,
    dispose: () => undefined,
  }
}

function placeAmong(nearest: NearestRows, places: Float32Array, out: Float32Array): void {
  let [x, y, total] = [0, 0, 0]
  for (let i = 0; i < nearest.found; i++) {
    const share = 1 / (DISTANCE_MIN + nearest.squared[i])
    const at = 2 * nearest.rows[i]
    x += share * places[at]
    y += share * places[at + 1]
    total += share
  }
  out[0] = x / total
  out[1] = y / total
}
