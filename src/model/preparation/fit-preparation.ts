import { LimnError } from '../../protocol/errors.ts'
import type { TableColumn } from '../table/schema.ts'
import { codeCounts, type RawRows } from './column-values.ts'
import { fitFlags, InputNames } from './fit-categories.ts'
import { fitCrosses } from './fit-crosses.ts'
import { fitNumber, tellsByMissing } from './fit-numbers.ts'
import { InputPreparation } from './input-preparation.ts'
import { PREPARATION_DEFAULTS, type PreparationOptions } from './options.ts'
import {
  NOT_KEPT,
  type CategoryStep,
  type NumberStep,
  type PreparationPlan,
  type TimeStep,
} from './plan.ts'

/** 1970-01-01 was a Thursday. */
const WEEKDAY_OF_EPOCH = 4

/**
 * Fits the preparation on training rows, and on those alone. Of a column becomes:
 *
 * - number: one input. `dense`: clipped, perhaps on a logarithmic scale, standardised, filled where
 *   missing or infinite, with a second input that says so where that is not rare; `raw`: as it is
 * - time: its days as a number, and its places in the day and in the week where they vary
 * - category: a flag for each frequent one, one for the rare, one for missing; of two categories one
 *   flag, for the second; what was never seen sets none
 *
 * A column that is constant in these rows becomes no input.
 * @throws LimnError ERR_DATASET_EMPTY (no rows, or no column varies), ERR_PREPARATION_CROSS,
 * ERR_PREPARATION_LOG
 */
export function fitInputPreparation(
  raw: RawRows,
  columns: readonly TableColumn[],
  given: Partial<PreparationOptions> & Pick<PreparationOptions, 'form'>,
): InputPreparation {
  if (raw.count === 0) throw new LimnError('ERR_DATASET_EMPTY', 'there are no rows to prepare from')
  const options = { ...PREPARATION_DEFAULTS, ...given }
  checkLogarithms(columns, options.log)
  const fitting = new Fitting(raw, columns, options)
  columns.forEach((_, column) => fitting.add(column))
  return new InputPreparation(fitting.finish())
}

class Fitting {
  private readonly raw: RawRows
  private readonly columns: readonly TableColumn[]
  private readonly options: PreparationOptions
  private readonly inputs = new InputNames()
  private readonly numbers: NumberStep[] = []
  private readonly times: TimeStep[] = []
  private readonly categories: CategoryStep[] = []
  private readonly constant: string[] = []

  constructor(raw: RawRows, columns: readonly TableColumn[], options: PreparationOptions) {
    this.raw = raw
    this.columns = columns
    this.options = options
  }

  add(column: number): void {
    if (this.columns[column].kind === 'category') return this.addCategory(column)
    this.addNumber(column)
    if (this.columns[column].kind === 'time') this.addTime(column)
  }

  finish(): PreparationPlan {
    const { raw, columns, options, inputs, numbers, times, categories, constant } = this
    const { pairs, products } = fitCrosses({ raw, columns, options, inputs })
    if (inputs.names.length === 0) {
      throw new LimnError('ERR_DATASET_EMPTY', 'no column has different values in these rows')
    }
    return {
      form: options.form,
      columns: columns.map(({ name, kind }) => ({ name, kind })),
      inputs: inputs.names,
      constant,
      numbers,
      times,
      categories,
      pairs,
      products,
    }
  }

  private addNumber(column: number): void {
    const { name } = this.columns[column]
    const options = { ...this.options, logarithmic: this.options.log.includes(name) }
    const { constant, missingShare, transform } = fitNumber(this.raw, column, options)
    const missingTells = tellsByMissing(missingShare)
    const raw = this.options.form === 'raw'
    if (constant && !missingTells) {
      this.constant.push(name)
      return
    }
    const input = constant && !raw ? NOT_KEPT : this.inputs.add(name)
    const missing = raw || !missingTells ? NOT_KEPT : this.inputs.add(`${name} is missing`)
    this.numbers.push({ column, input, missing, transform: raw ? null : transform })
  }

  private addTime(column: number): void {
    const { name, origin } = this.columns[column]
    const firstWeekday = (((origin + WEEKDAY_OF_EPOCH) % 7) + 7) % 7
    const days = presentValues(this.raw, column)
    const hours = days.some((day) => day - Math.floor(day) !== days[0] - Math.floor(days[0]))
    const weekdays = days.some((day) => (Math.floor(day) - Math.floor(days[0])) % 7 !== 0)
    const hour = hours ? this.addPlace(`${name}: hour`) : NOWHERE
    const weekday = weekdays ? this.addPlace(`${name}: weekday`) : NOWHERE
    if (hours || weekdays) this.times.push({ column, hour, weekday, firstWeekday })
  }

  private addPlace(title: string): readonly [number, number] {
    if (this.options.form === 'raw') return [this.inputs.add(title), NOT_KEPT]
    return [this.inputs.add(`${title} (sine)`), this.inputs.add(`${title} (cosine)`)]
  }

  private addCategory(column: number): void {
    const { name, categories } = this.columns[column]
    const all = codeCounts(this.raw, column, categories.length)
    const counts = all.subarray(0, categories.length)
    const missingTells = tellsByMissing(all[categories.length] / this.raw.count)
    const present = counts.reduce((n, count) => n + Number(count > 0), 0)
    if (present < 2 && !missingTells) {
      this.constant.push(name)
      return
    }
    const slots = this.flagsOf(column, counts)
    const missing = missingTells ? this.inputs.add(`${name} is missing`) : NOT_KEPT
    this.categories.push({ column, slots, missing })
  }

  private flagsOf(column: number, counts: Float64Array): Int32Array {
    const { name, categories } = this.columns[column]
    const textOf = (code: number): string => categories[code]
    if (categories.length === 2) {
      return Int32Array.of(NOT_KEPT, this.inputs.add(`${name} = ${categories[1]}`))
    }
    const { options, inputs } = this
    return fitFlags({ title: name, counts, textOf, options, others: true }, inputs)
  }
}

function checkLogarithms(columns: readonly TableColumn[], log: readonly string[]): void {
  const numbers = columns.filter(({ kind }) => kind === 'number').map(({ name }) => name)
  const unknown = log.find((name) => !numbers.includes(name))
  if (unknown === undefined) return
  const message = `"${unknown}" is no column of numbers, so it cannot be on a logarithmic scale; there are: ${numbers.join(', ') || 'none'}`
  throw new LimnError('ERR_PREPARATION_LOG', message)
}

const NOWHERE: readonly [number, number] = [NOT_KEPT, NOT_KEPT]

function presentValues({ rows, width, count }: RawRows, column: number): Float32Array {
  const values = new Float32Array(count)
  let kept = 0
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + column]
    if (x - x === 0) values[kept++] = x
  }
  return values.subarray(0, kept)
}
