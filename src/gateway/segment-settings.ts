import { keyOfHeader, refuseKey } from './authentication.ts'
import type { RequestHandler } from './context.ts'
import { JSON_HEADERS, respondError } from './http-error.ts'

const HOST = /^[\w.:[\]-]{1,255}$/

/** What Segment's browser library asks for before it sends: itself as the only destination. */
export const settingsHandler: RequestHandler = (exchange, [encoded = ''], context) => {
  const key = keyOfHeader(`Bearer ${encoded}`)
  const refusal = refuseKey(context.keys, key, 'write')
  if (refusal !== null) return respondError(exchange, refusal)
  const host = exchange.header('host')
  const endpoint = HOST.test(host) ? { apiHost: `${host}/v1` } : {}
  const every = { __default: { enabled: true, integrations: {} } }
  const settings = {
    integrations: { 'Segment.io': { apiKey: key, ...endpoint, unbundledIntegrations: [] } },
    plan: { track: every, identify: every, group: every },
    edgeFunction: {},
    analyticsNextEnabled: true,
    middlewareSettings: {},
    enabledMiddleware: {},
    metrics: { sampleRate: 0 },
    legacyVideoPluginsEnabled: false,
    remotePlugins: [],
  }
  exchange.respond(200, JSON_HEADERS, JSON.stringify(settings))
}
