/** Events over HTTP: a body in, one answer after the events are durable. */
import { toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue, IngestReply, IngestRoute } from '../protocol/shards.ts'
import { DRAINING, OVERLOADED } from './admission.ts'
import { findWriteKey, keyOfHeader, refuseKey } from './authentication.ts'
import type { ByteClaim } from './byte-budget.ts'
import type { GatewayContext, RequestHandler } from './context.ts'
import { errorHeaders, JSON_HEADERS, respondError, statusOf } from './http-error.ts'
import { isNames, predictNames } from './predict-parameter.ts'
import { readPlainBody } from './request-body.ts'
import type { HttpExchange, OwnedBytes } from './transport.ts'

const SUCCESS = '{"success":true}'
const MISSING_KEY: ErrorValue = {
  code: 'ERR_AUTH_KEY',
  message: 'Neither header, query nor body carries a known write key',
}

/** What is known of a request before its body is there. */
interface Arrival {
  readonly route: IngestRoute
  readonly predict: readonly string[]
  readonly userAgent: string
}

export function ingestHandler(route: IngestRoute): RequestHandler {
  return (exchange, _parameters, context) => {
    if (context.draining) return respondError(exchange, DRAINING)
    const key = writeKeyOf(exchange)
    const refusal = key === '' ? null : refuseKey(context.keys, key, 'write')
    if (refusal !== null) return respondError(exchange, refusal)
    const predict = predictNames(exchange.query)
    if (!isNames(predict)) return respondError(exchange, predict)
    const arrival = { route, predict, userAgent: shopperAgent(exchange.header('user-agent')) }
    readPlainBody(exchange, context.intake, {
      keyed: key !== '',
      done: (result) => {
        if (result.body === null) return respondError(exchange, result.error)
        const { body, claim } = result
        const refused = key === '' ? admitByBody(body, claim, context) : null
        if (refused === null) return submit(exchange, { ...arrival, body, claim }, context)
        claim.release()
        respondError(exchange, refused)
      },
    })
  }
}

/** For a body that has to bring its key along: null when it does, and there is room for it. */
function admitByBody(
  body: OwnedBytes,
  claim: ByteClaim,
  { keys, admission }: GatewayContext,
): ErrorValue | null {
  if (findWriteKey(body, keys) === null) return MISSING_KEY
  return claim.moveTo(admission) ? null : OVERLOADED
}

/** The key in the header, else in the query; '' leaves the body to be searched. */
export function writeKeyOf(head: { readonly query: string; header(name: string): string }): string {
  const authorization = head.header('authorization')
  if (authorization !== '') return keyOfHeader(authorization)
  if (!head.query.includes('writeKey=')) return ''
  return new URLSearchParams(head.query).get('writeKey') ?? ''
}

interface AdmittedBody extends Arrival {
  readonly body: OwnedBytes
  /** Of {@link GatewayContext.admission}. */
  readonly claim: ByteClaim
}

/** Hands the body to the shards and answers for them. */
function submit(exchange: HttpExchange, admitted: AdmittedBody, context: GatewayContext): void {
  const { admission, shards, clock } = context
  const { claim, ...rest } = admitted
  admission.requests += 1
  const settled = (): void => {
    admission.requests -= 1
    claim.release()
  }
  shards.ingest({ ...rest, receivedAt: clock.now(), lane: admission.nextLane() }).then(
    (reply) => {
      settled()
      respondReply(exchange, admitted.route, reply)
    },
    (error: unknown) => {
      settled()
      context.log.error({ err: error }, 'ingest failed')
      respondError(exchange, toErrorValue(error))
    },
  )
}

function respondReply(exchange: HttpExchange, route: IngestRoute, reply: IngestReply): void {
  if (reply.error !== null) return respondError(exchange, reply.error)
  const first = reply.rejected[0]
  if (first !== undefined && reply.accepted + reply.duplicates === 0) {
    return respondRejected(exchange, route, reply)
  }
  const headers =
    reply.position === '' ? JSON_HEADERS : [...JSON_HEADERS, 'limn-position', reply.position]
  if (first === undefined && reply.predictions === null)
    return exchange.respond(200, headers, SUCCESS)
  exchange.respond(200, headers, replyBody(reply))
}

function replyBody(reply: IngestReply): string {
  const predicted =
    reply.predictions === null ? {} : { position: reply.position, predictions: reply.predictions }
  const rejected = reply.rejected.length === 0 ? {} : { rejected: reply.rejected }
  return JSON.stringify({ success: true, ...predicted, ...rejected })
}

/** Nothing was accepted: the first item's error is the answer's; a batch also gets the list. */
function respondRejected(exchange: HttpExchange, route: IngestRoute, reply: IngestReply): void {
  const [first] = reply.rejected
  const error = { code: first?.code ?? '', message: first?.reason ?? '' }
  const listed = route === 'batch' || route === 'import' ? { rejected: reply.rejected } : {}
  const status = statusOf(error)
  exchange.respond(status, errorHeaders(status), JSON.stringify({ error, ...listed }))
}

/**
 * A request's user agent where it is the shopper's: browsers name themselves Mozilla. That of a
 * server-side SDK or of curl says nothing about the shopper.
 */
export function shopperAgent(userAgent: string): string {
  return userAgent.startsWith('Mozilla/') ? userAgent : ''
}
