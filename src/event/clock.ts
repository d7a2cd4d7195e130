/** Times before this are taken for a broken clock. */
export const EARLIEST_MS = Date.UTC(1995, 0, 1)
/** How far ahead of the server a corrected time may be; up to here it becomes the arrival time. */
export const FUTURE_MAX_MS = 24 * 3_600_000

/**
 * Parses ISO 8601 text or a number of ms since 1970; NaN when it is neither. The usual form
 * `YYYY-MM-DDTHH:mm:ss[.sss]Z` is read without `Date.parse`.
 */
export function parseTime(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return Number.NaN
  const length = value.length
  if ((length === 24 || length === 20) && value.charCodeAt(length - 1) === 90) {
    const fast = parseUsual(value, length)
    if (!Number.isNaN(fast)) return fast
  }
  return /^\d{4}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN
}

const DAY_MS = 86_400_000
const dayCache = { text: '', start: 0 }

function parseUsual(text: string, length: number): number {
  const date = text.slice(0, 11)
  if (date !== dayCache.text) {
    const start = Date.parse(`${date}00:00:00Z`)
    if (Number.isNaN(start)) return Number.NaN
    dayCache.text = date
    dayCache.start = start
  }
  const hours = twoDigits(text, 11)
  const minutes = twoDigits(text, 14)
  const seconds = twoDigits(text, 17)
  const ms = length === 24 ? twoDigits(text, 20) * 10 + text.charCodeAt(22) - 48 : 0
  const ofDay = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
  return hours < 24 && minutes < 60 && seconds < 60 && ofDay < DAY_MS ? dayCache.start + ofDay : Number.NaN
}

function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens >= 0 && tens < 10 && ones >= 0 && ones < 10 ? tens * 10 + ones : Number.NaN
}

export interface TimeFault {
  readonly code: string
  readonly reason: string
}

/**
 * Event time, ms since 1970: `receivedAt − (sentAt − originalTimestamp)` where both are given
 * (Segment's correction of a client's clock), else `timestamp`, else the time of receipt.
 */
export function eventTimeOf(
  message: { timestamp?: unknown; originalTimestamp?: unknown; sentAt?: unknown },
  sentAtOfBatch: unknown,
  receivedAt: number,
  historical: boolean,
): number | TimeFault {
  const given = message.originalTimestamp ?? message.timestamp
  if (given === undefined || given === null) {
    if (!historical) return receivedAt
    return { code: 'ERR_EVENT_TIMESTAMP', reason: 'imported history needs a timestamp' }
  }
  const original = parseTime(given)
  if (Number.isNaN(original)) return invalid(given)
  const sent = historical ? Number.NaN : parseTime(message.sentAt ?? sentAtOfBatch)
  const corrected = Number.isNaN(sent) ? original : receivedAt - (sent - original)
  if (corrected < EARLIEST_MS || original < EARLIEST_MS) return outOfRange(original, 'is before 1995')
  if (corrected > receivedAt + FUTURE_MAX_MS) return outOfRange(corrected, 'is more than 24 h ahead')
  return Math.min(corrected, receivedAt)
}

function invalid(given: unknown): TimeFault {
  const found = JSON.stringify(given)?.slice(0, 60) ?? 'nothing'
  const reason = `timestamp ${found} is neither ISO 8601 nor milliseconds since 1970`
  return { code: 'ERR_EVENT_TIMESTAMP', reason }
}

function outOfRange(time: number, why: string): TimeFault {
  const text = Math.abs(time) < 8.64e15 ? new Date(time).toISOString() : String(time)
  return { code: 'ERR_EVENT_TIME_RANGE', reason: `the event time ${text} ${why}` }
}
