import { pino, type DestinationStream, type Logger } from 'pino'

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Members that would carry a shopper's or a client's secrets, wherever a caller puts them. */
const REDACTED = ['userId', 'anonymousId', 'email', 'authorization', 'writeKey', 'token', 'body']

/**
 * JSON lines on standard output. No personal data: log codes, counts and positions, never ids,
 * messages or keys; the redaction is a second line of defence, not a licence.
 */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    redact: { paths: REDACTED.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
