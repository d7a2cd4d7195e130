import { LimnError } from '../../../protocol/errors.ts'
import { loadBackend } from '../../backend.ts'
import { networkParameters, type Network } from '../../network.ts'
import { DensePredictor, type DenseFacts } from './dense-predictor.ts'
import { fitDense } from './dense-fit.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Learner, Parameter, SavedPredictor, Task } from '../learner.ts'

const SHARED: Readonly<Record<string, Parameter>> = {
  learningRate: parameter('step of Adam', 0.005, {
    min: 1e-6,
    max: 1,
    grid: [0.001, 0.003, 0.01],
    logarithmic: true,
  }),
  penalty: parameter('L2 penalty on weights', 1e-4, {
    min: 0,
    max: 10,
    grid: [1e-5, 1e-4, 1e-3, 1e-2],
    logarithmic: true,
  }),
  epochs: parameter('most passes over the rows', 60, { min: 1, max: 10_000, whole: true }),
  patience: parameter('passes without a better validation loss before the end', 6, {
    min: 1,
    max: 1_000,
    whole: true,
  }),
  batchRows: parameter('rows a step', 256, { min: 1, max: 65_536, whole: true }),
}

const HIDDEN: Readonly<Record<string, Parameter>> = {
  hidden1: parameter('units of the first hidden layer', 64, {
    min: 1,
    max: 2_048,
    whole: true,
    grid: [16, 32, 64, 128],
    logarithmic: true,
  }),
  hidden2: parameter('units of the second hidden layer; 0 for none', 32, {
    min: 0,
    max: 2_048,
    whole: true,
    grid: [0, 16, 32],
  }),
}

/** Logistic and softmax regression. */
export const logistic: Learner = denseLearner({
  name: 'logistic',
  title: 'Logistic regression',
  tasks: ['binary', 'multiclass'],
  parameters: SHARED,
})

/** Linear regression; of a count, Poisson regression with a logarithmic link. */
export const linear: Learner = denseLearner({
  name: 'linear',
  title: 'Linear regression',
  tasks: ['regression', 'count'],
  parameters: SHARED,
})

/** Multilayer network. */
export const network: Learner = denseLearner({
  name: 'network',
  title: 'Neural network',
  tasks: ['binary', 'multiclass', 'regression', 'count'],
  parameters: { ...SHARED, ...HIDDEN },
})

function denseLearner(shape: Pick<Learner, 'name' | 'title' | 'tasks' | 'parameters'>): Learner {
  const learner: Learner = {
    ...shape,
    form: 'dense',
    async fit(request) {
      return fitDense(learner, checkRequest(learner, request), request)
    },
    async load(saved) {
      return loadDense(shape.name, shape.tasks, saved)
    },
  }
  return learner
}

async function loadDense(
  name: string,
  tasks: readonly Task[],
  saved: SavedPredictor,
): Promise<DensePredictor> {
  const facts = saved.description as unknown as DenseFacts
  const { sizes, task } = facts
  const whole = Array.isArray(sizes) && sizes.length >= 2 && sizes.every(Number.isInteger)
  if (!whole || !tasks.includes(task)) throw corrupt(name, 'its description is not a network')
  const bytes = 4 * networkParameters(sizes)
  if (saved.bytes.length !== bytes) {
    throw corrupt(name, `${saved.bytes.length} bytes of weights where ${bytes} were saved`)
  }
  const backend = sizes.length > 2 ? await loadBackend() : null
  return new DensePredictor(name, networkOf(sizes, saved.bytes), { facts, backend })
}

function networkOf(sizes: readonly number[], bytes: Uint8Array): Network {
  const floats = new Float32Array(bytes.slice().buffer)
  const weights: Float32Array[] = []
  const biases: Float32Array[] = []
  let at = 0
  for (let layer = 0; layer < sizes.length - 1; layer++) {
    weights.push(floats.slice(at, (at += sizes[layer] * sizes[layer + 1])))
    biases.push(floats.slice(at, (at += sizes[layer + 1])))
  }
  return { sizes, weights, biases }
}

function corrupt(name: string, why: string): LimnError {
  return new LimnError('ERR_MODEL_CORRUPT', `the ${name} model is damaged: ${why}`)
}
