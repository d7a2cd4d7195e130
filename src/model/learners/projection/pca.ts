import { Type } from 'typebox'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { findAxes, project } from './principal-axes.ts'
import { readRow } from '../row-values.ts'
import { PARAMETERS, loadModel, saveModel, size } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'

/** Inputs told of each axis: those with the largest parts. */
const LOADINGS_SHOWN = 5

const FACTS = Type.Object({
  names: Type.Array(Type.String()),
  components: size(1),
  rows: size(1),
  variance: Type.Number(),
  parameters: PARAMETERS,
})
const ARRAYS = { mean: 'f64', axes: 'f64', variances: 'f64' } as const
const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'pca',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ names: { length: width }, components }) => {
    return { mean: width, axes: components * width, variances: components }
  },
}

/**
 * Principal components: the directions in which the rows differ most. `describe()` gives the variance
 * of each, its share of the whole, their running sum, and the inputs that make it. The importance of an
 * input is its share of the variance that the components hold.
 */
export const pca: Learner = {
  name: 'pca',
  title: 'Principal components',
  tasks: ['projection'],
  form: 'dense',
  parameters: {
    components: parameter('Number of components, at most as many as inputs', 2, {
      min: 1,
      max: 1_000,
      whole: true,
      grid: [2, 3, 5, 10],
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(pca, request)
    const { training } = request
    const pace = new Pace(request, training.count)
    const found = await findAxes(training, parameters.components, (rows) => pace.reached(rows))
    const { variance, mean, axes, variances } = found
    pace.finish()
    const { names, count: rows } = training
    const facts = { names: [...names], components: variances.length, rows, variance, parameters }
    return open({ facts, arrays: { mean, axes, variances } })
  },

  async load(saved) {
    return open(loadModel(FORMAT, saved))
  },
}

type Model = KeptModel<typeof FACTS, typeof ARRAYS>

function open(model: Model): Predictor {
  const { names, components } = model.facts
  const width = names.length
  const row = new Float64Array(width)
  return {
    learner: pca.name,
    task: 'projection',
    width,
    outputs: components,
    predict(rows, count, out) {
      for (let i = 0; i < count; i++) {
        readRow(rows, i * width, row)
        project(row, model.arrays, { out, at: i * components })
      }
    },
    save: () => saveModel(FORMAT, model),
    describe: () => describe(model),
    importance: () => importance(model),
    dispose: () => undefined,
  }
}

function describe({
  facts,
  arrays: { axes, variances },
}: Model): Readonly<Record<string, unknown>> {
  const { names, components, rows, variance, parameters } = facts
  let sum = 0
  const axesFound = Array.from(variances, (own, i) => {
    sum += own
    const loadings = Array.from(axes.subarray(i * names.length, (i + 1) * names.length))
    const largest = names
      .map((input, j) => ({ input, loading: loadings[j] }))
      .sort((a, b) => Math.abs(b.loading) - Math.abs(a.loading))
      .slice(0, LOADINGS_SHOWN)
    return {
      variance: own,
      share: shareOf(own, variance),
      running: shareOf(sum, variance),
      largest,
    }
  })
  return { components, rows, variance, axes: axesFound, parameters }
}

function shareOf(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}

function importance({ facts, arrays: { axes, variances } }: Model): Float32Array | null {
  const width = facts.names.length
  const held = variances.reduce((sum, own) => sum + own, 0)
  if (held === 0) return null
  const shares = new Float64Array(width)
  axes.forEach((part, i) => {
    shares[i % width] += (part * part * variances[Math.floor(i / width)]) / held
  })
  return Float32Array.from(shares)
}
