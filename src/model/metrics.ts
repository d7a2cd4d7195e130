/** Quality of probabilities and of values against what happened. Pure; labels are 0 or 1. */

export interface BinaryMetrics {
  readonly rows: number
  readonly positives: number
  /** At `threshold`: a score of at least it counts as a yes. */
  readonly threshold: number
  readonly accuracy: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
  /** Ties count half; NaN with one class only. */
  readonly rocAuc: number
  /** Average precision; NaN without positives. */
  readonly prAuc: number
  /** Natural logarithm, probabilities kept in [1e-7, 1 - 1e-7]. */
  readonly logLoss: number
  readonly brier: number
  /** Expected calibration error over 10 bins of equal width. */
  readonly ece: number
  readonly meanScore: number
}

export interface ValueMetrics {
  readonly rows: number
  readonly mae: number
  readonly mse: number
  readonly rmse: number
  /** NaN where the actual values do not vary. */
  readonly r2: number
  readonly pearson: number
}

const PROBABILITY_MIN = 1e-7
const CALIBRATION_BINS = 10

export function binaryMetrics(
  scores: Float32Array | Float64Array,
  labels: Uint8Array,
  threshold: number,
): BinaryMetrics {
  const rows = scores.length
  const { rocAuc, prAuc, positives } = rankingMetrics(scores, labels)
  let yes = 0
  let truePositives = 0
  let squared = 0
  let sum = 0
  for (let i = 0; i < rows; i++) {
    if (scores[i] >= threshold) {
      yes++
      truePositives += labels[i]
    }
    squared += (scores[i] - labels[i]) ** 2
    sum += scores[i]
  }
  const trueNegatives = rows - positives - (yes - truePositives)
  return {
    rows,
    positives,
    threshold,
    accuracy: (truePositives + trueNegatives) / rows,
    precision: yes === 0 ? 0 : truePositives / yes,
    recall: positives === 0 ? 0 : truePositives / positives,
    f1: yes + positives === 0 ? 0 : (2 * truePositives) / (yes + positives),
    rocAuc,
    prAuc,
    logLoss: logLoss(scores, labels),
    brier: squared / rows,
    ece: calibrationError(scores, labels),
    meanScore: sum / rows,
  }
}

export function logLoss(scores: Float32Array | Float64Array, labels: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < scores.length; i++) {
    const p = Math.min(1 - PROBABILITY_MIN, Math.max(PROBABILITY_MIN, scores[i]))
    sum -= labels[i] === 1 ? Math.log(p) : Math.log(1 - p)
  }
  return sum / scores.length
}

/** Mean over bins of |mean score − share of positives|, weighted by rows. */
function calibrationError(scores: Float32Array | Float64Array, labels: Uint8Array): number {
  const gap = new Float64Array(CALIBRATION_BINS)
  for (let i = 0; i < scores.length; i++) {
    const bin = Math.min(CALIBRATION_BINS - 1, Math.floor(scores[i] * CALIBRATION_BINS))
    gap[bin] += scores[i] - labels[i]
  }
  let sum = 0
  for (const value of gap) sum += Math.abs(value)
  return sum / scores.length
}

/** Area under the ROC curve and average precision; equal scores are one step of both curves. */
export function rankingMetrics(
  scores: Float32Array | Float64Array,
  labels: Uint8Array,
): { rocAuc: number; prAuc: number; positives: number } {
  const order = descendingOrder(scores)
  const rows = order.length
  let positives = 0
  for (const label of labels) positives += label
  const negatives = rows - positives
  let seenPositives = 0
  let seenNegatives = 0
  let area = 0
  let averagePrecision = 0
  for (let i = 0; i < rows;) {
    const score = scores[order[i]]
    let up = 0
    let down = 0
    for (; i < rows && scores[order[i]] === score; i++) {
      if (labels[order[i]] === 1) up++
      else down++
    }
    area += down * (seenPositives + up / 2)
    seenPositives += up
    seenNegatives += down
    if (up > 0) averagePrecision += (up * seenPositives) / (seenPositives + seenNegatives)
  }
  return {
    rocAuc: positives === 0 || negatives === 0 ? Number.NaN : area / (positives * negatives),
    prAuc: positives === 0 ? Number.NaN : averagePrecision / positives,
    positives,
  }
}

/** The score above which F1 is highest; 0.5 without positives. Ties are kept together. */
export function bestF1Threshold(scores: Float32Array, labels: Uint8Array): number {
  const order = descendingOrder(scores)
  let positives = 0
  for (const label of labels) positives += label
  let best = 0
  let threshold = 0.5
  let truePositives = 0
  for (let i = 0; i < order.length;) {
    const score = scores[order[i]]
    for (; i < order.length && scores[order[i]] === score; i++) truePositives += labels[order[i]]
    const f1 = (2 * truePositives) / (i + positives)
    if (f1 > best) {
      best = f1
      threshold = score
    }
  }
  return threshold
}

export function valueMetrics(
  predicted: Float32Array | Float64Array,
  actual: Float32Array | Float64Array,
): ValueMetrics {
  const rows = predicted.length
  const meanPredicted = mean(predicted)
  const meanActual = mean(actual)
  let absolute = 0
  let squared = 0
  let varianceActual = 0
  let variancePredicted = 0
  let covariance = 0
  for (let i = 0; i < rows; i++) {
    const error = predicted[i] - actual[i]
    absolute += Math.abs(error)
    squared += error * error
    varianceActual += (actual[i] - meanActual) ** 2
    variancePredicted += (predicted[i] - meanPredicted) ** 2
    covariance += (actual[i] - meanActual) * (predicted[i] - meanPredicted)
  }
  const spread = Math.sqrt(varianceActual * variancePredicted)
  return {
    rows,
    mae: absolute / rows,
    mse: squared / rows,
    rmse: Math.sqrt(squared / rows),
    r2: varianceActual === 0 ? Number.NaN : 1 - squared / varianceActual,
    pearson: spread === 0 ? Number.NaN : covariance / spread,
  }
}

function mean(values: Float32Array | Float64Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

function descendingOrder(scores: Float32Array | Float64Array): Uint32Array {
  const order = new Uint32Array(scores.length)
  for (let i = 0; i < order.length; i++) order[i] = i
  return order.sort((a, b) => scores[b] - scores[a])
}
