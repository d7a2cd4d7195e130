/** Which WebSocket a request becomes, decided before the handshake. */
import type { ErrorValue } from '../protocol/shards.ts'
import { DRAINING } from './admission.ts'
import { authenticate, keyOfHeader } from './authentication.ts'
import type { GatewayContext } from './context.ts'
import type { Cors } from './cors.ts'
import { errorBody, errorHeaders, statusOf } from './http-error.ts'
import { writeKeyOf, shopperAgent } from './ingest.ts'
import type { KeyedSockets } from './keyed-sockets.ts'
import { LiveClient, topicsProblem, type LiveHub } from './live.ts'
import { isNames, predictNames } from './predict-parameter.ts'
import { Stream, type StreamRegistry } from './stream.ts'
import type { RequestHead, SocketListener, UpgradeRefusal } from './transport.ts'

export interface Upgrades {
  readonly cors: Cors
  readonly hub: LiveHub
  readonly streams: StreamRegistry
  readonly sockets: KeyedSockets
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
  if (head.path === '/v1/stream') return openStream(head, context, upgrades)
  if (head.path === '/v1/live') return openLive(head, context, upgrades)
  const message = 'WebSockets are at /v1/stream and /v1/live'
  return refusal({ code: 'ERR_REQUEST_ROUTE', message })
}

function openStream(
  head: RequestHead,
  context: GatewayContext,
  { sockets, streams }: Upgrades,
): SocketListener | UpgradeRefusal {
  const key = authenticate(context.keys, writeKeyOf(head), 'write')
  if ('code' in key) return refusal(key)
  const predict = predictNames(head.query)
  if (!isNames(predict)) return refusal(predict)
  const full = sockets.refuse(key)
  if (full !== null) return refusal(full)
  const userAgent = shopperAgent(head.header('user-agent'))
  return sockets.guard(new Stream(context, { predict, userAgent, registry: streams }), key, 'write')
}

function openLive(
  head: RequestHead,
  context: GatewayContext,
  { sockets, hub }: Upgrades,
): SocketListener | UpgradeRefusal {
  const values = new URLSearchParams(head.query)
  const token = keyOfHeader(head.header('authorization')) || (values.get('token') ?? '')
  const key = authenticate(context.keys, token, 'read')
  if ('code' in key) return refusal(key)
  const topics = (values.get('topics') ?? '').split(',').filter((topic) => topic !== '')
  const problem = topicsProblem(topics, context.config.liveTopicsMax) ?? sockets.refuse(key)
  if (problem !== null) return refusal(problem)
  return sockets.guard(new LiveClient(context, hub, topics), key, 'read')
}

function refusal(error: ErrorValue): UpgradeRefusal {
  const status = statusOf(error)
  return { status, headers: errorHeaders(status), body: errorBody(error) }
}
