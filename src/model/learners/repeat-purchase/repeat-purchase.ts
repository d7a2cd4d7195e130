import { LimnError } from '../../../protocol/errors.ts'
import { inUnit, meanAge, readCustomers, weightedSum } from './customers.ts'
import type { Customers } from './customers.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Examples, FitRequest, Learner } from '../learner.ts'
import type { SavedPredictor } from '../predictor.ts'
import { nelderMead } from './nelder-mead.ts'
import type { Minimum } from './nelder-mead.ts'
import {
  PURCHASE_INPUTS,
  type RepeatPurchaseModel,
  type RepeatPurchasePredictor,
  PurchasePredictor,
  loadPurchases,
} from './purchase-predictor.ts'
import { BG_NBD } from './bg-nbd.ts'
import { PARETO_NBD } from './pareto-nbd.ts'

export interface RepeatPurchaseLearner extends Learner {
  fit(request: FitRequest): Promise<RepeatPurchasePredictor>
  load(saved: SavedPredictor): Promise<RepeatPurchasePredictor>
}

/** Logarithms of parameters, for customers of age 1 on average. */
const LOG_PARAMETER_MAX = 12
const OUTSIDE_PENALTY = 1e3
const SCOUT_EVALUATIONS = 80
const EVALUATIONS_MAX = 800
const TOLERANCE = 1e-10
const YIELD_MS = 20
const RATE_MIN = 1e-6

/**
 * A learner that fits the model by maximum likelihood to inputs named `frequency`, `recency` and
 * `age`, and predicts the purchases expected in the next `horizon`, in the inputs' unit of time.
 * Labels are not looked at. Fitting starts from several points and goes on from the best.
 */
export function repeatPurchaseLearner(model: RepeatPurchaseModel): RepeatPurchaseLearner {
  const learner: RepeatPurchaseLearner = {
    name: model.name,
    title: model.title,
    tasks: ['count'],
    form: 'raw',
    parameters: {
      horizon: parameter('time ahead to predict, in the unit of recency and age', 90, {
        min: 1e-6,
        max: 1e6,
        logarithmic: true,
      }),
    },
    async fit(request) {
      const { horizon } = checkRequest(learner, request)
      const columns = findColumns(learner, request.training)
      const customers = readCustomers(request.training, columns, request.seed)
      const unit = meanAge(customers)
      const best = await maximise(model, inUnit(customers, unit), request)
      if (!Number.isFinite(best.value)) {
        throw new LimnError('ERR_MODEL_DIVERGED', `${model.name}: no parameters fit the customers`)
      }
      const numbers = best.point.map((log, i) => {
        return Math.exp(log) * (model.times.includes(model.names[i]) ? unit : 1)
      })
      const { width } = request.training
      const logLikelihood = logLikelihoodOf(model, customers, numbers)
      const rows = request.training.count
      return new PurchasePredictor(model, { width, columns, numbers, horizon, logLikelihood, rows })
    },
    load: (saved) => loadPurchases(model, saved),
  }
  return learner
}

function findColumns(learner: Learner, { names }: Examples): number[] {
  return PURCHASE_INPUTS.map((name) => {
    const column = names.indexOf(name)
    if (column >= 0) return column
    const message = `${learner.name} needs the inputs ${PURCHASE_INPUTS.join(', ')}; "${name}" is not there`
    throw new LimnError('ERR_LEARNER_INPUT', message)
  })
}

function logLikelihoodOf(
  model: RepeatPurchaseModel,
  { x, recency, age, weight }: Customers,
  numbers: readonly number[],
): number {
  const functions = model.at(numbers)
  let sum = 0
  for (let i = 0; i < x.length; i++) {
    sum += weight[i] * functions.logLikelihood(x[i], recency[i], age[i])
  }
  return sum
}

/** Logarithms of the most likely parameters: a short search from each start, a long one from the best. */
async function maximise(
  model: RepeatPurchaseModel,
  customers: Customers,
  { signal, progress }: FitRequest,
): Promise<Minimum> {
  let yielded = performance.now()
  let evaluations = 0
  const objective = (logs: readonly number[]): number => {
    evaluations++
    return -penalised(model, customers, logs)
  }
  const pause = async (): Promise<boolean> => {
    if (performance.now() - yielded > YIELD_MS) {
      await new Promise((resolve) => setImmediate(resolve))
      yielded = performance.now()
      progress?.({ done: Math.min(evaluations, total), total, loss: null })
    }
    return signal?.aborted === true
  }
  const rate =
    weightedSum(customers.x, customers.weight) / weightedSum(customers.age, customers.weight)
  const starts = model.starts(Math.max(rate || 0, RATE_MIN))
  const total = starts.length * SCOUT_EVALUATIONS + 2 * EVALUATIONS_MAX
  const options = { tolerance: TOLERANCE, pause }
  let best: Minimum | null = null
  for (const start of starts) {
    const scout = { ...options, step: 0.7, evaluationsMax: SCOUT_EVALUATIONS }
    const found = await nelderMead(objective, start.map(Math.log), scout)
    if (best === null || found.value < best.value) best = found
  }
  for (const step of [0.2, 0.05]) {
    if (best === null) break
    best = await nelderMead(objective, best.point, {
      ...options,
      step,
      evaluationsMax: EVALUATIONS_MAX,
    })
  }
  progress?.({ done: total, total, loss: null })
  return best ?? { point: [], value: Number.NaN, evaluations }
}

/** Parameters far outside what can be told from data are drawn back inside. */
function penalised(
  model: RepeatPurchaseModel,
  customers: Customers,
  logs: readonly number[],
): number {
  let outside = 0
  const numbers = logs.map((log) => {
    const inside = Math.max(-LOG_PARAMETER_MAX, Math.min(LOG_PARAMETER_MAX, log))
    outside += (log - inside) ** 2
    return Math.exp(inside)
  })
  return logLikelihoodOf(model, customers, numbers) - OUTSIDE_PENALTY * outside
}

export const bgNbd = repeatPurchaseLearner(BG_NBD)

export const paretoNbd = repeatPurchaseLearner(PARETO_NBD)
