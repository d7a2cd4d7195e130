import type { EvaluatedTask, Outcome } from '../evaluation/outcome.ts'
import type { DataTable } from '../table/read-table.ts'

/** What was predicted for rows of a table, with their labels. */
export function outcomeOf(
  table: DataTable,
  rows: Uint32Array,
  predicted: { outputs: Float32Array; threshold: number | null; task: EvaluatedTask },
): Outcome {
  return {
    task: predicted.task,
    count: rows.length,
    outputs: predicted.outputs,
    labels: Float32Array.from(rows, (row) => table.labels[row]),
    weights: null,
    classes: table.classes,
    threshold: predicted.threshold ?? 0.5,
  }
}
