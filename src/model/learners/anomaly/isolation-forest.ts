import { Type } from 'typebox'
import { Random } from '../../random.ts'
import { WeightedDraw } from '../draw-rows.ts'
import { growIsolationTree, pathLength } from './isolation-tree.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { PARAMETERS, loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'

/** Scores are told of so many training rows. */
const ROWS_SCORED = 10_000
const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999]

const FACTS = Type.Object({
  width: size(1),
  trees: size(),
  sample: size(1),
  nodes: size(),
  rows: size(1),
  scores: Type.Record(Type.String(), Type.Number()),
  parameters: PARAMETERS,
})
const ARRAYS = { values: 'f64', inputs: 'u32', nexts: 'u32', roots: 'u32' } as const
const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'isolation_forest',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ nodes, trees }) => ({ values: nodes, inputs: nodes, nexts: nodes, roots: trees }),
}

/**
 * Isolation forest (Liu, Ting, Zhou 2008): the fewer random cuts set a row apart from a small sample, the
 * higher its score. About 0.5: like the others; towards 1: unlike them. Row weights are chances to be
 * drawn into a sample. `describe()` gives the scores of the training rows at some quantiles, so that a
 * limit can be chosen.
 */
export const isolationForest: Learner = {
  name: 'isolation_forest',
  title: 'Isolation forest',
  tasks: ['anomaly'],
  form: 'dense',
  parameters: {
    trees: parameter('Number of trees', 100, {
      min: 1,
      max: 2_000,
      whole: true,
      grid: [50, 100, 200, 400],
    }),
    sample: parameter('Rows that a tree sees', 256, {
      min: 2,
      max: 65_536,
      whole: true,
      grid: [64, 128, 256, 512, 1_024],
      logarithmic: true,
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(isolationForest, request)
    const { training, seed } = request
    const { width, count, weights } = training
    const random = new Random(seed)
    const draw = new WeightedDraw(count, weights)
    const pace = new Pace(request, parameters.trees)
    const sample = Math.min(parameters.sample, count)
    const tree = { values: [], inputs: [], nexts: [] }
    const roots: number[] = []
    do {
      const rows = draw.drawDistinct(sample, random)
      roots.push(growIsolationTree(tree, { ...training, chosen: rows }, random))
    } while (roots.length < parameters.trees && (await pace.reached(roots.length)))
    pace.finish()
    const arrays = {
      values: Float64Array.from(tree.values),
      inputs: Uint32Array.from(tree.inputs),
      nexts: Uint32Array.from(tree.nexts),
      roots: Uint32Array.from(roots),
    }
    const { length: nodes } = tree.values
    const facts = { width, trees: roots.length, sample, nodes, rows: count, scores: {}, parameters }
    const scores = quantilesOf(open({ facts, arrays }), training)
    return open({ facts: { ...facts, scores }, arrays })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

function quantilesOf(
  predictor: Predictor,
  { rows, count, width }: FitRequest['training'],
): Record<string, number> {
  const step = Math.ceil(count / ROWS_SCORED)
  const scores = new Float32Array(Math.ceil(count / step))
  for (let i = 0; i < scores.length; i++) {
    const at = i * step * width
    predictor.predict(rows.subarray(at, at + width), 1, scores.subarray(i, i + 1))
  }
  scores.sort()
  const last = scores.length - 1
  return Object.fromEntries(
    QUANTILES.map((share) => [`${share}`, scores[Math.floor(share * last)]]),
  )
}

function open(model: KeptModel<typeof FACTS, typeof ARRAYS>): Predictor {
  const { arrays, facts } = model
  const { width, sample, ...found } = facts
  const usual = arrays.roots.length * pathLength(sample)
  return {
    learner: isolationForest.name,
    task: 'anomaly',
    width,
    outputs: 1,
    predict(rows, count, out) {
      out.fill(0, 0, count)
      const lengths = new Float64Array(count)
      for (const root of arrays.roots) addLengths(arrays, root, { rows, width, lengths })
      for (let i = 0; i < count; i++) out[i] = usual > 0 ? 2 ** (-lengths[i] / usual) : 0.5
    },
    save: () => saveModel(FORMAT, model),
    describe: () => ({ ...found, sample, usualPath: pathLength(sample) }),
    importance: () => null,
    dispose: () => undefined,
  }
}

/** One tree over all rows, so that its nodes stay in the processor's cache. */
function addLengths(
  { values, inputs, nexts }: KeptModel<typeof FACTS, typeof ARRAYS>['arrays'],
  root: number,
  { rows, width, lengths }: { rows: Float32Array; width: number; lengths: Float64Array },
): void {
  for (let i = 0, at = 0; i < lengths.length; i++, at += width) {
    let node = root
    while (nexts[node] !== 0) {
      node = rows[at + inputs[node]] < values[node] ? nexts[node] : nexts[node] + 1
    }
    lengths[i] += values[node]
  }
}
