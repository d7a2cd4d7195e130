import { createReadStream, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

export const TOKEN = 'read-token'
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const SEGMENTS: Record<string, number> = {
  window_shoppers: 4210,
  new_visitors: 2890,
  active_browsers: 1312,
  cart_abandoners: 804,
  high_value: 412,
  loyal_customers: 266,
  bargain_hunters: 190,
  at_risk: 77,
}

export function profileOf(views: number, state: string, segments: readonly string[]): object {
  return {
    id: 'user:u1',
    kind: 'user',
    position: `0:${views}`,
    firstSeenAt: '2026-03-01T09:00:00.000Z',
    lastSeenAt: '2026-03-05T10:00:00.000Z',
    attributes: { first_country: 'NL', last_city: 'Utrecht', last_device: 'mobile' },
    behaviour: {
      product_views_7d: views,
      click_rate: 0.42,
      session_length_mean: 412,
      seconds_since_view: 4,
    },
    interests: {
      top_categories: [
        { value: 'Shoes', weight: 5.2 },
        { value: 'Coats', weight: 2.1 },
        { value: 'Hats', weight: 0.6 },
      ],
      viewed_price_mean: 74.5,
    },
    consumption: {
      orders: 3,
      spend: 412.5,
      average_order_value: 137.5,
      recency_score: 5,
      frequency_score: 3,
      monetary_score: 4,
    },
    social: { referral_source: 'newsletter' },
    machines: { session: state, lifecycle: 'active' },
    segments,
    links: ['anonymous:a-17'],
  }
}

const EVENTS = ['Product Added', 'Product Viewed', 'Product List Viewed'].map((event, i) => ({
  position: `0:${9 - i}`,
  receivedAt: '2026-03-05T10:00:00.000Z',
  message: { type: 'track', event, userId: 'u1', properties: { price: 49 } },
}))

function answer(path: string): object | null {
  if (path === '/v1/segments')
    return { segments: Object.entries(SEGMENTS).map(([name, count]) => ({ name, count })) }
  if (!path.startsWith('/v1/profiles/user%3Au1')) return null
  if (path.endsWith('/events')) return { events: EVENTS, cursor: { next: null } }
  if (path.endsWith('/predictions'))
    return { predictions: { purchase: { model: 'purchase', version: '1', score: 0.31 } } }
  return profileOf(12, 'product', ['window_shoppers'])
}

function overviewAt(time: number, tick: number): string {
  const data = {
    profiles: 10_240,
    eventsTotal: 1_234_567 + tick,
    eventsPerSecond: 900 + 250 * Math.sin(tick / 9),
    rejectedTotal: 3,
    duplicatesTotal: 17,
    latencyMs: { p50: 1.8 + Math.sin(tick / 5) / 3, p99: 6 + Math.cos(tick / 7) },
    shards: [
      { shard: 0, state: 'live' },
      { shard: 1, state: 'live' },
    ],
    segments: SEGMENTS,
    recent: [
      { id: 'user:u1', event: 'Product Viewed', time },
      { id: 'anonymous:a-93', event: 'Cart Viewed', time },
    ],
  }
  return JSON.stringify({ topic: 'overview', time, data })
}

/** The built page with answers that do not change, and a live socket that the test drives. */
export async function startFixture(root: string) {
  const sockets = new Set<WebSocket>()
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    const file = join(root, path === '/' ? 'index.html' : path)
    if (!path.startsWith('/v1/') && existsSync(file)) {
      response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain')
      createReadStream(file).pipe(response)
      return
    }
    const known = request.headers.authorization === `Bearer ${TOKEN}`
    const body = known ? answer(path) : { error: { code: 'ERR_AUTH', message: 'Unknown token.' } }
    response.writeHead(known ? (body === null ? 404 : 200) : 401, {
      'content-type': 'application/json',
    })
    response.end(
      JSON.stringify(body ?? { error: { code: 'ERR_NOT_FOUND', message: 'No such shopper.' } }),
    )
  })
  const live = new WebSocketServer({ server, path: '/v1/live' })
  live.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    for (let i = 170; i >= 0; i--) socket.send(overviewAt(Date.now() - i * 1000, i))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    push(data: object): void {
      const text = JSON.stringify({ topic: 'profile:user:u1', time: Date.now(), data })
      for (const socket of sockets) socket.send(text)
    },
    dropSockets(): void {
      for (const socket of sockets) socket.terminate()
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.terminate()
      live.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
