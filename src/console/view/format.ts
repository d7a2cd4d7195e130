const whole = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const precise = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })
const dateTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hourCycle: 'h23' })
/** Numbers this large are taken for milliseconds since 1970 (September 2001 and later). */
const EARLIEST_TIME_MS = 1e12

export const count = (n: number | undefined): string =>
  n === undefined ? '–' : Math.abs(n) < 100_000 ? whole.format(Math.round(n)) : compact.format(n)
export const milliseconds = (n: number | null | undefined): string =>
  n === undefined || n === null ? '–' : `${n >= 100 ? Math.round(n) : n.toPrecision(2)} ms`
export const percent = (n: number | undefined): string =>
  n === undefined ? '–' : `${(n * 100).toFixed(n < 0.1 ? 1 : 0)}%`
export const title = (name: string): string => {
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export function timeOf(value: unknown): number | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null
  const time = typeof value === 'number' ? value : Date.parse(value)
  return Number.isFinite(time) ? time : null
}
export const at = (value: unknown): string => {
  const time = timeOf(value)
  return time === null ? '–' : dateTime.format(time)
}
export const clockAt = (value: unknown): string => {
  const time = timeOf(value)
  return time === null ? '–' : clock.format(time)
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** A trait's value as text: shares as percent, instants as dates, lists joined. */
export function traitText(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '–'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (typeof value === 'number') {
    if (value > EARLIEST_TIME_MS) return at(value)
    if (/^seconds_since_|^session_length_/.test(name)) return duration(value)
    if (/(_rate|_share)(_|$)/.test(name) && value >= 0 && value <= 1) return percent(value)
    return precise.format(value)
  }
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? at(value) : value
  if (Array.isArray(value)) return value.map((v) => traitText('', v)).join(', ')
  if (typeof value === 'object' && 'event' in value) return traitText('', value.event)
  return JSON.stringify(value)
}
