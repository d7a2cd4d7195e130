import { pino, type DestinationStream, type Logger } from 'pino'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** Members that would carry a shopper's or a client's secrets, wherever a caller puts them. */
const REDACTED = ['userId', 'anonymousId', 'email', 'authorization', 'writeKey', 'token', 'body']

export interface LogOptions {
  readonly level: LogLevel
  /** Standard error when left out: standard output belongs to a command's report. */
  readonly destination?: DestinationStream
}

/**
 * JSON lines. No personal data: log codes, counts and positions, never ids, messages or keys; the
 * redaction is a second line of defence, not a licence.
 */
export function createLogger({ level, destination = pino.destination(2) }: LogOptions): Logger {
  const paths = REDACTED.flatMap((name) => [name, `*.${name}`])
  return pino({ level, base: null, redact: { paths, censor: '[redacted]' } }, destination)
}
