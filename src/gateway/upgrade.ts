/** Which WebSocket a request becomes, decided before the handshake. */
import type { ErrorValue } from '../protocol/shards.ts'
import { DRAINING } from './admission.ts'
import { keyOfHeader, refuseKey } from './authentication.ts'
import type { GatewayContext } from './context.ts'
import type { Cors } from './cors.ts'
import { errorBody, errorHeaders, statusOf } from './http-error.ts'
import { writeKeyOf, shopperAgent } from './ingest.ts'
import { LiveClient, topicsProblem, type LiveHub } from './live.ts'
import { isNames, predictNames } from './predict-parameter.ts'
import { Stream, type StreamRegistry } from './stream.ts'
import type { RequestHead, SocketListener, UpgradeRefusal } from './transport.ts'

export interface Upgrades {
  readonly cors: Cors
  readonly hub: LiveHub
  readonly streams: StreamRegistry
}

export function decideUpgrade(
  head: RequestHead,
  context: GatewayContext,
  upgrades: Upgrades,
): SocketListener | UpgradeRefusal {
  if (context.draining) return refusal(DRAINING)
  if (!upgrades.cors.allowsSocket(head.header('origin'))) {
    return refusal({ code: 'ERR_AUTH_ORIGIN', message: 'Pages of this origin may not connect' })
  }
  if (head.path === '/v1/stream') return openStream(head, context, upgrades.streams)
  if (head.path === '/v1/live') return openLive(head, context, upgrades.hub)
  const message = 'WebSockets are at /v1/stream and /v1/live'
  return refusal({ code: 'ERR_REQUEST_ROUTE', message })
}

function openStream(
  head: RequestHead,
  context: GatewayContext,
  registry: StreamRegistry,
): SocketListener | UpgradeRefusal {
  const refused = refuseKey(context.keys, writeKeyOf(head), 'write')
  if (refused !== null) return refusal(refused)
  const predict = predictNames(head.query)
  if (!isNames(predict)) return refusal(predict)
  return new Stream(context, {
    predict,
    userAgent: shopperAgent(head.header('user-agent')),
    registry,
  })
}

function openLive(
  head: RequestHead,
  context: GatewayContext,
  hub: LiveHub,
): SocketListener | UpgradeRefusal {
  const values = new URLSearchParams(head.query)
  const token = keyOfHeader(head.header('authorization')) || (values.get('token') ?? '')
  const refused = refuseKey(context.keys, token, 'read')
  if (refused !== null) return refusal(refused)
  const topics = (values.get('topics') ?? '').split(',').filter((topic) => topic !== '')
  const problem = topicsProblem(topics, context.config.liveTopicsMax)
  return problem === null ? new LiveClient(context, hub, topics) : refusal(problem)
}

function refusal(error: ErrorValue): UpgradeRefusal {
  const status = statusOf(error)
  return { status, headers: errorHeaders(status), body: errorBody(error) }
}
