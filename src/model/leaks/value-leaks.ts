import { binEdges, binOf } from '../binning.ts'
import { rankScores } from '../evaluation/ranking.ts'
import { correlationOf } from '../selection.ts'
import { ROWS_MIN, type HalvedColumns } from './halved-columns.ts'

/** Different values of a column that are looked at one by one; more are put into as many parts. */
const PARTS = 200

/** Of the column with the label, whichever way. */
export function absoluteCorrelation(table: HalvedColumns, at: number): number {
  const { correlation, count } = correlationOf(table, at)
  return count < ROWS_MIN ? 0 : Math.abs(correlation)
}

/** The same of their ranks. */
export function rankCorrelation(table: HalvedColumns, at: number): number {
  const { values, labels } = present(table, at)
  if (values.length < ROWS_MIN) return 0
  const [x, y] = [ranksOf(values), ranksOf(labels)]
  const rows = Float32Array.from(x)
  const correlated = { rows, labels: Float32Array.from(y), width: 1, count: rows.length }
  return Math.abs(correlationOf(correlated, 0).correlation)
}

/** R² of "the mean of this value", in the rows tried. */
export function explainedByParts(table: HalvedColumns, at: number): number {
  const { labels, isLearned } = table
  const { parts, count } = partsOf(table, at)
  const sums = new Float64Array(count)
  const sizes = new Float64Array(count)
  const tried: number[] = []
  labels.forEach((label, row) => {
    if (isLearned[row] === 0) tried.push(row)
    sums[parts[row]] += label * isLearned[row]
    sizes[parts[row]] += isLearned[row]
  })
  const mean = tried.reduce((sum, row) => sum + labels[row], 0) / tried.length
  let [errors, spread] = [0, 0]
  for (const row of tried) {
    const part = parts[row]
    const answer = sizes[part] > 0 ? sums[part] / sizes[part] : mean
    errors += (labels[row] - answer) ** 2
    spread += (labels[row] - mean) ** 2
  }
  return spread > 0 ? 1 - errors / spread : 0
}

function present({ rows, width, count, labels }: HalvedColumns, at: number) {
  const kept = Uint32Array.from({ length: count }, (_, row) => row).filter((row) => {
    const x = rows[row * width + at]
    return x === x
  })
  return {
    values: Float32Array.from(kept, (row) => rows[row * width + at]),
    labels: Float32Array.from(kept, (row) => labels[row]),
  }
}

function ranksOf(values: Float32Array): Float64Array {
  const ranks = new Float64Array(values.length)
  const { order, ends } = rankScores(values)
  let start = 0
  for (const end of ends) {
    for (let i = start; i < end; i++) ranks[order[i]] = (start + end) / 2
    start = end
  }
  return ranks
}

/** Part of each row by the column's value; the last part has the missing ones. */
function partsOf(table: HalvedColumns, at: number): { parts: Uint16Array; count: number } {
  const { rows, width, count } = table
  const edges = binEdges(table, at, PARTS)
  const parts = Uint16Array.from({ length: count }, (_, row) => {
    const x = rows[row * width + at]
    return x === x ? binOf(x, edges) : edges.length + 1
  })
  return { parts, count: edges.length + 2 }
}
