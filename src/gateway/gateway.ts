/** The gateway: transport → authentication → admission → shards, and back. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { GatewayMetrics } from '../observe/metrics.ts'
import { toErrorValue } from '../protocol/errors.ts'
import type { ServedClock } from '../protocol/clock.ts'
import type { Shards } from '../protocol/shards.ts'
import { Admission } from './admission.ts'
import { keyOfHeader, refuseKey } from './authentication.ts'
import { BodyIntake } from './body-intake.ts'
import { ConsoleFiles } from './console-files.ts'
import type { GatewayContext } from './context.ts'
import { Cors } from './cors.ts'
import { GATEWAY_DEFAULTS, type GatewayConfig } from './gateway-config.ts'
import { JSON_HEADERS, errorBody, respondError } from './http-error.ts'
import { KeyedSockets } from './keyed-sockets.ts'
import type { KeyRing } from './keys.ts'
import { LiveHub } from './live.ts'
import { Router } from './router.ts'
import { ROUTES, type Route } from './routes.ts'
import { StreamRegistry } from './stream.ts'
import { createTransport, type HttpExchange, type Transport } from './transport.ts'
import { decideUpgrade, type Upgrades } from './upgrade.ts'

const DRAIN_POLL_MS = 5
/** How often half-sent bodies and the keys of open sockets are looked through. */
const HOUSEKEEPING_MS = 250

export interface GatewayOptions {
  readonly shards: Shards
  readonly clock: ServedClock
  readonly keys: KeyRing
  /** What is left out is as in {@link GATEWAY_DEFAULTS}. */
  readonly config: Partial<GatewayConfig>
  readonly log: Logger
  /** The built console; null serves none. */
  readonly consoleDir: string | null
}

export interface GatewayAddress {
  readonly host: string
  readonly port: number
  readonly url: string
}

export interface Gateway {
  /** Set from `listen` on. */
  readonly address: GatewayAddress | null
  readonly transport: 'uws' | 'node'
  /** Rejects with `ERR_LISTEN`. */
  listen(): Promise<GatewayAddress>
  /** Refuses new events with `ERR_DRAINING`, waits for what is in flight, then closes. */
  drain(): Promise<void>
  /** Cuts every connection. */
  close(): Promise<void>
}

interface Target {
  readonly route: Route
  /** For {@link GatewayMetrics.durations}. */
  readonly number: number
}

export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const config = { ...GATEWAY_DEFAULTS, ...options.config }
  const context = createContext(options, config)
  const dispatcher = new Dispatcher(context, options.consoleDir)
  const { transport, reason } = await createTransport(config.transport, {
    handler: dispatcher,
    frameBytesMax: config.frameBytesMax,
    socketBufferBytesMax: config.socketBufferBytesMax,
    idleTimeoutSeconds: config.idleTimeoutSeconds,
    failed: (error) => options.log.error({ err: error }, 'a handler failed'),
  })
  if (reason !== null) options.log.warn({ reason }, 'uWebSockets.js is not used; node:http is')
  return new RunningGateway(context, dispatcher, transport)
}

function createContext(options: GatewayOptions, config: GatewayConfig): GatewayContext {
  const { shards, clock, keys, log } = options
  const admission = new Admission(config.inFlightBytesMax)
  const intake = new BodyIntake(admission, config)
  const metrics = new GatewayMetrics({
    inFlightRequests: () => admission.requests,
    inFlightBytes: () => admission.bytes,
    refusedTotal: () => admission.refused + intake.keylessRefused,
    arrivingBodies: () => intake.arriving,
    keylessBytes: () => intake.keylessBytes,
    clockDriftSeconds: () => clock.status().driftSeconds,
  })
  return { shards, clock, keys, config, log, metrics, admission, intake, draining: false }
}

class RunningGateway implements Gateway {
  address: GatewayAddress | null = null
  readonly #context: GatewayContext
  readonly #dispatcher: Dispatcher
  readonly #transport: Transport
  #housekeeping: NodeJS.Timeout | null = null

  constructor(context: GatewayContext, dispatcher: Dispatcher, transport: Transport) {
    this.#context = context
    this.#dispatcher = dispatcher
    this.#transport = transport
  }

  get transport(): 'uws' | 'node' {
    return this.#transport.kind
  }

  async listen(): Promise<GatewayAddress> {
    const { host, port } = this.#context.config
    const actual = await this.#transport.listen(host, port)
    const shown = host.includes(':') ? `[${host}]` : host
    this.#housekeeping = setInterval(() => this.#keepHouse(), HOUSEKEEPING_MS)
    this.#housekeeping.unref()
    this.address = { host, port: actual, url: `http://${shown}:${actual}` }
    return this.address
  }

