/** How a map reads times: patterns of tokens, ISO 8601, or a count since 1970. */

const DAY_MINUTES_MAX = 24 * 60
const TOKEN = /YYYY|SSS|MM|DD|HH|mm|ss|M|D|H/g
const TOKEN_PATTERNS: Readonly<Record<string, string>> = {
  YYYY: String.raw`(?<year>\d{4})`,
  MM: String.raw`(?<month>\d{2})`,
  M: String.raw`(?<month>\d{1,2})`,
  DD: String.raw`(?<day>\d{2})`,
  D: String.raw`(?<day>\d{1,2})`,
  HH: String.raw`(?<hour>\d{2})`,
  H: String.raw`(?<hour>\d{1,2})`,
  mm: String.raw`(?<minute>\d{2})`,
  ss: String.raw`(?<second>\d{2})`,
  SSS: String.raw`(?<ms>\d{3})`,
}
const ISO = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:\d{2})?$/
const NUMBER = /^-?\d+(\.\d+)?$/

export const TIME_FORMATS_SHOWN =
  'iso, epoch_ms, epoch_s, or a pattern of YYYY, MM or M, DD or D, HH or H, mm, ss, SSS'

/** ms since 1970, or NaN. */
export type ParseTime = (text: string) => number

/** Null where the format is none. `offsetMinutes` is that of times without a zone. */
export function compileTime(format: string, offsetMinutes: number): ParseTime | null {
  const offsetMs = offsetMinutes * 60_000
  if (format === 'iso') return (text) => parseIso(text, offsetMs)
  if (format === 'epoch_ms') return (text) => (NUMBER.test(text) ? Number(text) : Number.NaN)
  if (format === 'epoch_s') return (text) => (NUMBER.test(text) ? Number(text) * 1000 : Number.NaN)
  return compilePattern(format, offsetMs)
}

/** Minutes east of UTC of `UTC` or `+hh:mm`, or null. */
export function parseZone(zone: string): number | null {
  if (zone === 'UTC') return 0
  const match = /^([+-])(\d{2}):([0-5]\d)$/.exec(zone)
  if (match === null) return null
  const minutes = Number(match[2]) * 60 + Number(match[3])
  if (minutes >= DAY_MINUTES_MAX) return null
  return match[1] === '-' ? -minutes : minutes
}

function parseIso(text: string, offsetMs: number): number {
  const match = ISO.exec(text)
  if (match === null) return Number.NaN
  const iso = text.replace(' ', 'T')
  if (match[4] !== undefined) return Date.parse(match[1] === undefined ? '' : iso)
  return Date.parse(match[1] === undefined ? iso : `${iso}Z`) - offsetMs
}

function compilePattern(format: string, offsetMs: number): ParseTime | null {
  const tokens = format.match(TOKEN) ?? []
  const names = tokens.map((token) => TOKEN_PATTERNS[token].slice(3, 6))
  const has = (token: string) => tokens.some((found) => found.startsWith(token))
  if (new Set(names).size !== names.length) return null
  if (!has('YYYY') || !has('M') || !has('D')) return null
  if (/[A-Za-z]/.test(format.replace(TOKEN, '').replaceAll('T', ''))) return null
  let source = ''
  let at = 0
  for (const match of format.matchAll(TOKEN)) {
    source += escape(format.slice(at, match.index)) + TOKEN_PATTERNS[match[0]]
    at = match.index + match[0].length
  }
  const pattern = new RegExp(`^${source}${escape(format.slice(at))}$`)
  return (text) => {
    const parts = pattern.exec(text)?.groups
    return parts === undefined ? Number.NaN : instantOf(parts) - offsetMs
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)
}

/** NaN for what the calendar does not have. */
function instantOf(parts: Readonly<Record<string, string | undefined>>): number {
  const { year, month, day, hour = '0', minute = '0', second = '0', ms = '0' } = parts
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return Number.NaN
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day))
  if (new Date(date).getUTCDate() !== Number(day) || Number(month) > 12) return Number.NaN
  return date + (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000 + Number(ms)
}
