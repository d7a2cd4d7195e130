import type { LearningTable } from '../../../src/model/training/fit-pipeline.ts'
import type { TableColumn } from '../../../src/model/table/schema.ts'
import { Random } from '../../../src/model/random.ts'
import { makeExamples, type MadeExamples, type MadeOptions } from '../learners/made-examples.ts'

export function numberColumn(name: string): TableColumn {
  return { name, kind: 'number', categories: [], truth: false, origin: 0 }
}

/** Rows of a known function as a table of numbers, of which "input 0" to "input 2" matter. */
export function makeLearningTable(
  task: 'binary' | 'multiclass' | 'regression' | 'count',
  options: MadeOptions,
): LearningTable & Pick<MadeExamples, 'truth'> {
  const { names, rows, labels, count, classes, truth } = makeExamples(task, options)
  return { task, columns: names.map(numberColumn), rows, labels, count, classes, truth }
}

/** Of two classes, one rare: probability `1 / (1 + e^(4.2 − 1.2 a + b))`, between 1 and 10 %. */
export function makeRareClass(options: MadeOptions): LearningTable & Pick<MadeExamples, 'truth'> {
  const random = new Random(options.seed)
  const { count } = options
  const rows = Float32Array.from({ length: count * 3 }, () => random.normal())
  const truth = Float32Array.from({ length: count }, (_, row) => {
    return 1 / (1 + Math.exp(4.2 - 1.2 * rows[row * 3] + rows[row * 3 + 1]))
  })
  const labels = truth.map((p) => Number(random.next() < p))
  const columns = ['a', 'b', 'c'].map(numberColumn)
  return { task: 'binary', columns, rows, labels, count, classes: 2, truth }
}
