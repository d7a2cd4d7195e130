/** How the text of one cell is read. Pure. */

const MISSING = new Set(['', 'na', 'n/a', 'null', 'nan', '?'])
const MISSING_LENGTH_MAX = 4
const TRUTH: Readonly<Record<string, 0 | 1>> = { false: 0, no: 0, '0': 0, true: 1, yes: 1, '1': 1 }
const TRUTH_LENGTH_MAX = 5
const TIME =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/
const DAY_MS = 86_400_000

/** Whether a cell, already trimmed, holds nothing: empty, NA, N/A, null, NaN or ?, in any case. */
export function isMissing(text: string): boolean {
  return text.length <= MISSING_LENGTH_MAX && MISSING.has(text.toLowerCase())
}

/** The decimal number that a cell is, or NaN; hexadecimal and "Infinity" are no numbers here. */
export function parseNumber(text: string): number {
  const value = Number(text)
  if (value - value !== 0) return Number.NaN
  return text.charCodeAt(1) > 90 && /^0[a-z]/i.test(text) ? Number.NaN : value
}

/** Whether a number is written as codes are, with a zero in front, so that it counts nothing. */
export function isPadded(text: string): boolean {
  return text.length > 1 && text.charCodeAt(0) === 48 && /^\d+$/.test(text)
}

/** 0 for false, no, 0; 1 for true, yes, 1; in any case; -1 for all else. */
export function parseTruth(text: string): -1 | 0 | 1 {
  if (text.length > TRUTH_LENGTH_MAX) return -1
  const key = text.toLowerCase()
  return Object.hasOwn(TRUTH, key) ? TRUTH[key] : -1
}

/**
 * Days since 1970 of an ISO 8601 date or time (without a zone: UTC), or NaN; also NaN for a day that
 * the calendar does not have.
 */
export function parseDays(text: string): number {
  if (text.length < 10 || text.charCodeAt(4) !== 45) return Number.NaN
  const match = TIME.exec(text)
  if (match === null) return Number.NaN
  const [, date, time = '00:00', zone = 'Z'] = match
  const days = Date.parse(`${date}T${time}${zone}`) / DAY_MS
  const there = Date.parse(`${date}T00:00Z`)
  if (Number.isNaN(there) || new Date(there).getUTCDate() !== Number(date.slice(8)))
    return Number.NaN
  return days
}
