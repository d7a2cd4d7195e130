import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { LimnError } from '../../protocol/errors.ts'
import { applyIsotonic, type IsotonicCurve } from './isotonic.ts'
import { applyPlatt, type PlattCurve } from './platt.ts'

export const CALIBRATION_KINDS = ['none', 'platt', 'isotonic'] as const
export type CalibrationKind = (typeof CALIBRATION_KINDS)[number]
export type CalibrationCurve = { readonly kind: 'none' } | PlattCurve | IsotonicCurve

/**
 * How a model's probabilities are corrected; plain JSON. `binary` has one curve; several classes have
 * one each, and the corrected ones are divided by their sum.
 */
export interface Calibration {
  readonly kind: CalibrationKind
  readonly curves: readonly CalibrationCurve[]
  /** Cross-validated log loss of each kind that was tried, on the rows fitted on. */
  readonly logLoss: Readonly<Partial<Record<CalibrationKind, number>>>
}

/** Corrects outputs in place: `count × 1` for one curve, `count × curves` for several. */
export function calibrate(
  { kind, curves }: Calibration,
  outputs: Float32Array,
  count: number,
): void {
  if (kind === 'none') return
  const size = curves.length
  for (let row = 0; row < count; row++) {
    let sum = 0
    for (let k = 0; k < size; k++) {
      const p = applyCurve(curves[k], outputs[row * size + k])
      outputs[row * size + k] = p
      sum += p
    }
    if (size === 1) continue
    for (let k = 0; k < size; k++) {
      outputs[row * size + k] = sum > 0 ? outputs[row * size + k] / sum : 1 / size
    }
  }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function loadCalibration(saved: unknown): Calibration {
  if (!saveable.Check(saved) || !saved.curves.every(isRising)) {
    throw new LimnError('ERR_MODEL_CORRUPT', 'the calibration is not described as it should be')
  }
  return saved
}

const Curve = Type.Union([
  Type.Object({ kind: Type.Literal('none') }),
  Type.Object({
    kind: Type.Literal('platt'),
    slope: Type.Number({ minimum: 0 }),
    intercept: Type.Number(),
  }),
  Type.Object({
    kind: Type.Literal('isotonic'),
    scores: Type.Array(Type.Number(), { minItems: 1 }),
    probabilities: Type.Array(Type.Number({ minimum: 0, maximum: 1 }), { minItems: 1 }),
  }),
])
const Kind = Type.Union(CALIBRATION_KINDS.map((kind) => Type.Literal(kind)))
const saveable = Compile(
  Type.Object({
    kind: Kind,
    curves: Type.Array(Curve, { minItems: 1 }),
    logLoss: Type.Partial(
      Type.Object({ none: Type.Number(), platt: Type.Number(), isotonic: Type.Number() }),
    ),
  }),
)

function isRising(curve: CalibrationCurve): boolean {
  if (curve.kind !== 'isotonic') return true
  const { scores, probabilities } = curve
  return (
    scores.length === probabilities.length &&
    scores.every((score, i) => i === 0 || score > scores[i - 1]) &&
    probabilities.every((p, i) => i === 0 || p >= probabilities[i - 1])
  )
}

function applyCurve(curve: CalibrationCurve, score: number): number {
  if (curve.kind === 'platt') return applyPlatt(curve, score)
  return curve.kind === 'isotonic' ? applyIsotonic(curve, score) : score
}
