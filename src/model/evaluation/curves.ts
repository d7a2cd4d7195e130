import { PROBABILITY_MIN } from './binary-sample.ts'
import { equalParts } from './equal-parts.ts'
import { rankScores } from './ranking.ts'
import { weightsInOrder } from './sample.ts'
import { thin } from './thin.ts'

const CALIBRATION_BINS = 15
const HISTOGRAM_BINS = 30

export interface ScoredLabels {
  readonly scores: Float32Array
  /** 0 or 1. */
  readonly labels: Float32Array
  readonly weights: Float32Array | null
}

export interface CalibrationBin {
  readonly meanScore: number
  /** Share of positives, and its 95 % interval (Wilson 1927) for the bin's rows. */
  readonly rate: number
  readonly low: number
  readonly high: number
  readonly rows: number
}

/** Shares of rows by score, of each class on its own. */
export interface Histogram {
  readonly from: number
  readonly to: number
  readonly negatives: readonly number[]
  readonly positives: readonly number[]
}

/** Of at most 200 points each; each point ends with the threshold from which a score is a yes. */
export interface BinaryCurves {
  /** False positive rate, true positive rate, threshold. */
  readonly roc: readonly (readonly [number, number, number])[]
  /** Recall, precision, threshold. */
  readonly precisionRecall: readonly (readonly [number, number, number])[]
  /** Share of rows taken by highest score, share of the positives among them, threshold. */
  readonly gain: readonly (readonly [number, number, number])[]
  readonly calibration: readonly CalibrationBin[]
  readonly histogram: Histogram
}

type Triple = readonly [number, number, number]

/** @returns null where one class has no row */
export function binaryCurves(rows: ScoredLabels): BinaryCurves | null {
  const steps = cumulate(rows)
  const last = steps.at(-1)
  if (last === undefined || last.positives === 0 || last.negatives === 0) return null
  const { positives, negatives } = last
  const roc: Triple[] = [[0, 0, aboveAll(steps[0].score)]]
  const precisionRecall: Triple[] = []
  const gain: Triple[] = [[0, 0, aboveAll(steps[0].score)]]
  for (const step of steps) {
    const taken = step.positives + step.negatives
    roc.push([step.negatives / negatives, step.positives / positives, step.score])
    precisionRecall.push([step.positives / positives, step.positives / taken, step.score])
    gain.push([taken / (positives + negatives), step.positives / positives, step.score])
  }
  return {
    roc: thin(roc),
    precisionRecall: thin(precisionRecall),
    gain: thin(gain),
    calibration: calibrationBins(rows),
    histogram: histogramOf(rows),
  }
}

/** Weight of each class from the highest score down to one, ties together. */
interface Step {
  readonly score: number
  readonly positives: number
  readonly negatives: number
}

export function cumulate({ scores, labels, weights }: ScoredLabels): Step[] {
  const { order, ends } = rankScores(scores)
  const steps: Step[] = []
  let positives = 0
  let negatives = 0
  let at = 0
  for (const end of ends) {
    for (; at < end; at++) {
      const weight = weights === null ? 1 : weights[order[at]]
      if (labels[order[at]] === 1) positives += weight
      else negatives += weight
    }
    steps.push({ score: scores[order[end - 1]], positives, negatives })
  }
  return steps
}

/** A threshold that no score reaches. */
export function aboveAll(highest: number): number {
  return highest + Math.max(PROBABILITY_MIN, Math.abs(highest) * PROBABILITY_MIN)
}

/** Bins of about equally many rows; equal scores are never parted. */
export function calibrationBins(rows: ScoredLabels, bins = CALIBRATION_BINS): CalibrationBin[] {
  const { scores, labels } = rows
  const { order, ends } = rankScores(scores)
  const weights = weightsInOrder(rows.weights, order)
  const found: CalibrationBin[] = []
  let start = 0
  for (const end of equalParts(ends, bins)) {
    let total = 0
    let score = 0
    let positives = 0
    for (let i = start; i < end; i++) {
      total += weights[i]
      score += weights[i] * scores[order[i]]
      positives += weights[i] * labels[order[i]]
    }
    const rate = positives / total
    const interval = wilson(rate, end - start)
    found.push({ meanScore: score / total, rate, ...interval, rows: end - start })
    start = end
  }
  return found.reverse()
}

/** 95 % interval of a share seen in n rows (Wilson 1927). */
export function wilson(share: number, n: number): { readonly low: number; readonly high: number } {
  const z = 1.959_964
  const middle = (share + (z * z) / (2 * n)) / (1 + (z * z) / n)
  const half =
    (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) }
}

function histogramOf({ scores, labels, weights }: ScoredLabels): Histogram {
  const counts = [new Float64Array(HISTOGRAM_BINS), new Float64Array(HISTOGRAM_BINS)]
  const totals = [0, 0]
  for (let i = 0; i < scores.length; i++) {
    const bin = Math.max(0, Math.min(HISTOGRAM_BINS - 1, Math.floor(scores[i] * HISTOGRAM_BINS)))
    const weight = weights === null ? 1 : weights[i]
    counts[labels[i]][bin] += weight
    totals[labels[i]] += weight
  }
  const [negatives, positives] = counts.map((bins, label) =>
    [...bins].map((n) => n / totals[label]),
  )
  return { from: 0, to: 1, negatives, positives }
}
