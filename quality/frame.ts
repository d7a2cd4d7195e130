import { fitPreparation, preparedWidth, prepareRows } from '../src/model/preparation.ts'
import type { Examples, InputForm, Task } from '../src/model/learners/learner.ts'

/** A column of numbers, or of categories. */
export type Column =
  | { readonly name: string; readonly numbers: Float32Array }
  | { readonly name: string; readonly categories: readonly string[] }

/** Rows before they are prepared for a learner. */
export interface Frame {
  readonly count: number
  readonly columns: readonly Column[]
}

/** A category seen less often is none of the others. */
const CATEGORY_ROWS_MIN = 20

export function numberColumn(name: string, numbers: Iterable<number>): Column {
  return { name, numbers: Float32Array.from(numbers) }
}

/** Columns of rows of numbers, all of the same names. */
export function frameOfRows(names: readonly string[], rows: readonly (readonly number[])[]): Frame {
  const columns = names.map((name, i) =>
    numberColumn(
      name,
      rows.map((row) => row[i]),
    ),
  )
  return { count: rows.length, columns }
}

export function takeRows(frame: Frame, rows: readonly number[]): Frame {
  const columns = frame.columns.map((column) =>
    'numbers' in column
      ? { name: column.name, numbers: Float32Array.from(rows, (row) => column.numbers[row]) }
      : { name: column.name, categories: rows.map((row) => column.categories[row]) },
  )
  return { count: rows.length, columns }
}

export function withoutColumns(frame: Frame, names: readonly string[]): Frame {
  return { ...frame, columns: frame.columns.filter((column) => !names.includes(column.name)) }
}

export interface Supervised {
  readonly task: Task
  readonly training: Frame
  readonly labels: Float32Array
  readonly test: Frame
}

export interface PreparedExamples {
  readonly training: Examples
  readonly testRows: Float32Array
}

/**
 * Inputs of a learner, fitted on the training rows: categories as flags, numbers as they are (`raw`)
 * or on a logarithmic scale where heavy-tailed, standardised, and filled where missing (`dense`).
 */
export function prepareExamples(given: Supervised, form: InputForm): PreparedExamples {
  const { task, training, labels, test } = given
  const inputs = flagged(training)
  const count = training.count
  let width = inputs.length
  let rows = inputs.rows(training)
  let testRows = inputs.rows(test)
  let { names } = inputs
  if (form === 'dense') {
    const preparation = fitPreparation({ width, count, rows, labels: new Uint8Array(count) })
    const dense = (raw: Float32Array, of: number): Float32Array => {
      const out = new Float32Array(of * preparedWidth(preparation))
      prepareRows(preparation, raw, of, out)
      return out
    }
    rows = dense(rows, count)
    testRows = dense(testRows, test.count)
    names = [...names, ...[...preparation.indicators].map((i) => `${names[i]} is missing`)]
    width = names.length
  }
  const classes = task === 'binary' ? 2 : 0
  const shape = { names, width, steps: 1, count, rows, labels }
  return { training: { task, ...shape, classes, weights: null }, testRows }
}

interface Inputs {
  readonly names: readonly string[]
  readonly length: number
  rows(frame: Frame): Float32Array
}

interface Input {
  readonly name: string
  /** Of the frame's columns. */
  readonly at: number
  /** Null for a number. */
  readonly category: string | null
}

function flagged(training: Frame): Inputs {
  const inputs: Input[] = []
  training.columns.forEach((column, at) => {
    const { name } = column
    if ('numbers' in column) return void inputs.push({ name, at, category: null })
    for (const category of frequentCategories(column.categories)) {
      inputs.push({ name: `${name} is ${category}`, at, category })
    }
  })
  return {
    names: inputs.map(({ name }) => name),
    length: inputs.length,
    rows({ count, columns }) {
      const rows = new Float32Array(count * inputs.length)
      inputs.forEach(({ at, category }, i) => {
        const column = columns[at]
        for (let row = 0; row < count; row++) {
          rows[row * inputs.length + i] =
            'numbers' in column ? column.numbers[row] : Number(column.categories[row] === category)
        }
      })
      return rows
    },
  }
}

function frequentCategories(categories: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const category of categories) counts.set(category, (counts.get(category) ?? 0) + 1)
  return [...counts.keys()].filter((name) => (counts.get(name) ?? 0) >= CATEGORY_ROWS_MIN).sort()
}
