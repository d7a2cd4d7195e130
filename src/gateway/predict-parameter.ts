import type { ErrorValue } from '../protocol/shards.ts'

const PREDICT_MODELS_MAX = 8
export const MODEL_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/

const NONE: readonly string[] = []

/** Names in `?predict=<model>[,…]`, or why they are refused. */
export function predictNames(query: string): readonly string[] | ErrorValue {
  if (!query.includes('predict=')) return NONE
  const names = (new URLSearchParams(query).get('predict') ?? '')
    .split(',')
    .filter((name) => name !== '')
  if (names.length > PREDICT_MODELS_MAX) {
    return parameterError(
      `"predict" names ${names.length} models; at most ${PREDICT_MODELS_MAX} are allowed`,
    )
  }
  const wrong = names.find((name) => !MODEL_NAME.test(name))
  if (wrong === undefined) return [...new Set(names)]
  return parameterError(
    '"predict" holds model names of letters, digits, "_" and "-", a letter first, joined by commas',
  )
}

export function isNames(names: readonly string[] | ErrorValue): names is readonly string[] {
  return Array.isArray(names)
}

export function parameterError(message: string): ErrorValue {
  return { code: 'ERR_REQUEST_PARAMETER', message }
}
