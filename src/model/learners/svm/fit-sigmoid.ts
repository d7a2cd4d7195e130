import { fitPlattLine, plattTargets } from '../../calibration/platt-scaling.ts'
import type { Sigmoid } from './sigmoid.ts'
import type { Pace } from '../pace.ts'
import { readRow } from '../row-values.ts'
import type { SvmRows } from './svm-data.ts'
import type { SvmFacts, Decide } from './svm-outputs.ts'

const GRADIENT_MIN = 1e-6

/**
 * Platt's sigmoid over the decisions; see {@link fitPlattLine}. Without a positive or a negative row
 * the targets alone keep the result away from 0 and 1.
 */
export function fitSigmoid(
  decisions: Float64Array,
  positive: ArrayLike<boolean>,
  weights: Float64Array,
): Sigmoid {
  let positives = 0
  let negatives = 0
  weights.forEach((weight, i) => {
    if (positive[i]) positives += weight
    else negatives += weight
  })
  const { yes, no } = plattTargets(positives, negatives)
  const targets = Float64Array.from(decisions, (_, i) => (positive[i] ? yes : no))
  const start = { slope: 0, intercept: Math.log((positives + 1) / (negatives + 1)) }
  const rows = { scores: decisions, targets, weights }
  const { slope, intercept } = fitPlattLine(rows, { start, gradientMin: GRADIENT_MIN })
  return { slope: -slope, offset: -intercept }
}

/** Rows that are looked at even when fitting was stopped. */
const CALIBRATED_MIN = 200

/** One sigmoid a machine, from the rows held back; stopped, from some of them. */
export async function calibrate(
  { held }: SvmRows,
  { machines, decide, pace }: { machines: number; decide: Decide; pace: Pace },
): Promise<SvmFacts['sigmoids']> {
  const { width, count, rows, labels, weights, classes } = held
  if (classes === 0) return []
  const row = new Float64Array(width)
  const decisions = new Float64Array(machines)
  const all = Array.from({ length: machines }, () => new Float64Array(count))
  let seen = 0
  while (seen < count && ((await pace.reached(0)) || seen < CALIBRATED_MIN)) {
    readRow(rows, seen * width, row)
    decide(row, decisions)
    for (let machine = 0; machine < machines; machine++) all[machine][seen] = decisions[machine]
    seen++
  }
  const rowWeights = Float64Array.from({ length: seen }, (_, i) => weights?.[i] ?? 1)
  return all.map((own, machine) => {
    const positive = Array.from(labels, (label) => label === (machines > 1 ? machine : 1))
    return fitSigmoid(own.subarray(0, seen), positive, rowWeights)
  })
}
