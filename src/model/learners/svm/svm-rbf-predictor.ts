import { LimnError } from '../../../protocol/errors.ts'
import { Type } from 'typebox'
import { squaresOf, productsWith } from '../row-values.ts'
import type { Predictor, SavedPredictor } from '../predictor.ts'
import { loadModel, saveModel, size, type KeptModel, type ModelFormat } from '../saved-model.ts'
import { SVM_FACTS, sigmoidsFit, svmOutputs, type Decide } from './svm-outputs.ts'

const FACTS = Type.Object({
  ...SVM_FACTS,
  rowsUsed: size(1),
  gamma: Type.Number({ exclusiveMinimum: 0 }),
  vectors: size(),
  rounds: size(0, Number.MAX_SAFE_INTEGER),
})

const ARRAYS = { vectors: 'f32', duals: 'f64', offsets: 'f64' } as const

const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'svm_rbf',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ width, machines, vectors }) => {
    return { vectors: vectors * width, duals: machines * vectors, offsets: machines }
  },
}

type Model = KeptModel<typeof FACTS, typeof ARRAYS>

export function decideWith(
  { width, gamma, vectors: count }: { width: number; gamma: number; vectors: number },
  { vectors, duals, offsets }: Model['arrays'],
): Decide {
  const data = Float64Array.from(vectors)
  const squares = squaresOf(data, width)
  const products = new Float64Array(count)
  return (row, decisions) => {
    let own = 0
    for (let i = 0; i < width; i++) own += row[i] * row[i]
    decisions.set(offsets)
    productsWith(row, data, products)
    for (let vector = 0; vector < count; vector++) {
      const squared = own + squares[vector] - 2 * products[vector]
      const kernel = Math.exp(-gamma * Math.max(0, squared))
      for (let machine = 0; machine < decisions.length; machine++) {
        decisions[machine] += duals[machine * count + vector] * kernel
      }
    }
  }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export async function loadSvmRbf(saved: SavedPredictor): Promise<Predictor> {
  const model = loadModel(FORMAT, saved)
  if (sigmoidsFit(model.facts)) return svmRbfPredictor(model)
  throw new LimnError('ERR_MODEL_CORRUPT', 'the model of svm_rbf has too few sigmoids')
}

export function svmRbfPredictor(model: Model): Predictor {
  const { facts, arrays } = model
  const { task, width, machines, rows, rowsUsed, supportVectors } = facts
  const { gamma, converged, rounds, parameters } = facts
  const found = { rows, rowsUsed, machines, supportVectors, vectors: facts.vectors, gamma }
  return {
    learner: FORMAT.learner,
    task,
    width,
    outputs: machines,
    predict: svmOutputs(facts, decideWith(facts, arrays)),
    save: () => saveModel(FORMAT, model),
    describe: () => ({ ...found, converged, rounds, parameters }),
    importance: () => null,
    dispose: () => undefined,
  }
}
