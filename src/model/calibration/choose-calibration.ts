import { fitIsotonic } from './fit-isotonic.ts'
import { fitPlatt } from './fit-platt.ts'
import { takeCalibrationRows } from './scores.ts'
import { PROBABILITY_MIN } from '../evaluation/binary-sample.ts'
import { Random } from '../random.ts'
import {
  CALIBRATION_KINDS,
  type CalibrationKind,
  type CalibrationCurve,
  type Calibration,
  calibrate,
} from './calibration.ts'

export interface HeldBack {
  /** One probability a row, or one for each class. */
  readonly outputs: Float32Array
  /** Class indices. */
  readonly labels: Float32Array
  readonly weights: Float32Array | null
  readonly classes: number
}

export interface CalibrationOptions {
  readonly seed: number
  readonly folds?: number
  /** Isotonic regression bends with every row: it is not tried on fewer. */
  readonly isotonicRowsMin?: number
}

const FOLDS = 5

const ISOTONIC_ROWS_MIN = 500

/**
 * A correction must lower the log loss by this share to be preferred to a simpler one. Isotonic
 * regression gives many rows one probability, which the model told apart: it must gain more.
 */
const GAIN_MIN: Readonly<Record<CalibrationKind, number>> = {
  none: 0,
  platt: 0.001,
  isotonic: 0.02,
}

/**
 * Chooses between no correction, Platt's sigmoid and isotonic regression by cross-validated log loss
 * on rows that the model was not fitted on, and fits the chosen one on all of them.
 */
export function chooseCalibration(held: HeldBack, options: CalibrationOptions): Calibration {
  const { isotonicRowsMin = ISOTONIC_ROWS_MIN } = options
  const rows = held.labels.length
  const kinds = CALIBRATION_KINDS.filter((kind) => kind !== 'isotonic' || rows >= isotonicRowsMin)
  const folds = foldsOf(held, options)
  const losses: Partial<Record<CalibrationKind, number>> = {}
  let best: CalibrationKind = 'none'
  for (const kind of kinds) {
    const loss = crossValidated(held, kind, folds)
    losses[kind] = loss
    if (loss < (losses[best] ?? loss) * (1 - GAIN_MIN[kind])) best = kind
  }
  return { kind: best, curves: fitCurves(held, best), logLoss: losses }
}

/** Fits one kind on all rows. */
export function fitCalibration(held: HeldBack, kind: CalibrationKind): Calibration {
  return { kind, curves: fitCurves(held, kind), logLoss: {} }
}

function fitCurves(
  { outputs, labels, weights, classes }: HeldBack,
  kind: CalibrationKind,
): CalibrationCurve[] {
  const size = outputs.length / labels.length
  return Array.from({ length: size }, (_, k) => {
    if (kind === 'none') return { kind }
    const rows = {
      scores: labels.map((_, row) => outputs[row * size + k]),
      labels: size === 1 && classes <= 2 ? labels : labels.map((label) => Number(label === k)),
      weights,
    }
    return kind === 'platt' ? fitPlatt(rows) : fitIsotonic(rows)
  })
}

/** Fold of each row: classes are dealt out evenly, in a drawn order. */
function foldsOf({ labels }: HeldBack, { seed, folds = FOLDS }: CalibrationOptions): Uint8Array {
  const order = Uint32Array.from({ length: labels.length }, (_, row) => row)
  new Random(seed).shuffle(order)
  const dealt = new Map<number, number>()
  const fold = new Uint8Array(labels.length)
  for (const row of order) {
    const n = dealt.get(labels[row]) ?? 0
    fold[row] = n % folds
    dealt.set(labels[row], n + 1)
  }
  return fold
}

function crossValidated(held: HeldBack, kind: CalibrationKind, fold: Uint8Array): number {
  if (kind === 'none') return meanLogLoss(held, held.outputs)
  const corrected = held.outputs.slice()
  const size = held.outputs.length / held.labels.length
  for (const one of new Set(fold)) {
    const kept = rowsWhere(fold, (other) => other !== one)
    const left = rowsWhere(fold, (other) => other === one)
    if (kept.length === 0) continue
    const calibration = fitCalibration(takeHeld(held, kept), kind)
    const outputs = takeHeld(held, left).outputs
    calibrate(calibration, outputs, left.length)
    left.forEach((row, i) => corrected.set(outputs.subarray(i * size, (i + 1) * size), row * size))
  }
  return meanLogLoss(held, corrected)
}

function rowsWhere(fold: Uint8Array, wanted: (fold: number) => boolean): Uint32Array {
  return Uint32Array.from({ length: fold.length }, (_, row) => row).filter((row) =>
    wanted(fold[row]),
  )
}

function takeHeld(held: HeldBack, rows: Uint32Array): HeldBack {
  const size = held.outputs.length / held.labels.length
  const { labels, weights } = takeCalibrationRows({ ...held, scores: held.labels }, rows)
  const outputs = new Float32Array(rows.length * size)
  rows.forEach((row, i) => {
    outputs.set(held.outputs.subarray(row * size, (row + 1) * size), i * size)
  })
  return { ...held, outputs, labels, weights }
}

function meanLogLoss({ labels, weights }: HeldBack, outputs: Float32Array): number {
  const size = outputs.length / labels.length
  let sum = 0
  let total = 0
  labels.forEach((label, row) => {
    const p = size === 1 ? outputs[row] : outputs[row * size + label]
    const right = size > 1 || label === 1 ? p : 1 - p
    const weight = weights === null ? 1 : weights[row]
    sum -= weight * Math.log(Math.min(1, Math.max(PROBABILITY_MIN, right)))
    total += weight
  })
  return sum / total
}
