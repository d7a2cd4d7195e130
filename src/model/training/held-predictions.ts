import { calibrate, type Calibration, type CalibrationKind } from '../calibration/calibration.ts'
import { chooseCalibration, fitCalibration } from '../calibration/choose-calibration.ts'

/** What models predicted for rows that they were not fitted on. */
export interface HeldPredictions {
  /** `count × outputs` numbers. */
  readonly outputs: Float32Array
  readonly labels: Float32Array
  readonly classes: number
  /** The round that each row was held back in. */
  readonly roundOf: Uint16Array
}

/** Fitted on all of them; null where there are no classes. */
export function calibrationOf(
  { outputs, labels, classes }: HeldPredictions,
  kind: CalibrationKind | 'auto',
  seed: number,
): Calibration | null {
  if (classes === 0) return null
  const held = { outputs, labels, weights: null, classes }
  return kind === 'auto' ? chooseCalibration(held, { seed }) : fitCalibration(held, kind)
}

/**
 * The predictions corrected, each round's by a calibration that was fitted on the other rounds: what is
 * evaluated must not have helped to correct itself. Of a single round, by the calibration of all.
 */
export function crossCalibrated(
  held: HeldPredictions,
  calibration: Calibration | null,
): Float32Array {
  const corrected = held.outputs.slice()
  if (calibration === null) return corrected
  const { labels, roundOf } = held
  const rounds = new Set(roundOf)
  if (rounds.size === 1) {
    calibrate(calibration, corrected, labels.length)
    return corrected
  }
  const width = corrected.length / labels.length
  for (const round of rounds) {
    const curve = fitCalibration(
      rowsOf(held, (of) => of !== round),
      calibration.kind,
    )
    const own = rowsOf(held, (of) => of === round)
    calibrate(curve, own.outputs, own.labels.length)
    let at = 0
    roundOf.forEach((of, row) => {
      if (of === round) corrected.set(own.outputs.subarray(at, (at += width)), row * width)
    })
  }
  return corrected
}

function rowsOf(
  { outputs, labels, classes, roundOf }: HeldPredictions,
  wanted: (round: number) => boolean,
) {
  const width = outputs.length / labels.length
  const rows: number[] = []
  roundOf.forEach((of, row) => {
    if (wanted(of)) rows.push(row)
  })
  const taken = new Float32Array(rows.length * width)
  rows.forEach((row, i) => taken.set(outputs.subarray(row * width, (row + 1) * width), i * width))
  const known = Float32Array.from(rows, (row) => labels[row])
  return { outputs: taken, labels: known, weights: null, classes }
}
