import { LimnError } from '../../../protocol/errors.ts'
import { Type } from 'typebox'
import type { Predictor, SavedPredictor } from '../predictor.ts'
import { loadModel, saveModel, type KeptModel, type ModelFormat } from '../saved-model.ts'
import { SVM_FACTS, sigmoidsFit, svmOutputs, type Decide } from './svm-outputs.ts'

const FACTS = Type.Object(SVM_FACTS)

const ARRAYS = { weights: 'f64' } as const

const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'svm_linear',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ width, machines }) => ({ weights: machines * (width + 1) }),
}

type Model = KeptModel<typeof FACTS, typeof ARRAYS>

export function decideWith(weights: Float64Array, width: number): Decide {
  return (row, decisions) => {
    for (let machine = 0, at = 0; machine < decisions.length; machine++, at += width + 1) {
      let sum = weights[at + width]
      for (let i = 0; i < width; i++) sum += weights[at + i] * row[i]
      decisions[machine] = sum
    }
  }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export async function loadSvmLinear(saved: SavedPredictor): Promise<Predictor> {
  const model = loadModel(FORMAT, saved)
  if (sigmoidsFit(model.facts)) return svmLinearPredictor(model)
  throw new LimnError('ERR_MODEL_CORRUPT', 'the model of svm_linear has too few sigmoids')
}

export function svmLinearPredictor(model: Model): Predictor {
  const { facts, arrays } = model
  const { task, width, machines, rows, supportVectors, converged, parameters } = facts
  return {
    learner: FORMAT.learner,
    task,
    width,
    outputs: machines,
    predict: svmOutputs(facts, decideWith(arrays.weights, width)),
    save: () => saveModel(FORMAT, model),
    describe: () => ({ rows, machines, supportVectors, converged, parameters }),
    importance: () => importance(arrays.weights, width),
    dispose: () => undefined,
  }
}

/** Inputs have variance 1, so that the sizes of their weights compare. */
function importance(weights: Float64Array, width: number): Float32Array | null {
  const sizes = new Float64Array(width)
  weights.forEach((weight, i) => {
    const input = i % (width + 1)
    if (input < width) sizes[input] += Math.abs(weight)
  })
  const total = sizes.reduce((sum, size) => sum + size, 0)
  return total > 0 ? Float32Array.from(sizes, (size) => size / total) : null
}
