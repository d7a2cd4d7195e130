import type { TransportChoice } from './transport.ts'

export interface GatewayConfig {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly transport: TransportChoice
  /** Origins that browsers may call from; `['*']` for any. */
  readonly corsOrigins: readonly string[]
  /** A request's body, compressed and decompressed. */
  readonly bodyBytesMax: number
  /** How long a body may take to arrive. */
  readonly bodyTimeoutMs: number
  /** A body of a request whose head holds no key. */
  readonly keylessBodyBytesMax: number
  /** All such bodies together, each with an overhead. */
  readonly keylessBytesMax: number
  readonly keylessBodyTimeoutMs: number
  /** WebSockets open at once, over all clients. */
  readonly socketsMax: number
  /** A WebSocket message. */
  readonly frameBytesMax: number
  /** Frames of one WebSocket that may be unacknowledged. */
  readonly creditsMax: number
  /** Event bytes that arrive under a valid key or are not yet acknowledged, over all clients. */
  readonly inFlightBytesMax: number
  /** What a WebSocket may owe a slow reader. */
  readonly socketBufferBytesMax: number
  /** Topics one connection may subscribe to, at most 10,000. */
  readonly liveTopicsMax: number
  readonly idleTimeoutSeconds: number
  /** How long running requests may take when the gateway stops. */
  readonly drainTimeoutMs: number
}

export const GATEWAY_DEFAULTS: GatewayConfig = {
  host: '127.0.0.1',
  port: 8080,
  transport: 'auto',
  corsOrigins: ['*'],
  bodyBytesMax: 512_000,
  bodyTimeoutMs: 30_000,
  keylessBodyBytesMax: 65_536,
  keylessBytesMax: 8_388_608,
  keylessBodyTimeoutMs: 10_000,
  socketsMax: 10_000,
  frameBytesMax: 1_048_576,
  creditsMax: 32,
  inFlightBytesMax: 134_217_728,
  socketBufferBytesMax: 4_194_304,
  liveTopicsMax: 64,
  idleTimeoutSeconds: 32,
  drainTimeoutMs: 10_000,
}
