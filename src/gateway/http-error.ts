import type { ErrorValue } from '../protocol/shards.ts'
import type { HeaderList, HttpExchange } from './transport.ts'

export const JSON_HEADERS: HeaderList = ['content-type', 'application/json']

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  ERR_AUTH_MISSING: 401,
  ERR_AUTH_KEY: 401,
  ERR_AUTH_SCOPE: 403,
  ERR_AUTH_ORIGIN: 403,
  ERR_REQUEST_ROUTE: 404,
  ERR_REQUEST_METHOD: 405,
  ERR_REQUEST_TIMEOUT: 408,
  ERR_REQUEST_TOO_LARGE: 413,
  ERR_EVENT_SIZE: 413,
  ERR_BATCH_LENGTH: 413,
  ERR_REQUEST_ENCODING: 415,
  ERR_OVERLOADED: 429,
  ERR_SOCKETS_LIMIT: 429,
  ERR_INTERNAL: 500,
  ERR_DRAINING: 503,
  ERR_SHARD_UNAVAILABLE: 503,
}

/** Refusals without an entry are the client's: 400, or 503 where a repeat may succeed. */
export function statusOf(error: ErrorValue): number {
  const status = STATUS_BY_CODE[error.code]
  if (status !== undefined) return status
  return error.retryable === true ? 503 : 400
}

export function errorBody(error: ErrorValue): string {
  return JSON.stringify({ error: { code: error.code, message: error.message } })
}

/** Of a JSON answer; a status that is no error needs nothing more. */
export function errorHeaders(status: number): HeaderList {
  if (status === 429) return [...JSON_HEADERS, 'retry-after', '1']
  if (status === 503) return [...JSON_HEADERS, 'retry-after', '2']
  if (status === 401) return [...JSON_HEADERS, 'www-authenticate', 'Bearer realm="limn"']
  return JSON_HEADERS
}

export function respondError(exchange: HttpExchange, error: ErrorValue): void {
  const status = statusOf(error)
  exchange.respond(status, errorHeaders(status), errorBody(error))
}
