import type { Network } from './network.ts'
import { countPositives } from './table.ts'

/** `logit → slope × logit + offset` */
export interface Calibration {
  readonly slope: number
  readonly offset: number
}

const NONE: Calibration = { slope: 1, offset: 0 }
/** With fewer of either class the fit would be noise: nothing is changed. */
const CLASS_ROWS_MIN = 100
const STEPS_MAX = 25
const STEP_MIN = 1e-6
/** A slope beyond these is no calibration any more: the rows are of another kind. */
const SLOPE_MIN = 0.5
const SLOPE_MAX = 2

/**
 * Platt's scaling (1999): the slope and offset of the logits that give the labels the highest
 * likelihood, by Newton's method. Ranking does not change. Fit it on rows that the model was not
 * fitted on. Leaves the logits as they are where it cannot be trusted.
 */
export function fitCalibration(logits: Float64Array, labels: Uint8Array): Calibration {
  const positives = countPositives(labels)
  if (Math.min(positives, labels.length - positives) < CLASS_ROWS_MIN) return NONE
  let { slope, offset } = NONE
  for (let step = 0; step < STEPS_MAX; step++) {
    const move = newtonStep(logits, labels, { slope, offset })
    slope += move.slope
    offset += move.offset
    if (Math.abs(move.slope) + Math.abs(move.offset) < STEP_MIN) break
  }
  const trusted = slope >= SLOPE_MIN && slope <= SLOPE_MAX && Number.isFinite(offset)
  return trusted ? { slope, offset } : NONE
}

/** The network with the calibration in its last layer: scoring costs nothing more. */
export function calibrated(network: Network, { slope, offset }: Calibration): Network {
  const last = network.weights.length - 1
  const scaled = (layer: Float32Array): Float32Array => layer.map((value) => value * slope)
  const bias = scaled(network.biases[last])
  bias[0] += offset
  return {
    sizes: network.sizes,
    weights: network.weights.with(last, scaled(network.weights[last])),
    biases: network.biases.with(last, bias),
  }
}

function newtonStep(logits: Float64Array, labels: Uint8Array, at: Calibration): Calibration {
  let [slope, offset, slopeSlope, slopeOffset, offsetOffset] = [0, 0, 0, 0, 0]
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i]
    const p = 1 / (1 + Math.exp(-(at.slope * logit + at.offset)))
    const error = labels[i] - p
    const weight = p * (1 - p)
    slope += error * logit
    offset += error
    slopeSlope += weight * logit * logit
    slopeOffset += weight * logit
    offsetOffset += weight
  }
  const determinant = slopeSlope * offsetOffset - slopeOffset * slopeOffset
  return {
    slope: (offsetOffset * slope - slopeOffset * offset) / determinant,
    offset: (slopeSlope * offset - slopeOffset * slope) / determinant,
  }
}
