import type { ThresholdChoice } from '../model/definition.ts'
import { LimnError } from '../protocol/errors.ts'

/** @throws LimnError ERR_TABLE_LABEL where one is given without the other */
export function fileAndLabel(options: { table?: string; label?: string }): {
  file: string
  label: string
} {
  const { table, label } = options
  if (table !== undefined && label !== undefined) return { file: table, label }
  throw new LimnError(
    'ERR_TABLE_LABEL',
    '--table and --label go together: a CSV file, and the column to predict',
  )
}

/** @throws LimnError ERR_CLI_OPTION */
export function numberIn(
  option: string,
  text: string,
  range: { readonly min: number; readonly max: number; readonly whole?: boolean },
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  const { min, max, whole = false } = range
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  const kind = whole ? 'a whole number' : 'a number'
  throw refused(`${option} takes ${kind} from ${min} to ${max}, found "${text}"`)
}

/** @throws LimnError ERR_CLI_OPTION */
export function seedOf(text: string): number {
  return numberIn('--seed', text, { min: 0, max: SEED_MAX, whole: true })
}

/** A larger one would be taken modulo 2³². */
const SEED_MAX = 4_294_967_295

/** A version as it is written. @throws LimnError ERR_MODEL_UNKNOWN */
export function versionOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new LimnError('ERR_MODEL_UNKNOWN', `a version is a number, found "${text}"`)
}

/** @throws LimnError ERR_CLI_OPTION */
export function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === text)
  if (found !== undefined) return found
  throw refused(`${option} takes ${allowed.join(' or ')}, found "${text}"`)
}

/** `1:5`: what a false yes and a false no cost. */
export function costsOf(text: string): ThresholdChoice {
  const parts = text.split(':').map(Number)
  const [falsePositive, falseNegative] = parts
  if (parts.length === 2 && parts.every((cost) => cost > 0 && Number.isFinite(cost))) {
    return { by: 'cost', truePositive: 0, falsePositive, falseNegative, trueNegative: 0 }
  }
  throw refused(`--costs takes two numbers above 0 such as 1:5, found "${text}"`)
}

function refused(message: string): LimnError {
  return new LimnError('ERR_CLI_OPTION', message)
}
