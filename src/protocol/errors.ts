import type { ErrorValue } from './shards.ts'

export interface LimnErrorOptions {
  readonly cause?: unknown
  /** The same request may succeed later without a change. */
  readonly retryable?: boolean
}

/** An expected failure with a documented code; match `code`, never the class. */
export class LimnError extends Error {
  readonly code: string
  readonly retryable: boolean

  constructor(code: string, message: string, options: LimnErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = 'LimnError'
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** The error as data, fit to cross threads. Unexpected errors become `ERR_INTERNAL`. */
export function toErrorValue(error: unknown): ErrorValue {
  if (error instanceof LimnError) {
    return { code: error.code, message: error.message, retryable: error.retryable }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'ERR_INTERNAL', message }
}
