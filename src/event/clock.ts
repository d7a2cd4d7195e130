/** Times before this are taken for a broken clock. */
export const EARLIEST_MS = Date.UTC(1995, 0, 1)
/** How far ahead of the server a corrected time may be; up to here it becomes the arrival time. */
export const FUTURE_MAX_MS = 24 * 3_600_000

const DAY_MS = 86_400_000
const DAYS_BEFORE_MONTH = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
const DAYS_OF_MONTH = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const DASH = 45
const COLON = 58
const DOT = 46
const LETTER_T = 84
const LETTER_Z = 90
const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/

/**
 * Reads ISO 8601 text (date, or date and time; UTC where it names no zone) or a number of ms since
 * 1970, as ms since 1970; NaN when it is neither, or names a day or an hour that does not exist.
 */
export function parseTime(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN
  if (typeof value !== 'string') return Number.NaN
  const length = value.length
  const usual = length === 24 || length === 20 ? parseUsual(value, length) : Number.NaN
  return Number.isNaN(usual) ? parseAny(value) : usual
}

/** `YYYY-MM-DDTHH:mm:ss[.sss]Z`, the form that nearly every event has; NaN for any other. */
function parseUsual(text: string, length: number): number {
  const separated =
    text.charCodeAt(4) === DASH &&
    text.charCodeAt(7) === DASH &&
    text.charCodeAt(10) === LETTER_T &&
    text.charCodeAt(13) === COLON &&
    text.charCodeAt(16) === COLON &&
    text.charCodeAt(length - 1) === LETTER_Z &&
    (length === 20 || text.charCodeAt(19) === DOT)
  if (!separated) return Number.NaN
  const year = digits(text, 0) * 100 + digits(text, 2)
  const days = daysSince1970(year, digits(text, 5), digits(text, 8))
  const second = digits(text, 17)
  const ms = length === 24 ? digits(text, 20) * 10 + digit(text, 22) : 0
  return days * DAY_MS + msOfDay(digits(text, 11), digits(text, 14), second) + ms
}

function parseAny(text: string): number {
  const match = ISO_8601.exec(text)
  if (match === null) return Number.NaN
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = ''] =
    match
  const days = daysSince1970(Number(year), Number(month), Number(day))
  const ms = fraction === '' ? 0 : Math.floor(Number(`0.${fraction}`) * 1000)
  const ofDay = msOfDay(Number(hour), Number(minute), Number(second))
  return days * DAY_MS + ofDay + ms - offsetMs(zone)
}

/** Minutes east of UTC, in ms; NaN beyond what zones can be. */
function offsetMs(zone: string): number {
  if (zone === '' || zone === 'Z' || zone === 'z') return 0
  const plain = zone.replace(':', '')
  const ofDay = msOfDay(Number(plain.slice(1, 3)), Number(plain.slice(3, 5)), 0)
  return plain.startsWith('-') ? -ofDay : ofDay
}

function daysSince1970(year: number, month: number, day: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const last = DAYS_OF_MONTH[month] + (leap && month === 2 ? 1 : 0)
  if (!(day >= 1 && day <= last)) return Number.NaN
  const before = year - 1
  const leapDays =
    Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477
  const ofYear = DAYS_BEFORE_MONTH[month] + (leap && month > 2 ? 1 : 0) + day - 1
  return (year - 1970) * 365 + leapDays + ofYear
}

function msOfDay(hour: number, minute: number, second: number): number {
  if (!(hour < 24 && minute < 60 && second < 60)) return Number.NaN
  return ((hour * 60 + minute) * 60 + second) * 1000
}

function digits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1)
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48
  return value >= 0 && value <= 9 ? value : Number.NaN
}

export interface TimeFault {
  readonly code: string
  readonly reason: string
}

export interface TimeContext {
  /** The batch's `sentAt`, ms; NaN where it has none that can be read. */
  readonly sentAt: number
  readonly receivedAt: number
  readonly historical: boolean
}

/**
 * Event time, ms since 1970: `receivedAt − (sentAt − originalTimestamp)` where both are given
 * (Segment's correction of a client's clock; `timestamp` serves where there is no
 * `originalTimestamp`), else `timestamp`, else the time of receipt. Only the corrected time must be
 * plausible: a client whose clock says 1970 is corrected like any other. A `sentAt` that cannot be
 * read is ignored. History is never corrected.
 */
export function eventTimeOf(
  message: { timestamp?: unknown; originalTimestamp?: unknown; sentAt?: unknown },
  context: TimeContext,
): number | TimeFault {
  const { receivedAt, historical } = context
  const given = message.originalTimestamp ?? message.timestamp
  if (given === undefined || given === null) {
    if (!historical) return receivedAt
    return { code: 'ERR_EVENT_TIMESTAMP', reason: 'imported history needs a timestamp' }
  }
  const original = parseTime(given)
  if (Number.isNaN(original)) return invalid(given)
  const sent = historical ? Number.NaN : sentTime(message.sentAt, context.sentAt)
  const corrected = Number.isNaN(sent) ? original : receivedAt - (sent - original)
  if (corrected < EARLIEST_MS) return outOfRange(corrected, 'is before 1995')
  if (corrected > receivedAt + FUTURE_MAX_MS)
    return outOfRange(corrected, 'is more than 24 h ahead')
  return Math.min(corrected, receivedAt)
}

function sentTime(own: unknown, ofBatch: number): number {
  if (own === undefined) return ofBatch
  const time = parseTime(own)
  return Number.isNaN(time) ? ofBatch : time
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
