import { fitBaselines, type Baseline } from '../evaluation/baselines.ts'
import type { Examples } from '../learners/learner.ts'
import type { DataTable } from '../table/read-table.ts'
import { assignFolds, rowsOfFold } from './folds.ts'
import { takeRows } from './pipeline.ts'

/**
 * Baselines whose answer for each row comes from a fit on the other folds, as the model's own does:
 * the folds of {@link searchModels} under the same seed. They answer for the table's rows alone.
 */
export function crossBaselines(
  table: DataTable,
  { folds, seed }: { folds: number; seed: number },
): Baseline[] {
  const { labels, classes, count } = table
  const foldOf = assignFolds(labels, { folds, classes, seed })
  const answers: { baseline: Baseline; outputs: Float32Array }[] = []
  for (let fold = 0; fold < folds; fold++) {
    const rows = rowsOfFold(foldOf, fold, 'in')
    const held = takeRows(table, rows)
    fitBaselines(examplesOf(table, rowsOfFold(foldOf, fold, 'out'))).forEach((baseline, i) => {
      const predicted = baseline.predict(held.rows, held.count)
      const width = predicted.length / held.count
      answers[i] ??= { baseline, outputs: new Float32Array(count * width) }
      rows.forEach((row, at) => {
        const own = predicted.subarray(at * width, (at + 1) * width)
        answers[i].outputs.set(own, row * width)
      })
    })
  }
  return answers.map(({ baseline, outputs }) => ({ ...baseline, predict: () => outputs }))
}

function examplesOf(table: DataTable, rows: Uint32Array): Examples {
  const taken = takeRows(table, rows)
  return {
    task: table.task ?? 'regression',
    names: table.columns.map(({ name }) => name),
    width: taken.width,
    steps: 1,
    count: taken.count,
    rows: taken.rows,
    labels: Float32Array.from(rows, (row) => table.labels[row]),
    classes: table.classes,
    weights: null,
  }
}
