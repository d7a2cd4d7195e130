import { afterEach, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import type { AddressInfo } from 'node:net'
import { StreamClient } from '../../src/simulator/stream-client.ts'
import { startGateway, WRITE_KEY } from '../gateway/gateway-fixture.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

function client(address: string, writeKey = WRITE_KEY): StreamClient {
  const made = new StreamClient({ address, writeKey, history: false, eventsPerFrame: 2 })
  closing.push(() => made.close())
  return made
}

function track(index: number) {
  return { type: 'track', userId: 'u', event: 'x', messageId: `m${index}` }
}

/** A server that answers each frame by what `reply` makes of it; null drops the connection. */
async function serve(reply: (frame: number) => object | null) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  const frames: string[][] = []
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const { batch } = JSON.parse(String(data)) as { batch: { messageId: string }[] }
      frames.push(batch.map(({ messageId }) => messageId))
      const answer = reply(frames.length)
      if (answer === null) socket.terminate()
      else socket.send(JSON.stringify(answer))
    })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  closing.push(() => server.close())
  return { frames, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const ACCEPTED = { accepted: 2, rejected: [], position: '0:1', credits: 8 }
const OVERLOADED = {
  accepted: 0,
  rejected: [],
  credits: 8,
  error: { code: 'ERR_OVERLOADED', message: 'full', retryable: true },
}

test('delivers to a gateway, counts what is acknowledged and what is rejected', async () => {
  const fixture = await startGateway({ transport: 'node' })
  closing.push(() => fixture.gateway.close())
  const stream = client(fixture.url)
  for (let i = 0; i < 5; i++) await stream.send(track(i))
  await stream.send({ type: 'track', event: 'x' })
  await stream.drain()
  expect(stream).toMatchObject({ sent: 6, acknowledged: 5, rejected: 1, position: '0:5' })
  expect(stream.latency.totalCount).toBe(3)
})

test('sends again, in order, what a broken connection left without acknowledgement', async () => {
  const { frames, address } = await serve((frame) => (frame === 2 ? null : ACCEPTED))
  const stream = client(address)
  for (let i = 0; i < 6; i++) await stream.send(track(i))
  await stream.drain()
  expect(stream).toMatchObject({ sent: 6, acknowledged: 6 })
  expect(frames.at(-1)).toEqual(['m4', 'm5'])
  expect(new Set(frames.flat()).size).toBe(6)
})

test('sends refused frames again in the order they were made', async () => {
  const { frames, address } = await serve((frame) => (frame <= 3 ? OVERLOADED : ACCEPTED))
  const stream = client(address)
  for (let i = 0; i < 6; i++) await stream.send(track(i))
  await stream.drain()
  expect(stream.acknowledged).toBe(6)
  expect(frames.slice(3)).toEqual([
    ['m0', 'm1'],
    ['m2', 'm3'],
    ['m4', 'm5'],
  ])
})

test('gives up at once where the key is wrong', async () => {
  const fixture = await startGateway({ transport: 'node' })
  closing.push(() => fixture.gateway.close())
  const stream = client(fixture.url, 'another-key')
  await stream.send(track(0))
  await expect(stream.drain()).rejects.toMatchObject({ code: 'ERR_CLIENT_REFUSED' })
})
