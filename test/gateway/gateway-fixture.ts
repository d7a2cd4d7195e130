import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import type { GatewayConfig } from '../../src/gateway/gateway-config.ts'
import { KeyRing } from '../../src/gateway/keys.ts'
import { createLogger } from '../../src/observe/log.ts'
import { FixedClock } from './fixed-clock.ts'
import { MemoryShards } from './memory-shards.ts'

export const WRITE_KEY = 'write-key-of-the-test'
export const READ_TOKEN = 'read-token-of-the-test'
export const ADMIN_TOKEN = 'admin-token-of-the-test'

export interface GatewayFixture {
  readonly gateway: Gateway
  readonly shards: MemoryShards
  readonly clock: FixedClock
  readonly url: string
  readonly wsUrl: string
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>
  get(path: string, headers?: Record<string, string>): Promise<Response>
}

/** A gateway on real sockets before shards in memory. */
export async function startGateway(
  config: Partial<GatewayConfig> = {},
  consoleDir: string | null = null,
): Promise<GatewayFixture> {
  const shards = new MemoryShards()
  const clock = new FixedClock()
  const keys = new KeyRing(join(mkdtempSync(join(tmpdir(), 'limn-gateway-')), 'keys.json'))
  keys.bootstrap({ write: WRITE_KEY, read: READ_TOKEN, admin: ADMIN_TOKEN })
  const log = createLogger({ level: 'silent' })
  const gateway = await createGateway({
    shards,
    clock,
    keys,
    log,
    consoleDir,
    config: { port: 0, ...config },
  })
  const { url } = await gateway.listen()
  return {
    gateway,
    shards,
    clock,
    url,
    wsUrl: url.replace('http', 'ws'),
    post: (path, body, headers = { authorization: basic(WRITE_KEY) }) =>
      fetch(url + path, { method: 'POST', body: bodyOf(body), headers }),
    get: (path, headers = { authorization: `Bearer ${READ_TOKEN}` }) =>
      fetch(url + path, { headers }),
  }
}

function bodyOf(body: unknown): string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
}

export function basic(key: string): string {
  return `Basic ${Buffer.from(`${key}:`).toString('base64')}`
}

/** A WebSocket client that keeps what it hears. */
export class Listener {
  readonly messages: Record<string, unknown>[] = []
  readonly socket: WebSocket
  closed: { code: number; reason: string } | null = null

  constructor(url: string, options: ConstructorParameters<typeof WebSocket>[2] = {}) {
    this.socket = new WebSocket(url, options)
    this.socket.on('message', (data) => this.messages.push(JSON.parse(String(data))))
    this.socket.on('error', () => undefined)
    this.socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }))
  }

  static async open(
    url: string,
    options: ConstructorParameters<typeof WebSocket>[2] = {},
  ): Promise<Listener> {
    const listener = new Listener(url, options)
    await until(() => listener.socket.readyState === WebSocket.OPEN)
    return listener
  }

  send(value: unknown): void {
    this.socket.send(typeof value === 'string' ? value : JSON.stringify(value))
  }

  async heard(count: number): Promise<Record<string, unknown>[]> {
    await until(() => this.messages.length >= count)
    return this.messages
  }

  async closing(): Promise<{ code: number; reason: string }> {
    await until(() => this.closed !== null)
    return this.closed ?? { code: 0, reason: '' }
  }
}

export async function until(condition: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the awaited condition did not come about')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
