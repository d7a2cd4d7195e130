import { inOrder, rankScores } from './ranking.ts'
import { positionsByClass, weightsInOrder, type Sample } from './sample.ts'

/**
 * - `accuracy`, `precision`, `recall`, `f1`: at the threshold; a score of at least it is a yes.
 *   Precision is 0 where nothing is a yes, recall where nothing is positive
 * - `rocAuc`: ties count half; NaN with one class only
 * - `prAuc`: average precision, a group of equal scores being one step; NaN without positives
 * - `logLoss`: natural logarithm, probabilities kept in [1e-7, 1 − 1e-7]
 * - `brier`: mean squared difference to 0 or 1
 * - `ece`: expected calibration error over 10 bins of equal width
 */
export const BINARY_METRICS = [
  'rocAuc',
  'prAuc',
  'logLoss',
  'brier',
  'ece',
  'accuracy',
  'precision',
  'recall',
  'f1',
] as const
export type BinaryMetric = (typeof BINARY_METRICS)[number]

export const PROBABILITY_MIN = 1e-7
const CALIBRATION_BINS = 10

/** `labels` are 0 or 1; `scores` probabilities. */
export interface BinaryRows {
  readonly scores: Float32Array
  readonly labels: Float32Array
  readonly weights: Float32Array | null
  readonly threshold: number
}

/** Rows in order of their scores: sorted once, however often they are measured. */
export function binarySample(rows: BinaryRows): Sample<BinaryMetric> {
  const ranking = rankScores(rows.scores)
  const scores = inOrder(rows.scores, ranking)
  const labels = Uint8Array.from(inOrder(rows.labels, ranking))
  const yes = scores.reduce((n, score) => n + Number(score >= rows.threshold), 0)
  const losses = lossesOf(scores, labels)
  const bins = Uint8Array.from(scores, (p) => {
    return Math.min(CALIBRATION_BINS - 1, Math.max(0, Math.floor(p * CALIBRATION_BINS)))
  })
  return {
    count: scores.length,
    weights: weightsInOrder(rows.weights, ranking.order),
    strata: positionsByClass(labels, 2),
    measure: (weights) => ({
      ...orderMetrics({ labels, ends: ranking.ends, yes }, weights),
      ...probabilityMetrics({ scores, labels, losses, bins }, weights),
    }),
  }
}

interface Ordered {
  readonly labels: Uint8Array
  readonly ends: Uint32Array
  /** Positions before this one are called positive. */
  readonly yes: number
}

/** What follows from the order: one pass from the highest score down, exact with ties. */
function orderMetrics({ labels, ends, yes }: Ordered, weights: Float64Array) {
  let positives = 0
  let negatives = 0
  let area = 0
  let precision = 0
  let hits = 0
  let falseAlarms = 0
  let at = 0
  for (let group = 0; group < ends.length; group++) {
    let up = 0
    let down = 0
    for (; at < ends[group]; at++) {
      const weight = weights[at]
      up += weight * labels[at]
      down += weight - weight * labels[at]
    }
    area += down * (positives + up / 2)
    positives += up
    negatives += down
    if (up > 0) precision += (up * positives) / (positives + negatives)
    if (at !== yes) continue
    hits = positives
    falseAlarms = negatives
  }
  const said = hits + falseAlarms
  return {
    rocAuc: positives > 0 && negatives > 0 ? area / (positives * negatives) : Number.NaN,
    prAuc: positives > 0 ? precision / positives : Number.NaN,
    accuracy: (hits + negatives - falseAlarms) / (positives + negatives),
    precision: said > 0 ? hits / said : 0,
    recall: positives > 0 ? hits / positives : 0,
    f1: said + positives > 0 ? (2 * hits) / (said + positives) : 0,
  }
}

interface Scored {
  readonly scores: Float32Array
  readonly labels: Uint8Array
  readonly losses: Float64Array
  readonly bins: Uint8Array
}

function probabilityMetrics({ scores, labels, losses, bins }: Scored, weights: Float64Array) {
  const gaps = new Float64Array(CALIBRATION_BINS)
  let total = 0
  let loss = 0
  let squares = 0
  for (let i = 0; i < scores.length; i++) {
    const weight = weights[i]
    if (weight === 0) continue
    const off = scores[i] - labels[i]
    total += weight
    loss += weight * losses[i]
    squares += weight * off * off
    gaps[bins[i]] += weight * off
  }
  let gap = 0
  for (const one of gaps) gap += Math.abs(one)
  return { logLoss: loss / total, brier: squares / total, ece: gap / total }
}

function lossesOf(scores: Float32Array, labels: Uint8Array): Float64Array {
  return Float64Array.from(scores, (score, i) => {
    const p = Math.min(1 - PROBABILITY_MIN, Math.max(PROBABILITY_MIN, score))
    return -Math.log(labels[i] === 1 ? p : 1 - p)
  })
}