  async drain(): Promise<void> {
    this.#context.draining = true
    const { drainTimeoutMs } = this.#context.config
    const deadline = performance.now() + drainTimeoutMs
    const { streams } = this.#dispatcher.upgrades
    while (!streams.idle && performance.now() < deadline) await delay(DRAIN_POLL_MS)
    await this.#transport.drain(Math.max(0, deadline - performance.now()))
    this.#stopHousekeeping()
  }

  close(): Promise<void> {
    this.#context.draining = true
    this.#stopHousekeeping()
    return this.#transport.close()
  }

  #stopHousekeeping(): void {
    if (this.#housekeeping !== null) clearInterval(this.#housekeeping)
  }

  #keepHouse(): void {
    this.#context.intake.expire(performance.now())
    this.#dispatcher.upgrades.sockets.closeRevoked(this.#context.keys)
  }
}

/** From a request's head to its handler. */
class Dispatcher {
  readonly upgrades: Upgrades
  readonly #context: GatewayContext
  readonly #router = new Router<Target>()
  readonly #console: ConsoleFiles | null
  readonly #otherRoute: number

  constructor(context: GatewayContext, consoleDir: string | null) {
    this.#context = context
    this.#console = consoleDir === null ? null : new ConsoleFiles(consoleDir)
    const cors = new Cors(context.config.corsOrigins)
    this.upgrades = {
      cors,
      hub: new LiveHub(context),
      streams: new StreamRegistry(),
      sockets: new KeyedSockets(context.config.socketsMax),
    }
    const { durations } = context.metrics
    for (const route of ROUTES) {
      const number = durations.add(route.method, route.pattern)
      this.#router.add(route.method, route.pattern, { route, number })
    }
    this.#otherRoute = durations.add('GET', '/{other}')
  }

  request(exchange: HttpExchange): void {
    try {
      this.#dispatch(exchange)
    } catch (error) {
      this.#context.log.error({ err: error }, 'a request failed')
      respondError(exchange, {
        code: 'ERR_INTERNAL',
        message: 'The server failed; its log says why',
      })
    }
  }

  upgrade(head: Parameters<typeof decideUpgrade>[0]): ReturnType<typeof decideUpgrade> {
    return decideUpgrade(head, this.#context, this.upgrades)
  }

  #dispatch(exchange: HttpExchange): void {
    const origin = exchange.header('origin')
    if (origin !== '') exchange.extraHeaders = this.upgrades.cors.headers(origin)
    if (exchange.method === 'OPTIONS') {
      return exchange.respond(204, this.upgrades.cors.preflight(origin), '')
    }
    const method = exchange.method === 'HEAD' ? 'GET' : exchange.method
    const found = this.#router.find(method, exchange.path)
    if (found === null) return this.#other(exchange, method)
    if (!('target' in found)) return respondMethod(exchange, found)
    const { route, number } = found.target
    this.#measure(exchange, number)
    if (route.handler === null) return respondUpgradeNeeded(exchange)
    if (route.scope === 'read' || route.scope === 'admin') {
      const key = keyOfHeader(exchange.header('authorization'))
      const refusal = refuseKey(this.#context.keys, key, route.scope)
      if (refusal !== null) return respondError(exchange, refusal)
    }
    route.handler(exchange, found.parameters, this.#context)
  }

  #measure(exchange: HttpExchange, route: number): void {
    const startedAt = performance.now()
    const { durations } = this.#context.metrics
    exchange.finished = (status) => {
      durations.observe(route, status, (performance.now() - startedAt) / 1000)
    }
  }

  #other(exchange: HttpExchange, method: string): void {
    this.#measure(exchange, this.#otherRoute)
    if (method !== 'GET' || this.#console === null || exchange.path.startsWith('/v1/')) {
      const message = 'There is nothing at this path; /openapi.json lists the routes'
      return respondError(exchange, { code: 'ERR_REQUEST_ROUTE', message })
    }
    this.#console.respond(exchange).catch((error: unknown) => {
      this.#context.log.error({ err: error }, 'a console file cannot be read')
      respondError(exchange, toErrorValue(error))
    })
  }
}

function respondMethod(exchange: HttpExchange, allowed: readonly string[]): void {
  const names = allowed.includes('GET') ? ['HEAD', 'OPTIONS', ...allowed] : ['OPTIONS', ...allowed]
  const message = `${exchange.method} is not allowed here; allowed: ${names.join(', ')}`
  const headers = [...JSON_HEADERS, 'allow', names.join(', ')]
  exchange.respond(405, headers, errorBody({ code: 'ERR_REQUEST_METHOD', message }))
}

function respondUpgradeNeeded(exchange: HttpExchange): void {
  const message = 'This route is a WebSocket; ask for it with an Upgrade header'
  const headers = [...JSON_HEADERS, 'upgrade', 'websocket']
  exchange.respond(426, headers, errorBody({ code: 'ERR_REQUEST_UPGRADE', message }))
}
