import { LimnError } from '../../protocol/errors.ts'
import type { TableColumn } from '../table/schema.ts'
import { codeAt, codeCounts, type RawRows } from './column-values.ts'
import { fitFlags, type InputNames } from './fit-categories.ts'
import { fitNumber } from './fit-numbers.ts'
import type { PreparationOptions } from './options.ts'
import type { PairStep, ProductStep } from './plan.ts'

/** Combinations of two categories, at 4 bytes each. */
const PAIRS_MAX = 4_000_000

export interface CrossRequest {
  readonly raw: RawRows
  readonly columns: readonly TableColumn[]
  readonly options: PreparationOptions
  readonly inputs: InputNames
}

/** @throws LimnError ERR_PREPARATION_CROSS */
export function fitCrosses(request: CrossRequest): {
  readonly pairs: PairStep[]
  readonly products: ProductStep[]
} {
  const pairs: PairStep[] = []
  const products: ProductStep[] = []
  for (const names of request.options.crosses) {
    const [a, b] = names.map((name) => find(request.columns, name))
    if (isCategory(request, a) && isCategory(request, b)) pairs.push(fitPair(request, a, b))
    else if (isNumber(request, a) && isCategory(request, b))
      products.push(fitProduct(request, a, b))
    else if (isCategory(request, a) && isNumber(request, b))
      products.push(fitProduct(request, b, a))
    else throw refused(`"${names[0]}" and "${names[1]}" cannot be crossed: one must be a category`)
  }
  return { pairs, products }
}

function fitPair(
  { raw, columns, options, inputs }: CrossRequest,
  left: number,
  right: number,
): PairStep {
  const [a, b] = [columns[left], columns[right]]
  const width = b.categories.length
  const combinations = a.categories.length * width
  if (combinations > PAIRS_MAX) {
    throw refused(
      `"${a.name}" × "${b.name}" has ${combinations} combinations; at most ${PAIRS_MAX}`,
    )
  }
  const counts = new Float64Array(combinations)
  for (let row = 0; row < raw.count; row++) {
    const x = codeAt(raw.rows[row * raw.width + left], a.categories.length)
    const y = codeAt(raw.rows[row * raw.width + right], width)
    if (x < a.categories.length && y < width) counts[x * width + y]++
  }
  const textOf = (code: number): string =>
    `${a.categories[Math.floor(code / width)]} × ${b.categories[code % width]}`
  const flags = { title: `${a.name} × ${b.name}`, counts, textOf, options, others: false }
  return { left, right, width, slots: fitFlags(flags, inputs) }
}

function fitProduct(
  { raw, columns, options, inputs }: CrossRequest,
  number: number,
  category: number,
): ProductStep {
  const { name, categories } = columns[category]
  const numberName = columns[number].name
  const counts = codeCounts(raw, category, categories.length).subarray(0, categories.length)
  const title = `${numberName} where ${name}`
  const textOf = (code: number): string => categories[code]
  const slots = fitFlags({ title, counts, textOf, options, others: false }, inputs)
  const logarithmic = options.log.includes(numberName)
  const transform =
    options.form === 'raw' ? null : fitNumber(raw, number, { ...options, logarithmic }).transform
  return { number, category, transform, slots }
}

function find(columns: readonly TableColumn[], name: string): number {
  const at = columns.findIndex((column) => column.name === name)
  if (at >= 0) return at
  throw refused(`there is no column "${name}" to cross`)
}

function isCategory({ columns }: CrossRequest, column: number): boolean {
  return columns[column].kind === 'category'
}

function isNumber({ columns }: CrossRequest, column: number): boolean {
  return columns[column].kind === 'number'
}

function refused(message: string): LimnError {
  return new LimnError('ERR_PREPARATION_CROSS', message)
}
