import { LimnError } from '../../../protocol/errors.ts'
import { descend } from './dual-descent.ts'
import type { LinearMachine } from './dual-descent.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { divideRows, machinesOf } from './svm-data.ts'
import { calibrate } from './fit-sigmoid.ts'
import { svmTask } from './svm-data.ts'
import { decideWith, loadSvmLinear, svmLinearPredictor } from './svm-linear-predictor.ts'

const ROWS_MAX = 2_000_000

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
    return svmLinearPredictor({ facts, arrays: { weights } })
  },

  load: loadSvmLinear,
}
