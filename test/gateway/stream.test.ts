import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import {
  Listener,
  READ_TOKEN,
  startGateway,
  until,
  WRITE_KEY,
  type GatewayFixture,
} from './gateway-fixture.ts'

const TRACK = { type: 'track', userId: 'u1', event: 'Product Viewed' }

describe.each(['node', 'uws'] as const)('WebSocket ingest over %s', (transport) => {
  let fixture: GatewayFixture
  afterEach(() => fixture.gateway.close())

  const open = async (config = {}, query = ''): Promise<Listener> => {
    fixture = await startGateway({ transport, creditsMax: 4, frameBytesMax: 10_000, ...config })
    return Listener.open(`${fixture.wsUrl}/v1/stream?writeKey=${WRITE_KEY}${query}`)
  }

  it('acknowledges a batch with its sequence, position, rejections and credits', async () => {
    const client = await open()
    client.send({ batch: [TRACK, { type: 'track', event: 'x' }], seq: 7 })
    const [reply] = await client.heard(1)
    const rejected = [{ index: 1, code: 'ERR_EVENT_ID', reason: 'needs userId or anonymousId' }]
    expect(reply).toEqual({ ack: 7, position: '0:1', accepted: 1, rejected, credits: 4 })
  })

  it('hands the frame on as it came, in a lane of the connection', async () => {
    const client = await open()
    client.send(TRACK)
    client.send(TRACK)
    await client.heard(2)
    const [first, second] = fixture.shards.requests
    expect(first?.route).toBe('stream')
    expect(Buffer.from(first?.body ?? []).toString()).toBe(JSON.stringify(TRACK))
    expect(first?.body.byteLength).toBe(first?.body.buffer.byteLength)
    expect(second?.lane).toBe(first?.lane)
  })

  it('adds predictions when the URL asks for them', async () => {
    const client = await open({}, '&predict=purchase')
    client.send(TRACK)
    expect((await client.heard(1))[0]).toMatchObject({
      ack: null,
      predictions: { purchase: { score: 0.5 } },
    })
  })

  it('tells what is wrong with a whole frame', async () => {
    const client = await open()
    client.send('{"batch":[')
    client.socket.send(Buffer.from([1, 2, 3]))
    const [malformed, binary] = await client.heard(2)
    expect(malformed).toMatchObject({
      ack: null,
      accepted: 0,
      rejected: [],
      error: { code: 'ERR_EVENT_JSON' },
    })
    expect(binary).toMatchObject({ error: { code: 'ERR_STREAM_BINARY' } })
  })

  it('acknowledges in the order of the frames', async () => {
    const client = await open()
    fixture.shards.hold()
    for (const seq of [1, 2, 3]) client.send({ batch: [TRACK], seq })
    await until(() => fixture.shards.heldCount === 3)
    fixture.shards.release([2, 0, 1])
    expect((await client.heard(3)).map(({ ack }) => ack)).toEqual([1, 2, 3])
  })

  it('refuses frames beyond the credits, in order, accepting nothing of them', async () => {
    const client = await open()
    fixture.shards.hold()
    for (let seq = 1; seq <= 6; seq += 1) client.send({ batch: [TRACK], seq })
    await until(() => fixture.shards.heldCount === 4)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(client.messages).toHaveLength(0)
    fixture.shards.release()
    const replies = await client.heard(6)
    expect(replies.map(({ ack }) => ack)).toEqual([1, 2, 3, 4, null, null])
    expect(replies[5]).toMatchObject({
      accepted: 0,
      error: { code: 'ERR_OVERLOADED', retryable: true },
    })
    expect(fixture.shards.events).toHaveLength(4)
  })

  it('cuts off a client that ignores its credits', async () => {
    const client = await open()
    fixture.shards.hold()
    for (let seq = 1; seq <= 17; seq += 1) client.send({ batch: [TRACK], seq })
    expect((await client.closing()).code).toBe(1013)
    fixture.shards.release()
  })

  it('refuses frames while too many bytes are in flight', async () => {
    const client = await open({ inFlightBytesMax: 300 })
    fixture.shards.hold()
    client.send({ batch: [TRACK, TRACK], seq: 1, pad: 'x'.repeat(100) })
    client.send({ batch: [TRACK, TRACK], seq: 2, pad: 'x'.repeat(100) })
    await until(() => fixture.shards.heldCount === 1)
    const response = await fixture.post('/v1/track', { ...TRACK, pad: 'x'.repeat(200) })
    expect(response.status).toBe(429)
    fixture.shards.release()
    const [, second] = await client.heard(2)
    expect(second).toMatchObject({ error: { code: 'ERR_OVERLOADED' } })
    client.send({ batch: [TRACK], seq: 3 })
    expect((await client.heard(3))[2]).toMatchObject({ ack: 3, accepted: 1 })
  })

  it('closes on a frame over the limit and keeps what came before', async () => {
    const client = await open()
    client.send({ batch: [TRACK], seq: 1 })
    await client.heard(1)
    client.send('x'.repeat(10_001))
    expect((await client.closing()).code).toBe(1009)
    expect(fixture.shards.events).toHaveLength(1)
  })

  it('bounds the sockets, and those of one key, and tells who has to wait', async () => {
    fixture = await startGateway({ transport, socketsMax: 10 })
    const stream = `${fixture.wsUrl}/v1/stream?writeKey=${WRITE_KEY}`
    const live = `${fixture.wsUrl}/v1/live?token=${READ_TOKEN}`
    const statusOf = async (url: string): Promise<number | undefined> => {
      const socket = new WebSocket(url)
      socket.on('error', () => undefined)
      const [, response] = await once(socket, 'unexpected-response')
      const { statusCode, headers } = response as IncomingMessage
      expect(headers['retry-after']).toBe('1')
      socket.terminate()
      return statusCode
    }
    const streams: Listener[] = []
    for (let i = 0; i < 9; i += 1) streams.push(await Listener.open(stream))
    expect(await statusOf(stream)).toBe(429)
    const reader = await Listener.open(live)
    expect(await statusOf(live)).toBe(429)
    for (const left of [streams[0], reader]) {
      left?.socket.terminate()
      await left?.closing()
    }
    const gauge = 'limn_websocket_connections{route="/v1/stream"} 8'
    for (let text = ''; !text.includes(gauge);)
      text = await (await fixture.get('/metrics', {})).text()
    const again = await Listener.open(stream)
    again.send({ batch: [TRACK], seq: 1 })
    expect(await again.heard(1)).toMatchObject([{ ack: 1 }])
    for (const { socket } of [...streams, again]) socket.terminate()
  })

  it.each([
    ['no key', ''],
    ['an unknown key', '?writeKey=unknown-key'],
    ['a read token', `?writeKey=${READ_TOKEN}`],
    ['a wrong model name', `?writeKey=${WRITE_KEY}&predict=a%20b`],
  ])('refuses the handshake with %s', async (_what, query) => {
    fixture = await startGateway({ transport })
    const client = new Listener(`${fixture.wsUrl}/v1/stream${query}`)
    expect((await client.closing()).code).toBe(1006)
  })

  it('drains: acknowledges what it took, refuses the rest, closes with 1001', async () => {
    const client = await open()
    fixture.shards.hold()
    client.send({ batch: [TRACK], seq: 1 })
    await until(() => fixture.shards.heldCount === 1)
    const drained = fixture.gateway.drain()
    expect((await fixture.post('/v1/track', TRACK)).status).toBe(503)
    expect((await fixture.get('/readyz')).status).toBe(503)
    client.send({ batch: [TRACK], seq: 2 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    fixture.shards.release()
    const replies = await client.heard(2)
    expect(replies[0]).toMatchObject({ ack: 1, accepted: 1 })
    expect(replies[1]).toMatchObject({ error: { code: 'ERR_DRAINING' } })
    expect((await client.closing()).code).toBe(1001)
    await drained
  })

  it('forgets a client that left with frames in flight', async () => {
    const client = await open()
    fixture.shards.hold()
    client.send({ batch: [TRACK], seq: 1 })
    await until(() => fixture.shards.heldCount === 1)
    client.socket.terminate()
    await client.closing()
    fixture.shards.release()
    await until(() => fixture.shards.events.length === 1)
    await fixture.gateway.drain()
  })
})

describe.each(['node', 'uws'] as const)('live over %s', (transport) => {
  let fixture: GatewayFixture
  afterEach(() => fixture.gateway.close())

  it('delivers the topics of the URL and of commands, and none after leaving', async () => {
    fixture = await startGateway({ transport })
    const client = await Listener.open(
      `${fixture.wsUrl}/v1/live?token=${READ_TOKEN}&topics=overview,profile:user%3Au1`,
    )
    expect((await client.heard(1))[0]).toEqual({ subscribed: ['overview', 'profile:user:u1'] })
    client.send({ subscribe: ['segment:vip'], unsubscribe: ['overview'] })
    expect((await client.heard(2))[1]).toEqual({ subscribed: ['profile:user:u1', 'segment:vip'] })
    fixture.shards.publish('overview', 1)
    fixture.shards.publish('segment:vip', 2)
    expect((await client.heard(3))[2]).toEqual({ topic: 'segment:vip', time: 0, data: 2 })
    client.socket.terminate()
    await until(() => fixture.shards.topics.length === 0)
  })

  it('shares one subscription among clients', async () => {
    fixture = await startGateway({ transport })
    const url = `${fixture.wsUrl}/v1/live?topics=overview`
    const options = { headers: { authorization: `Bearer ${READ_TOKEN}` } }
    const clients = await Promise.all([Listener.open(url, options), Listener.open(url, options)])
    for (const client of clients) await client.heard(1)
    fixture.shards.publish('overview', 1)
    for (const client of clients) expect(await client.heard(2)).toHaveLength(2)
    clients[0]?.socket.terminate()
    await clients[0]?.closing()
    fixture.shards.publish('overview', 2)
    expect(await clients[1]?.heard(3)).toHaveLength(3)
  })

  it('refuses what is no command', async () => {
    fixture = await startGateway({ transport })
    const client = await Listener.open(`${fixture.wsUrl}/v1/live?token=${READ_TOKEN}`)
    const wrong = [
      'nonsense',
      {},
      { subscribe: 'overview' },
      { subscribe: ['other'] },
      { follow: [] },
    ]
    for (const command of wrong) client.send(command)
    const codes = (await client.heard(5)).map(({ error }) => (error as { code: string }).code)
    const command = 'ERR_LIVE_COMMAND'
    expect(codes).toEqual([command, command, command, 'ERR_LIVE_TOPIC', command])
  })

  it('bounds the topics of a connection', async () => {
    fixture = await startGateway({ transport, liveTopicsMax: 2 })
    const url = `${fixture.wsUrl}/v1/live?token=${READ_TOKEN}`
    const refused = new WebSocket(`${url}&topics=segment:a,segment:b,segment:c`)
    const [, response] = await once(refused, 'unexpected-response')
    expect((response as IncomingMessage).statusCode).toBe(400)
    refused.on('error', () => undefined).terminate()
    const client = await Listener.open(`${url}&topics=segment:a`)
    client.send({ subscribe: ['segment:b', 'segment:c'] })
    client.send({ subscribe: ['segment:a', 'segment:b'] })
    client.send({ subscribe: ['segment:c'] })
    client.send({ subscribe: ['segment:c'], unsubscribe: ['segment:a'] })
    const tooMany = {
      error: {
        code: 'ERR_LIVE_TOPIC',
        message: 'At most 2 topics a connection (live.topicsMax)',
      },
    }
    expect(await client.heard(5)).toEqual([
      { subscribed: ['segment:a'] },
      tooMany,
      { subscribed: ['segment:a', 'segment:b'] },
      tooMany,
      { subscribed: ['segment:b', 'segment:c'] },
    ])
  })

  it('drops overview first and then closes a slow reader', async () => {
    fixture = await startGateway({ transport, socketBufferBytesMax: 400_000 })
    const client = await Listener.open(
      `${fixture.wsUrl}/v1/live?token=${READ_TOKEN}&topics=overview,segment:a`,
    )
    await client.heard(1)
    client.socket.pause()
    const fill = async (topic: string): Promise<void> => {
      for (let i = 0; i < 3_000 && fixture.shards.topics.length > 0; i += 1) {
        fixture.shards.publish(topic, 'x'.repeat(10_000))
        if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await fill('overview')
    expect(fixture.shards.topics).toContain('overview')
    const dropped = /live_messages_total\{outcome="dropped"\} [1-9]/
    expect(await (await fixture.get('/metrics', {})).text()).toMatch(dropped)
    await fill('segment:a')
    client.socket.resume()
    expect((await client.closing()).code).toBe(1013)
    await until(() => fixture.shards.topics.length === 0)
  })
})
