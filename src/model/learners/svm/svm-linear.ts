import { Type } from 'typebox'
import { LimnError } from '../../../protocol/errors.ts'
import { descend } from './dual-descent.ts'
import type { LinearMachine } from './dual-descent.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner, Predictor, SavedPredictor } from '../learner.ts'
import { Pace } from '../pace.ts'
import { loadModel, saveModel } from '../saved-model.ts'
import type { KeptModel, ModelFormat } from '../saved-model.ts'
import { divideRows, machinesOf } from './svm-data.ts'
import { SVM_FACTS, calibrate, sigmoidsFit, svmOutputs, svmTask } from './svm-outputs.ts'
import type { Decide } from './svm-outputs.ts'

const ROWS_MAX = 2_000_000

const FACTS = Type.Object(SVM_FACTS)
const ARRAYS = { weights: 'f64' } as const
const FORMAT: ModelFormat<typeof FACTS, typeof ARRAYS> = {
  learner: 'svm_linear',
  facts: FACTS,
  arrays: ARRAYS,
  lengths: ({ width, machines }) => ({ weights: machines * (width + 1) }),
}
type Model = KeptModel<typeof FACTS, typeof ARRAYS>

/**
 * Linear support vector machine. Of more than two classes, one machine for each against the others.
 * Decisions become probabilities on a fifth of the training rows that is held back (Platt). `describe()`
 * gives the support vectors of each machine, and whether it converged.
 */
export const svmLinear: Learner = {
  name: 'svm_linear',
  title: 'Linear support vector machine',
  tasks: ['binary', 'multiclass', 'regression'],
  form: 'dense',
  parameters: {
    cost: parameter('Price of an error: the higher, the closer to the training rows', 0.1, {
      min: 1e-6,
      max: 1e6,
      grid: [0.001, 0.01, 0.1, 1, 10],
      logarithmic: true,
    }),
    tube: parameter('Errors below this, in standard deviations of the value, cost nothing', 0.1, {
      min: 0,
      max: 10,
      grid: [0, 0.05, 0.1, 0.2],
    }),
    passes: parameter('Passes over the rows, at most', 300, { min: 1, max: 100_000, whole: true }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const { cost, tube, passes } = checkRequest(svmLinear, request)
    const parameters = { cost, tube, passes }
    const divided = divideRows(request, ROWS_MAX)
    const problems = machinesOf(divided)
    const pace = new Pace(request, problems.length * passes)
    const machines: LinearMachine[] = []
    for (const [i, problem] of problems.entries()) {
      const options = {
        cost,
        tube: divided.fitted.classes === 0 ? tube : null,
        passesMax: passes,
        seed: request.seed + i,
        passesBefore: i * passes,
      }
      machines.push(await descend(problem, options, pace))
    }
    const { width } = request.training
    const weights = Float64Array.from(machines.flatMap((machine) => [...machine.weights]))
    if (!weights.every(Number.isFinite)) {
      throw new LimnError('ERR_MODEL_DIVERGED', 'svm_linear: weights are no longer finite')
    }
    const decide = decideWith(weights, width)
    const sigmoids = await calibrate(divided, { machines: machines.length, decide, pace })
    pace.finish()
    const facts = {
      task: svmTask(divided),
      width,
      machines: machines.length,
      rows: request.training.count,
      supportVectors: machines.map(({ supportVectors }) => supportVectors),
      centre: divided.centre,
      scale: divided.scale,
      sigmoids,
      converged: machines.every(({ converged }) => converged),
      parameters,
    }
    return open({ facts, arrays: { weights } })
  },

  async load(saved: SavedPredictor) {
    const model = loadModel(FORMAT, saved)
    if (sigmoidsFit(model.facts)) return open(model)
    throw new LimnError('ERR_MODEL_CORRUPT', 'the model of svm_linear has too few sigmoids')
  },
}

function decideWith(weights: Float64Array, width: number): Decide {
  return (row, decisions) => {
    for (let machine = 0, at = 0; machine < decisions.length; machine++, at += width + 1) {
      let sum = weights[at + width]
      for (let i = 0; i < width; i++) sum += weights[at + i] * row[i]
      decisions[machine] = sum
    }
  }
}

function open(model: Model): Predictor {
  const { facts, arrays } = model
  const { task, width, machines, rows, supportVectors, converged, parameters } = facts
  return {
    learner: svmLinear.name,
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
