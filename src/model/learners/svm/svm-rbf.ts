import { KernelRows } from './kernel-rows.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { Pace } from '../pace.ts'
import { takeRows } from '../row-values.ts'
import { optimise } from './sequential-optimisation.ts'
import type { DualProblem, DualSolution } from './sequential-optimisation.ts'
import { divideRows, machinesOf } from './svm-data.ts'
import type { MachineRows } from './svm-data.ts'
import { calibrate } from './fit-sigmoid.ts'
import { svmTask } from './svm-data.ts'
import { decideWith, loadSvmRbf, svmRbfPredictor } from './svm-rbf-predictor.ts'

/**
 * Support vector machine with the kernel `e^(-gamma × squared distance)`. Of more than two classes, one
 * machine for each against the others. Decisions become probabilities on a fifth of the rows that is
 * held back (Platt). Time to predict grows with the number of support vectors, which `describe()` gives.
 */
export const svmRbf: Learner = {
  name: 'svm_rbf',
  title: 'Support vector machine with a Gaussian kernel',
  tasks: ['binary', 'multiclass', 'regression'],
  form: 'dense',
  parameters: {
    cost: parameter('Price of an error: the higher, the closer to the training rows', 1, {
      min: 1e-6,
      max: 1e6,
      grid: [0.1, 1, 10, 100],
      logarithmic: true,
    }),
    gamma: parameter(
      'The higher, the nearer a row must be to count; 0: 1 / (inputs × their mean variance)',
      0,
      { min: 0, max: 1e4, grid: [0.003, 0.01, 0.03, 0.1, 0.3], logarithmic: true },
    ),
    tube: parameter('Errors below this, in standard deviations of the value, cost nothing', 0.1, {
      min: 0,
      max: 10,
      grid: [0, 0.05, 0.1, 0.2],
    }),
    rowsMax: parameter('Rows used at most, drawn from all; time grows with their square', 10_000, {
      min: 10,
      max: 50_000,
      whole: true,
    }),
    rounds: parameter('Rounds of a machine, at most', 1_000_000, {
      min: 1,
      max: 1e9,
      whole: true,
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(svmRbf, request)
    const divided = divideRows(request, parameters.rowsMax)
    const problems = machinesOf(divided)
    const pace = new Pace(request, problems.length)
    const { rows, width } = divided.fitted
    const gamma = parameters.gamma > 0 ? parameters.gamma : gammaOf(rows, width)
    const kernel = new KernelRows(rows, width, gamma)
    const solutions: DualSolution[] = []
    for (const problem of problems) {
      const dual = dualOf(problem, parameters, divided.fitted.classes === 0)
      const options = { roundsMax: parameters.rounds, pace, before: solutions.length }
      solutions.push(await optimise(dual, kernel, options))
    }
    const arrays = keepVectors(rows, width, solutions)
    const shape = { width, gamma, vectors: arrays.vectors.length / width }
    const decide = decideWith(shape, arrays)
    const sigmoids = await calibrate(divided, { machines: solutions.length, decide, pace })
    pace.finish()
    const facts = {
      ...shape,
      task: svmTask(divided),
      machines: solutions.length,
      rows: request.training.count,
      rowsUsed: divided.used,
      supportVectors: solutions.map(({ duals }) => duals.filter((dual) => dual !== 0).length),
      centre: divided.centre,
      scale: divided.scale,
      sigmoids,
      converged: solutions.every(({ converged }) => converged),
      rounds: solutions.reduce((sum, { rounds }) => sum + rounds, 0),
      parameters,
    }
    return svmRbfPredictor({ facts, arrays })
  },

  load: loadSvmRbf,
}

function gammaOf(rows: Float32Array, width: number): number {
  let sum = 0
  let squares = 0
  for (const value of rows) {
    sum += value
    squares += value * value
  }
  const variance = squares / rows.length - (sum / rows.length) ** 2
  return 1 / (width * (variance > 0 && Number.isFinite(variance) ? variance : 1))
}

function dualOf(
  { count, targets, weights }: MachineRows,
  { cost, tube }: Readonly<Record<string, number>>,
  values: boolean,
): DualProblem {
  return {
    count,
    targets,
    upper: weights.map((weight, i) => (values || targets[i] > 0 ? cost * weight : 0)),
    lower: weights.map((weight, i) => (values || targets[i] < 0 ? cost * weight : 0)),
    tube: values ? tube : 0,
  }
}

/** The rows that are support vectors of any machine, and each machine's duals of them. */
function keepVectors(rows: Float32Array, width: number, solutions: readonly DualSolution[]) {
  const all = Array.from({ length: rows.length / width }, (_, row) => row)
  const kept = all.filter((row) => solutions.some(({ duals }) => duals[row] !== 0))
  return {
    vectors: takeRows(rows, width, Uint32Array.from(kept)),
    duals: Float64Array.from(solutions.flatMap(({ duals }) => kept.map((row) => duals[row]))),
    offsets: Float64Array.from(solutions, ({ offset }) => offset),
  }
}
