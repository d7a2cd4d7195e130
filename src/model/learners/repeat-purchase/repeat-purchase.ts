import { LimnError } from '../../../protocol/errors.ts'
import { customerOf, inUnit, meanAge, readCustomers, weightedSum } from './customers.ts'
import type { Customers } from './customers.ts'
import { checkRequest, parameter } from '../learner.ts'
import type { Examples, FitRequest, Learner, Predictor, SavedPredictor } from '../learner.ts'
import { nelderMead } from './nelder-mead.ts'
import type { Minimum } from './nelder-mead.ts'

/** Repeat purchases since the first, time from the first to the last, time since the first. */
export const PURCHASE_INPUTS = ['frequency', 'recency', 'age'] as const

/** Functions of one customer: repeat purchases x, recency and age in one unit of time. */
export interface RepeatPurchaseFunctions {
  logLikelihood(x: number, recency: number, age: number): number
  /** Probability that the customer has not left for ever. */
  alive(x: number, recency: number, age: number): number
  /** Expected purchases in the next `horizon`. */
  expected(x: number, recency: number, age: number, horizon: number): number
}

/** A model of purchases with a few positive parameters, the same for all customers. */
export interface RepeatPurchaseModel {
  readonly name: string
  readonly title: string
  readonly names: readonly string[]
  /** Parameters that are times, in the unit of the inputs. */
  readonly times: readonly string[]
  /** Where to look from, for customers who are of age 1 on average and buy again at `rate`. */
  starts(rate: number): readonly (readonly number[])[]
  at(parameters: readonly number[]): RepeatPurchaseFunctions
}

/** A fitted model of purchases, which also knows who may have left. */
export interface RepeatPurchasePredictor extends Predictor {
  /** Of the model, by name, in the unit of the inputs. */
  readonly fitted: Readonly<Record<string, number>>
  readonly logLikelihood: number
  /** Writes the probability that each of `count` customers is still one. */
  alive(rows: Float32Array, count: number, out: Float32Array): void
}

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
    async load(saved) {
      return new PurchasePredictor(model, decode(model, saved))
    },
  }
  return learner
}

interface PurchaseState {
  readonly width: number
  /** Of frequency, recency and age. */
  readonly columns: readonly number[]
  readonly numbers: readonly number[]
  readonly horizon: number
  readonly logLikelihood: number
  readonly rows: number
}

class PurchasePredictor implements RepeatPurchasePredictor {
  readonly learner: string
  readonly task = 'count'
  readonly width: number
  readonly outputs = 1
  readonly fitted: Readonly<Record<string, number>>
  readonly logLikelihood: number
  private readonly state: PurchaseState
  private readonly functions: RepeatPurchaseFunctions

  constructor(model: RepeatPurchaseModel, state: PurchaseState) {
    this.learner = model.name
    this.width = state.width
    this.logLikelihood = state.logLikelihood
    this.fitted = Object.fromEntries(model.names.map((name, i) => [name, state.numbers[i]]))
    this.state = state
    this.functions = model.at(state.numbers)
  }

  predict(rows: Float32Array, count: number, out: Float32Array): void {
    const { horizon } = this.state
    this.each(rows, count, (row, x, recency, age) => {
      out[row] = this.functions.expected(x, recency, age, horizon)
    })
  }

  alive(rows: Float32Array, count: number, out: Float32Array): void {
    this.each(rows, count, (row, x, recency, age) => {
      out[row] = this.functions.alive(x, recency, age)
    })
  }

  private each(
    rows: Float32Array,
    count: number,
    visit: (row: number, x: number, recency: number, age: number) => void,
  ): void {
    const [frequency, recency, age] = this.state.columns
    for (let row = 0; row < count; row++) {
      const at = row * this.width
      const one = customerOf(rows[at + frequency], rows[at + recency], rows[at + age])
      visit(row, one.x, one.recency, one.age)
    }
  }

  save(): SavedPredictor {
    const { numbers, ...description } = this.state
    const floats = Float64Array.from(numbers)
    return { description, bytes: new Uint8Array(floats.buffer) }
  }

  describe(): Readonly<Record<string, unknown>> {
    const { horizon, rows, logLikelihood } = this.state
    return { parameters: this.fitted, logLikelihood, horizon, rows }
  }

  importance(): null {
    return null
  }

  dispose(): void {}
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

function decode(model: RepeatPurchaseModel, { description, bytes }: SavedPredictor): PurchaseState {
  const { width, columns, horizon, logLikelihood, rows } = description
  const fits =
    isNumber(width) &&
    Array.isArray(columns) &&
    columns.length === PURCHASE_INPUTS.length &&
    columns.every((column) => isNumber(column) && column >= 0 && column < width) &&
    isNumber(horizon) &&
    isNumber(logLikelihood) &&
    isNumber(rows) &&
    bytes.length === model.names.length * Float64Array.BYTES_PER_ELEMENT
  if (!fits) throw corrupt(model)
  const numbers = [...new Float64Array(bytes.slice().buffer)]
  if (!numbers.every((number) => number > 0 && Number.isFinite(number))) throw corrupt(model)
  return { width, columns, numbers, horizon, logLikelihood, rows }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function corrupt(model: RepeatPurchaseModel): LimnError {
  return new LimnError('ERR_MODEL_CORRUPT', `${model.name}: not what was saved`)
}
