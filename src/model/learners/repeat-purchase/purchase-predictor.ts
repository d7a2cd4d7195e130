import { LimnError } from '../../../protocol/errors.ts'
import { customerOf } from './customer.ts'
import type { Predictor, SavedPredictor } from '../predictor.ts'

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

interface PurchaseState {
  readonly width: number
  /** Of frequency, recency and age. */
  readonly columns: readonly number[]
  readonly numbers: readonly number[]
  readonly horizon: number
  readonly logLikelihood: number
  readonly rows: number
}

export class PurchasePredictor implements RepeatPurchasePredictor {
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

/** @throws LimnError ERR_MODEL_CORRUPT */
export async function loadPurchases(
  model: RepeatPurchaseModel,
  saved: SavedPredictor,
): Promise<RepeatPurchasePredictor> {
  return new PurchasePredictor(model, decode(model, saved))
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
