import type { Examples } from '../src/model/learners/learner.ts'
import type { InputForm, Task } from '../src/model/learners/predictor.ts'
import type { RawRows } from '../src/model/preparation/column-values.ts'
import { fitTablePreparation } from '../src/model/preparation/fit-table-preparation.ts'
import type { TableColumn } from '../src/model/table/schema.ts'

/** A column of numbers, or of categories. */
export type Column =
  | { readonly name: string; readonly numbers: Float32Array }
  | { readonly name: string; readonly categories: readonly string[] }

/** Rows before they are prepared for a learner. */
export interface Frame {
  readonly count: number
  readonly columns: readonly Column[]
}

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
  /** Of the training rows; left out: all 1. */
  readonly weights?: Float32Array
}

export interface PreparedExamples {
  readonly training: Examples
  readonly testRows: Float32Array
}

/** Inputs of a learner, by the general preparation fitted on the training rows. */
export function prepareExamples(given: Supervised, form: InputForm): PreparedExamples {
  const { task, training, labels, test, weights = null } = given
  const columns = tableColumns(training, test)
  const raw = rawRows(training, columns)
  const preparation = fitTablePreparation(raw, columns, { form })
  const { width, names, steps } = preparation
  const prepared = ({ rows, count }: RawRows): Float32Array => {
    const out = new Float32Array(count * width)
    preparation.prepare(rows, count, out)
    return out
  }
  const classes = task === 'binary' ? 2 : 0
  const shape = { names, width, steps, count: training.count, rows: prepared(raw), labels }
  return {
    training: { task, ...shape, classes, weights },
    testRows: prepared(rawRows(test, columns)),
  }
}

/** How both frames are read as tables. */
export function tableColumns(training: Frame, test: Frame): TableColumn[] {
  return training.columns.map((column, i) => tableColumn(column, test.columns[i]))
}

/** The categories of both, so that each has a code; those not in the training rows count as rare. */
function tableColumn(training: Column, test: Column): TableColumn {
  const { name } = training
  const shape = { name, truth: false, origin: 0 }
  if ('numbers' in training || 'numbers' in test)
    return { ...shape, kind: 'number', categories: [] }
  const categories = [...new Set([...training.categories, ...test.categories])].sort()
  return { ...shape, kind: 'category', categories }
}

/** A frame's values, row by row: numbers, and codes of categories. */
export function rawRows({ count, columns }: Frame, schema: readonly TableColumn[]): RawRows {
  const width = columns.length
  const rows = new Float32Array(count * width)
  columns.forEach((column, i) => {
    const codes = new Map(schema[i].categories.map((category, code) => [category, code]))
    for (let row = 0; row < count; row++) {
      rows[row * width + i] =
        'numbers' in column
          ? column.numbers[row]
          : (codes.get(column.categories[row]) ?? Number.NaN)
    }
  })
  return { width, count, rows }
}
