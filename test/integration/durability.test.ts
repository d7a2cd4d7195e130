import { writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const directories: { path: string; remove(): void }[] = []
const servers: RunningLimn[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) if (server.child.exitCode === null) await server.kill()
  for (const directory of directories.splice(0)) directory.remove()
})

function directory(): string {
  const made = temporaryDirectory()
  directories.push(made)
  return made.path
}

async function start(dataDir: string, env: Record<string, string> = {}): Promise<RunningLimn> {
  const server = await startLimn(dataDir, env)
  servers.push(server)
  return server
}

const USERS = 40
const FRAME_EVENTS = 25

interface Sender {
  /** Events of each user that were acknowledged, and that were sent. */
  readonly acknowledged: number[]
  readonly sent: number[]
  readonly unacknowledged: string[][]
  closed: Promise<void>
}

/** Sends frames of events as fast as they are acknowledged, until the connection breaks. */
function sendUntilItBreaks(address: string, firstMessage: number): Sender {
  const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/stream?writeKey=${KEYS.write}`)
  const acknowledged = Array.from({ length: USERS }, () => 0)
  const sent = Array.from({ length: USERS }, () => 0)
  const inFlight: { users: number[]; events: string[] }[] = []
  let message = firstMessage
  const sendFrame = (): void => {
    const users: number[] = []
    const events: string[] = []
    for (let i = 0; i < FRAME_EVENTS; i++) {
      const user = message % USERS
      users.push(user)
      sent[user]++
      events.push(
        JSON.stringify({
          type: 'track',
          userId: `u${user}`,
          messageId: `m${message++}`,
          event: 'Product Viewed',
          properties: { price: 10 },
        }),
      )
    }
    inFlight.push({ users, events })
    socket.send(`{"batch":[${events.join(',')}]}`)
  }
  socket.on('open', () => {
    for (let i = 0; i < 8; i++) sendFrame()
  })
  socket.on('message', (data) => {
    const reply = JSON.parse(String(data)) as { accepted: number; error?: unknown }
    const frame = inFlight.shift()
    expect(reply.error).toBeUndefined()
    expect(reply.accepted).toBe(FRAME_EVENTS)
    for (const user of frame?.users ?? []) acknowledged[user]++
    sendFrame()
  })
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return {
    acknowledged,
    sent,
    get unacknowledged() {
      return inFlight.map((frame) => frame.events)
    },
    closed,
  }
}

async function viewsOf(limn: RunningLimn): Promise<number[]> {
  const views: number[] = []
  for (let user = 0; user < USERS; user++) {
    const { status, body } = await limn.get(`/v1/profiles/u${user}/traits`)
    views.push(status === 404 ? 0 : (body.traits as { events: number }).events)
  }
  return views
}

describe('kill -9 during ingest', () => {
  test.each([300, 700, 1100])(
    'after %i ms: every acknowledged event is there, none twice',
    async (ms) => {
      const dataDir = directory()
      // Frequent checkpoints, so that a kill may fall into one.
      const env = { LIMN_CHECKPOINT_INTERVAL_SECONDS: '1' }
      const limn = await start(dataDir, env)
      const sender = sendUntilItBreaks(limn.address, 0)
      await new Promise((resolve) => setTimeout(resolve, ms))
      await limn.kill()
      await sender.closed

      const again = await start(dataDir, env)
      const views = await viewsOf(again)
      for (let user = 0; user < USERS; user++) {
        expect(views[user], `u${user}`).toBeGreaterThanOrEqual(sender.acknowledged[user])
        expect(views[user], `u${user}`).toBeLessThanOrEqual(sender.sent[user])
      }
      expect(sender.acknowledged.reduce((a, b) => a + b)).toBeGreaterThan(0)

      // What was not acknowledged is sent again; message ids make that harmless.
      for (const events of sender.unacknowledged) {
        const { status } = await again.post('/v1/batch', `{"batch":[${events.join(',')}]}`)
        expect(status).toBe(200)
      }
      expect(await viewsOf(again)).toEqual(sender.sent)
    },
  )
})

test('SIGTERM drains, exits with 0, and the next start needs no replay', async () => {
  const dataDir = directory()
  const limn = await start(dataDir)
  await limn.post('/v1/track', { userId: 'u', event: 'Product Viewed', messageId: 'x' })
  expect(await limn.stop()).toBe(0)
  const again = await start(dataDir)
  const metrics = await (await fetch(`${again.address}/metrics`)).text()
  const replayed = [...metrics.matchAll(/limn_recovery_replayed_records\{[^}]*\} (\d+)/g)]
  expect(replayed.map((match) => match[1])).toEqual(['0', '0'])
  const { body } = await again.get('/v1/profiles/u/traits')
  expect(body.traits).toMatchObject({ events: 1 })
})

test('a second server on the same data is refused', async () => {
  const dataDir = directory()
  await start(dataDir)
  await expect(startLimn(dataDir)).rejects.toThrow('ERR_STORAGE_LOCKED')
})

test('another shard count is refused with the count to set', async () => {
  const dataDir = directory()
  await (await start(dataDir)).stop()
  await expect(startLimn(dataDir, { LIMN_STORAGE_SHARDS: '3' })).rejects.toThrow(
    'ERR_STORAGE_SHARD_COUNT',
  )
})

test('damage is found at the start and named', async () => {
  const dataDir = directory()
  const limn = await start(dataDir)
  const events = Array.from({ length: 200 }, (_, i) => {
    return {
      type: 'track',
      userId: `u${i}`,
      event: 'Order Completed',
      properties: { order_id: `marker-${i}`, revenue: 1 },
    }
  })
  await limn.post('/v1/batch', { batch: events })
  await limn.stop()
  const path = join(dataDir, 'shard-0', 'data.mdb')
  const bytes = readFileSync(path)
  const at = bytes.indexOf('marker-')
  expect(at).toBeGreaterThan(0)
  for (let found = at; found >= 0; found = bytes.indexOf('marker-', found + 1))
    bytes.write('DAMAGED', found)
  writeFileSync(path, bytes)
  await expect(startLimn(dataDir)).rejects.toThrow(/ERR_STORAGE_CORRUPT.*shard 0, journal block 0/s)
})
