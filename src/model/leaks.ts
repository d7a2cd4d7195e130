import { LimnError } from '../protocol/errors.ts'
import { binEdges, binOf } from './binning.ts'
import { rankScores } from './evaluation/ranking.ts'
import { binarySample } from './evaluation/binary-sample.ts'
import type { Task } from './learners/learner.ts'
import { Random } from './random.ts'
import { correlationOf } from './selection.ts'
import type { RawRows } from './preparation/column-values.ts'
import type { TableColumn } from './table/schema.ts'

/** A column that alone tells the label this well was made from it, or after it. */
const CERTAIN = 0.9999
/** Different values of a column that are looked at one by one; more are put into as many parts. */
const PARTS = 200
const ROWS_MIN = 20
/** Share of each class's rows that must have an answer. */
const ANSWERED_MIN = 0.8
const UNKNOWN = -1

export interface LabelledColumns extends RawRows {
  readonly columns: readonly TableColumn[]
  readonly task: Task
  readonly labels: Float32Array
  readonly classes: number
}

export interface Leak {
  readonly column: string
  /** How it shows. */
  readonly measure: 'ROC AUC' | 'correlation' | 'rank correlation' | 'balanced accuracy' | 'R²'
  readonly value: number
}

/**
 * Columns that tell the label by themselves, up to one row in ten thousand: its copy, its double, a
 * code that goes with it, or a value that is there only once it is known. Such a column would not be
 * known in time. What depends on a column's values is learned from half of the rows, drawn at
 * random, and tried on the rest, so that a column in which each row has its own value is not suspected.
 */
export function findLeaks(table: LabelledColumns): Leak[] {
  if (table.count < ROWS_MIN || table.labels.length !== table.count) return []
  const random = new Random(1)
  const isLearned = Uint8Array.from({ length: table.count }, () => Number(random.next() < 0.5))
  const halved = { ...table, isLearned }
  return table.columns.flatMap((column, at) => leakOf(halved, column, at) ?? [])
}

/** @throws LimnError ERR_DATASET_LEAK where there is one, naming all */
export function refuseLeaks(leaks: readonly Leak[]): void {
  if (leaks.length === 0) return
  const shown = leaks.map(
    ({ column, measure, value }) => `"${column}" (${measure} ${value.toFixed(4)})`,
  )
  const message = `these columns alone tell the label, so they cannot have been known before it: ${shown.join(', ')}; leave them out`
  throw new LimnError('ERR_DATASET_LEAK', message)
}

interface HalvedColumns extends LabelledColumns {
  /** 1: the row is learned from; 0: it is tried. */
  readonly isLearned: Uint8Array
}

function leakOf(table: HalvedColumns, column: TableColumn, at: number): Leak | null {
  const found = (measure: Leak['measure'], value: number): Leak | null => {
    return value >= CERTAIN ? { column: column.name, measure, value } : null
  }
  if (table.classes === 0) {
    return (
      (column.kind === 'category' ? null : found('correlation', absoluteCorrelation(table, at))) ??
      (column.kind === 'category' ? null : found('rank correlation', rankCorrelation(table, at))) ??
      found('R²', explainedByParts(table, at))
    )
  }
  const area = table.classes === 2 && column.kind !== 'category' ? areaAlone(table, at) : 0
  return found('ROC AUC', area) ?? found('balanced accuracy', accuracyByNeighbours(table, at))
}

function absoluteCorrelation(table: LabelledColumns, at: number): number {
  const { correlation, count } = correlationOf(table, at)
  return count < ROWS_MIN ? 0 : Math.abs(correlation)
}

function rankCorrelation(table: LabelledColumns, at: number): number {
  const { values, labels } = present(table, at)
  if (values.length < ROWS_MIN) return 0
  const [x, y] = [ranksOf(values), ranksOf(labels)]
  const rows = Float32Array.from(x)
  const correlated = { rows, labels: Float32Array.from(y), width: 1, count: rows.length }
  return Math.abs(correlationOf(correlated, 0).correlation)
}

function areaAlone(table: LabelledColumns, at: number): number {
  const { values, labels } = present(table, at)
  if (values.length < ROWS_MIN) return 0
  const sample = binarySample({ scores: values, labels, weights: null, threshold: 0 })
  const { rocAuc } = sample.measure(sample.weights)
  return Math.max(rocAuc, 1 - rocAuc)
}

function present({ rows, width, count, labels }: LabelledColumns, at: number) {
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
function partsOf(table: LabelledColumns, at: number): { parts: Uint16Array; count: number } {
  const { rows, width, count } = table
  const edges = binEdges(table, at, PARTS)
  const parts = Uint16Array.from({ length: count }, (_, row) => {
    const x = rows[row * width + at]
    return x === x ? binOf(x, edges) : edges.length + 1
  })
  return { parts, count: edges.length + 2 }
}

/**
 * Mean recall over the classes, in the rows tried, of "the class of the others with this value, or of
 * those on both sides of it". Rows between values of different classes have no answer and do not
 * count, unless they are many.
 */
function accuracyByNeighbours(table: HalvedColumns, at: number): number {
  const { labels, classes, isLearned } = table
  const { parts, answers } = answersByValue(table, at)
  const rows = new Float64Array(classes)
  const answered = new Float64Array(classes)
  const right = new Float64Array(classes)
  for (let row = 0; row < labels.length; row++) {
    if (isLearned[row] === 1) continue
    const answer = answers[parts[row]]
    rows[labels[row]]++
    if (answer >= 0) answered[labels[row]]++
    if (answer === labels[row]) right[labels[row]]++
  }
  const present = [...rows.keys()].filter((k) => rows[k] > 0)
  if (present.length < 2) return 0
  if (present.some((k) => answered[k] < ANSWERED_MIN * rows[k])) return 0
  return present.reduce((sum, k) => sum + right[k] / answered[k], 0) / present.length
}

/** Each row's place among the different values, missing last; and the class that each place tells. */
function answersByValue(table: HalvedColumns, at: number) {
  const { rows, width, count, labels, classes, isLearned } = table
  const values = Float32Array.from({ length: count }, (_, row) => rows[row * width + at])
  const { order, ends } = rankScores(values)
  const parts = new Uint32Array(count)
  const answers = new Int32Array(ends.length)
  let start = 0
  ends.forEach((end, part) => {
    const seen = new Float64Array(classes)
    for (const row of order.subarray(start, end)) {
      parts[row] = part
      if (isLearned[row] === 1) seen[labels[row]]++
    }
    const most = Math.max(...seen)
    answers[part] = most === 0 ? UNKNOWN : seen.indexOf(most)
    start = end
  })
  fillBetween(answers)
  return { parts, answers }
}

/** An unknown answer becomes that of the nearest known ones on both sides, where they agree. */
function fillBetween(answers: Int32Array): void {
  const known = answers.slice()
  let before = UNKNOWN
  let next = 0
  for (let i = 0; i < known.length; i++) {
    if (known[i] !== UNKNOWN) before = known[i]
    else {
      while (next < known.length && (next < i || known[next] === UNKNOWN)) next++
      const after = next < known.length ? known[next] : before
      answers[i] = before === UNKNOWN || before === after ? after : UNKNOWN
    }
  }
}

/** R² of "the mean of this value", in the rows tried. */
function explainedByParts(table: HalvedColumns, at: number): number {
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
