import { rankScores, type Ranking } from '../evaluation/ranking.ts'
import { ROWS_MIN, type HalvedColumns } from './halved-columns.ts'

/** Share of each class's rows that must have an answer. */
const ANSWERED_MIN = 0.8
const UNKNOWN = -1

/** A column, sorted once. */
export interface RankedColumn {
  readonly values: Float32Array
  readonly ranking: Ranking
}

export function rankColumn({ rows, width, count }: HalvedColumns, at: number): RankedColumn {
  const values = new Float32Array(count)
  for (let row = 0; row < count; row++) values[row] = rows[row * width + at]
  return { values, ranking: rankScores(values) }
}

/** ROC AUC of a column as it is or turned round, whichever is higher, over rows that have it. */
export function areaAlone({ labels }: HalvedColumns, { values, ranking }: RankedColumn): number {
  const { order, ends } = ranking
  let positives = 0
  let negatives = 0
  let area = 0
  let at = 0
  for (let group = 0; group < ends.length; group++) {
    const value = values[order[at]]
    if (value !== value) break
    let up = 0
    for (let i = at; i < ends[group]; i++) up += labels[order[i]]
    const down = ends[group] - at - up
    area += down * (positives + up / 2)
    positives += up
    negatives += down
    at = ends[group]
  }
  if (positives + negatives < ROWS_MIN || positives === 0 || negatives === 0) return 0
  const share = area / (positives * negatives)
  return Math.max(share, 1 - share)
}

/**
 * Mean recall over the classes, in the rows tried, of "the class of the others with this value, or of
 * those on both sides of it". Rows between values of different classes have no answer and do not
 * count, unless they are many.
 */
export function accuracyByNeighbours(table: HalvedColumns, column: RankedColumn): number {
  const { labels, classes, isLearned } = table
  const { parts, answers } = answersByValue(table, column)
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
function answersByValue(table: HalvedColumns, { ranking }: RankedColumn) {
  const { count, labels, classes, isLearned } = table
  const { order, ends } = ranking
  const parts = new Uint32Array(count)
  const answers = new Int32Array(ends.length)
  const seen = new Float64Array(classes)
  let position = 0
  for (let part = 0; part < ends.length; part++) {
    seen.fill(0)
    for (; position < ends[part]; position++) {
      const row = order[position]
      parts[row] = part
      if (isLearned[row] === 1) seen[labels[row]]++
    }
    answers[part] = mostFrequent(seen)
  }
  fillBetween(answers)
  return { parts, answers }
}

function mostFrequent(seen: Float64Array): number {
  let best = UNKNOWN
  for (let k = 0; k < seen.length; k++) {
    if (seen[k] > 0 && (best === UNKNOWN || seen[k] > seen[best])) best = k
  }
  return best
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
