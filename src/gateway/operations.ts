/** Routes for whoever runs the server. */
import { toErrorValue } from '../protocol/errors.ts'
import { DRAINING } from './admission.ts'
import type { RequestHandler } from './context.ts'
import { JSON_HEADERS, respondError } from './http-error.ts'

const METRICS_HEADERS = ['content-type', 'text/plain; version=0.0.4; charset=utf-8']

export const healthHandler: RequestHandler = (exchange) => {
  exchange.respond(200, JSON_HEADERS, '{"status":"ok"}')
}

export const readyHandler: RequestHandler = (exchange, _parameters, context) => {
  if (context.draining) return respondError(exchange, DRAINING)
  if (context.shards.ready()) return exchange.respond(200, JSON_HEADERS, '{"status":"ready"}')
  const message = 'At least one shard is not live yet; its state is in /metrics'
  respondError(exchange, { code: 'ERR_SHARD_UNAVAILABLE', message, retryable: true })
}

export const metricsHandler: RequestHandler = (exchange, _parameters, context) => {
  context.shards
    .stats()
    .then((stats) => context.metrics.render(stats))
    .then(
      (text) => exchange.respond(200, METRICS_HEADERS, text),
      (error: unknown) => respondError(exchange, toErrorValue(error)),
    )
}
