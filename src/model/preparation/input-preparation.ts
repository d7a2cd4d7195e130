import { LimnError } from '../../protocol/errors.ts'
import { decodePlan, encodePlan, type SavedPreparation } from './codec.ts'
import { NOT_KEPT, type PreparationPlan, type RowForm, type TimeStep } from './plan.ts'
import { keepInputs } from './select-inputs.ts'
import type { TablePreparation } from './table-preparation.ts'
import { transformed } from './transform-number.ts'

/** Rows taken at a time, step by step, so that they stay in the cache. */
const BLOCK_ROWS = 256

/**
 * Turns raw rows of a table into a learner's inputs: part of the model, fitted on training rows only
 * and saved with it. A row's inputs depend on that row alone. Whatever a raw value is, the inputs are
 * finite in the `dense` form, and finite or NaN in the `raw` form.
 */
export class InputPreparation implements TablePreparation {
  readonly plan: PreparationPlan
  /** Raw columns of a row. */
  readonly columns: number
  /** Inputs of a row. */
  readonly width: number
  readonly steps = 1

  constructor(plan: PreparationPlan) {
    this.plan = plan
    this.columns = plan.columns.length
    this.width = plan.inputs.length
  }

  get form(): RowForm {
    return this.plan.form
  }

  /** Names of the inputs, in order. */
  get names(): readonly string[] {
    return this.plan.inputs
  }

  /** Writes `count × width` inputs for `count` raw rows of `columns` numbers. */
  prepare(rows: Float32Array, count: number, out: Float32Array): void {
    const { columns, width } = this
    for (let start = 0; start < count; start += BLOCK_ROWS) {
      const end = Math.min(count, start + BLOCK_ROWS)
      const block = rows.subarray(start * columns, end * columns)
      const batch = { rows: block, count: end - start, columns, width }
      this.prepareBlock(batch, out.subarray(start * width, end * width))
    }
  }

  /**
   * The same with these inputs only, in the order they had.
   * @throws LimnError ERR_PREPARATION_INPUT when one is not there, or none is named
   */
  keep(names: readonly string[]): InputPreparation {
    const unknown = names.find((name) => !this.plan.inputs.includes(name))
    if (unknown !== undefined || names.length === 0) {
      const what = unknown === undefined ? 'no input is kept' : `there is no input "${unknown}"`
      throw new LimnError('ERR_PREPARATION_INPUT', what)
    }
    return new InputPreparation(keepInputs(this.plan, new Set(names)))
  }

  save(): SavedPreparation {
    return encodePlan(this.plan)
  }

  /** @throws LimnError ERR_MODEL_CORRUPT */
  static load(saved: SavedPreparation): InputPreparation {
    return new InputPreparation(decodePlan(saved))
  }

  private prepareBlock(batch: Batch, out: Float32Array): void {
    const { plan } = this
    out.fill(0)
    prepareNumbers(plan, batch, out)
    for (const step of plan.times) prepareTime(step, plan.form, batch, out)
    prepareFlags(plan, batch, out)
    prepareProducts(plan, batch, out)
  }
}

interface Batch {
  readonly rows: Float32Array
  readonly count: number
  readonly columns: number
  readonly width: number
}

function prepareNumbers({ numbers }: PreparationPlan, batch: Batch, out: Float32Array): void {
  const { rows, count, columns, width } = batch
  for (const { column, input, missing, transform } of numbers) {
    for (let row = 0; row < count; row++) {
      const x = rows[row * columns + column]
      if (input !== NOT_KEPT) out[row * width + input] = transformed(x, transform)
      if (missing !== NOT_KEPT && x - x !== 0) out[row * width + missing] = 1
    }
  }
}

function prepareTime(step: TimeStep, form: RowForm, batch: Batch, out: Float32Array): void {
  const { rows, count, columns, width } = batch
  for (const { places, length, placeOf } of cyclesOf(step)) {
    const [first, second] = places
    for (let row = 0; row < count; row++) {
      const place = placeOf(rows[row * columns + step.column])
      const angle = (2 * Math.PI * place) / length
      const value = form === 'raw' ? place : orMiddle(Math.sin(angle))
      if (first !== NOT_KEPT) out[row * width + first] = value
      if (second !== NOT_KEPT) out[row * width + second] = orMiddle(Math.cos(angle))
    }
  }
}

interface Cycle {
  readonly places: readonly [number, number]
  readonly length: number
  /** NaN for what is no time. */
  readonly placeOf: (days: number) => number
}

function cyclesOf({ hour, weekday, firstWeekday }: TimeStep): readonly Cycle[] {
  const hourOf = (days: number): number => (days - Math.floor(days)) * 24
  const weekdayOf = (days: number): number => modulo(Math.floor(days) + firstWeekday, 7)
  return [
    { places: hour, length: 24, placeOf: hourOf },
    { places: weekday, length: 7, placeOf: weekdayOf },
  ]
}

/** A missing time is in the middle of the circle: 0 and 0. */
function orMiddle(value: number): number {
  return value === value ? value : 0
}

function modulo(value: number, round: number): number {
  return ((value % round) + round) % round
}

function prepareFlags(plan: PreparationPlan, batch: Batch, out: Float32Array): void {
  const { rows, count, columns, width } = batch
  for (const { column, slots, missing } of plan.categories) {
    for (let row = 0; row < count; row++) {
      const code = rows[row * columns + column]
      const slot = code >= 0 && code < slots.length ? slots[Math.floor(code)] : missing
      if (slot !== NOT_KEPT) out[row * width + slot] = 1
    }
  }
  for (const { left, right, width: pairs, slots } of plan.pairs) {
    for (let row = 0; row < count; row++) {
      const a = rows[row * columns + left]
      const b = rows[row * columns + right]
      if (!(a >= 0 && b >= 0 && b < pairs)) continue
      const at = Math.floor(a) * pairs + Math.floor(b)
      const slot = at < slots.length ? slots[at] : NOT_KEPT
      if (slot !== NOT_KEPT) out[row * width + slot] = 1
    }
  }
}

function prepareProducts({ products }: PreparationPlan, batch: Batch, out: Float32Array): void {
  const { rows, count, columns, width } = batch
  for (const { number, category, transform, slots } of products) {
    for (let row = 0; row < count; row++) {
      const code = rows[row * columns + category]
      const slot = code >= 0 && code < slots.length ? slots[Math.floor(code)] : NOT_KEPT
      if (slot === NOT_KEPT) continue
      out[row * width + slot] = transformed(rows[row * columns + number], transform)
    }
  }
}
