/** RudderStack's pixel: a GET whose query is the message, answered with an image. */
import { randomUUID } from 'node:crypto'
import { toErrorValue } from '../protocol/errors.ts'
import { DRAINING, OVERLOADED } from './admission.ts'
import { refuseKey } from './authentication.ts'
import type { RequestHandler } from './context.ts'
import { respondError } from './http-error.ts'
import { writeKeyOf } from './ingest.ts'

const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
const GIF_HEADERS = ['content-type', 'image/gif', 'cache-control', 'no-store']
const PARAMETERS_MAX = 256
const DEPTH_MAX = 8

export function pixelHandler(type: 'track' | 'page'): RequestHandler {
  return (exchange, _parameters, context) => {
    if (context.draining) return respondError(exchange, DRAINING)
    const refusal = refuseKey(context.keys, writeKeyOf(exchange), 'write')
    if (refusal !== null) return respondError(exchange, refusal)
    const body = new Uint8Array(Buffer.from(pixelMessage(type, exchange.query)))
    const bytes = body.byteLength
    const { admission, shards, clock } = context
    if (!admission.enter(bytes)) return respondError(exchange, OVERLOADED)
    const userAgent = exchange.header('user-agent')
    const lane = admission.nextLane()
    const receivedAt = clock.now()
    shards.ingest({ route: type, body, receivedAt, predict: [], userAgent, lane }).then(
      ({ error, rejected: [first] }) => {
        admission.leave(bytes)
        const refused = error ?? (first && { code: first.code, message: first.reason })
        if (refused) respondError(exchange, refused)
        else exchange.respond(200, GIF_HEADERS, GIF)
      },
      (error: unknown) => {
        admission.leave(bytes)
        respondError(exchange, toErrorValue(error))
      },
    )
  }
}

/** JSON text; `properties.price=3` becomes `{"properties":{"price":"3"}}`. */
export function pixelMessage(type: string, query: string): string {
  const message = new Map<string, unknown>([
    ['type', type],
    ['messageId', randomUUID()],
  ])
  let taken = 0
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'writeKey' || name === 'type') continue
    taken += 1
    if (taken > PARAMETERS_MAX) break
    place(message, name.split('.').slice(0, DEPTH_MAX), value)
  }
  return JSON.stringify(plain(message))
}

function place(target: Map<string, unknown>, path: readonly string[], value: string): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    target.set(name, value)
    return
  }
  const known = target.get(name)
  const inner = known instanceof Map ? known : new Map<string, unknown>()
  target.set(name, inner)
  place(inner, rest, value)
}

/** `fromEntries` defines own properties: `__proto__` stays a name like any other. */
function plain(value: unknown): unknown {
  if (!(value instanceof Map)) return value
  return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
}
