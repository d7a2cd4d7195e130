import { PROBABILITY_MIN } from './binary-sample.ts'
import { rankScores, type Ranking } from './ranking.ts'
import { positionsByClass, type Sample } from './sample.ts'

/**
 * - `accuracy`: the likeliest class is the true one; of equally likely ones the first counts
 * - `precision`, `recall`, `f1`: unweighted mean over the classes that occur or are predicted
 * - `rocAuc`: each class against the rest, mean over the classes that occur; NaN with one class only
 * - `logLoss`: of the true class, natural logarithm, probabilities kept above 1e-7
 */
export const MULTICLASS_METRICS = [
  'accuracy',
  'logLoss',
  'rocAuc',
  'precision',
  'recall',
  'f1',
] as const
export type MulticlassMetric = (typeof MULTICLASS_METRICS)[number]

export interface MulticlassRows {
  /** `count × classes` probabilities. */
  readonly outputs: Float32Array
  /** Class indices. */
  readonly labels: Float32Array
  readonly weights: Float32Array | null
  readonly classes: number
}

/** Positions are rows; each class's probabilities are sorted once. */
export function multiclassSample(rows: MulticlassRows): Sample<MulticlassMetric> {
  const { outputs, weights, classes } = rows
  const labels = Uint16Array.from(rows.labels)
  const count = labels.length
  const chosen = likeliestClasses(outputs, classes)
  const rankings = Array.from({ length: classes }, (_, k) =>
    rankScores(Float32Array.from({ length: count }, (_, row) => outputs[row * classes + k])),
  )
  const losses = Float64Array.from(labels, (label, row) => {
    return -Math.log(Math.max(PROBABILITY_MIN, outputs[row * classes + label]))
  })
  return {
    count,
    weights: weights === null ? new Float64Array(count).fill(1) : Float64Array.from(weights),
    strata: positionsByClass(labels, classes),
    measure: (weights) => ({
      ...decisionMetrics(weightedConfusion({ labels, chosen, classes }, weights), classes),
      logLoss: weightedMean(losses, weights),
      rocAuc: meanArea(rankings, labels, weights),
    }),
  }
}

/** The likeliest class of each row. */
export function likeliestClasses(outputs: Float32Array, classes: number): Uint16Array {
  return Uint16Array.from({ length: outputs.length / classes }, (_, row) => {
    let best = 0
    for (let k = 1; k < classes; k++) {
      if (outputs[row * classes + k] > outputs[row * classes + best]) best = k
    }
    return best
  })
}

export interface Choices {
  readonly labels: Uint16Array
  readonly chosen: Uint16Array
  readonly classes: number
}

/** `classes × classes`: weight of the rows of each true class (down) that were put in each (across). */
export function weightedConfusion(
  { labels, chosen, classes }: Choices,
  weights: Float64Array,
): Float64Array {
  const cells = new Float64Array(classes * classes)
  for (let i = 0; i < labels.length; i++) cells[labels[i] * classes + chosen[i]] += weights[i]
  return cells
}

function decisionMetrics(cells: Float64Array, classes: number) {
  const sums = { precision: 0, recall: 0, f1: 0 }
  let occurring = 0
  let right = 0
  let total = 0
  for (let k = 0; k < classes; k++) {
    let actual = 0
    let predicted = 0
    for (let other = 0; other < classes; other++) {
      actual += cells[k * classes + other]
      predicted += cells[other * classes + k]
    }
    const hits = cells[k * classes + k]
    right += hits
    total += actual
    if (actual + predicted === 0) continue
    occurring++
    sums.precision += predicted > 0 ? hits / predicted : 0
    sums.recall += actual > 0 ? hits / actual : 0
    sums.f1 += (2 * hits) / (actual + predicted)
  }
  return {
    accuracy: right / total,
    precision: sums.precision / occurring,
    recall: sums.recall / occurring,
    f1: sums.f1 / occurring,
  }
}

function weightedMean(values: Float64Array, weights: Float64Array): number {
  let sum = 0
  let total = 0
  for (let i = 0; i < values.length; i++) {
    sum += weights[i] * values[i]
    total += weights[i]
  }
  return sum / total
}

function meanArea(
  rankings: readonly Ranking[],
  labels: Uint16Array,
  weights: Float64Array,
): number {
  let sum = 0
  let occurring = 0
  rankings.forEach((ranking, k) => {
    const area = areaOf(ranking, weights, (row) => labels[row] === k)
    if (area !== area) return
    sum += area
    occurring++
  })
  return occurring === 0 ? Number.NaN : sum / occurring
}

function areaOf(
  { order, ends }: Ranking,
  weights: Float64Array,
  isPositive: (row: number) => boolean,
): number {
  let positives = 0
  let negatives = 0
  let area = 0
  let at = 0
  for (const end of ends) {
    let up = 0
    let down = 0
    for (; at < end; at++) {
      const row = order[at]
      if (isPositive(row)) up += weights[row]
      else down += weights[row]
    }
    area += down * (positives + up / 2)
    positives += up
    negatives += down
  }
  return positives > 0 && negatives > 0 ? area / (positives * negatives) : Number.NaN
}
