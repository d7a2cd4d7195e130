import { fitDense } from './dense-fit.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Learner, Parameter } from '../learner.ts'
import { loadDense } from './load-dense.ts'

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
