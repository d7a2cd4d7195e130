import { LimnError } from '../../../protocol/errors.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Learner, Parameter } from '../learner.ts'
import type { CellName } from './cell.ts'
import { fitSequence } from './sequence-fit.ts'
import { HIDDEN_MAX, STEPS_MAX, loadSequence } from './sequence-predictor.ts'

const PARAMETERS: Readonly<Record<string, Parameter>> = {
  hidden: parameter('units of the hidden state', 32, {
    min: 1,
    max: HIDDEN_MAX,
    whole: true,
    grid: [16, 32, 64],
    logarithmic: true,
  }),
  learningRate: parameter('step of Adam', 0.005, {
    min: 1e-6,
    max: 1,
    grid: [0.002, 0.005, 0.01],
    logarithmic: true,
  }),
  penalty: parameter('L2 penalty on weights', 1e-5, {
    min: 0,
    max: 10,
    grid: [1e-6, 1e-5, 1e-4, 1e-3],
    logarithmic: true,
  }),
  gradientMax: parameter('longest gradient of a step; a longer one is shortened', 1, {
    min: 1e-6,
    max: 1e6,
  }),
  epochs: parameter('most passes over the rows', 30, { min: 1, max: 10_000, whole: true }),
  patience: parameter('passes without a better validation loss before the end', 4, {
    min: 1,
    max: 1_000,
    whole: true,
  }),
  batchRows: parameter('rows a step', 128, { min: 1, max: 4_096, whole: true }),
}

/** Gated recurrent units over the steps of a row. */
export const gru: Learner = sequenceLearner('gru', 'Gated recurrent unit (GRU)')

/** Long short-term memory over the steps of a row. */
export const lstm: Learner = sequenceLearner('lstm', 'Long short-term memory (LSTM)')

function sequenceLearner(name: CellName, title: string): Learner {
  const learner: Learner = {
    name,
    title,
    tasks: ['binary', 'multiclass', 'regression', 'count'],
    form: 'sequence',
    parameters: PARAMETERS,
    async fit(request) {
      const parameters = checkRequest(learner, request)
      const { steps, width } = request.training
      if (width > 0 && steps <= STEPS_MAX) return fitSequence(name, parameters, request)
      const message = `${name} takes 1 to ${STEPS_MAX} steps of one input or more, not ${steps} of ${width / steps}`
      throw new LimnError('ERR_LEARNER_INPUT', message)
    },
    async load(saved) {
      return loadSequence(name, saved)
    },
  }
  return learner
}
