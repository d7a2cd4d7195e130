/** The clock that says when something arrived: how it stands to the wall clock, and following that. */
import { toErrorValue } from '../protocol/errors.ts'
import type { RequestHandler } from './context.ts'
import { JSON_HEADERS, respondError } from './http-error.ts'

export const clockHandler: RequestHandler = (exchange, _parameters, context) => {
  exchange.respond(200, JSON_HEADERS, JSON.stringify(context.clock.status()))
}

export const acceptClockHandler: RequestHandler = (exchange, _parameters, context) => {
  context.clock.accept().then(
    (status) => exchange.respond(200, JSON_HEADERS, JSON.stringify(status)),
    (error: unknown) => respondError(exchange, toErrorValue(error)),
  )
}
