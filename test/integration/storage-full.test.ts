import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'
import { smallDisk } from './small-disk.ts'

const MEBIBYTE = 1_048_576
const MAP_BYTES = 64 * MEBIBYTE
const BATCH_EVENTS = 15
const USERS = 5

const cleanups: (() => void)[] = []
const servers: RunningLimn[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) if (server.child.exitCode === null) await server.kill()
  for (const clean of cleanups.splice(0)) clean()
})

async function start(dataDir: string, env: Record<string, string>): Promise<RunningLimn> {
  const server = await startLimn(dataDir, { LIMN_STORAGE_SHARDS: '1', ...env })
  servers.push(server)
  return server
}

interface Sent {
  acknowledged: number
  sent: number
}

/** Posts batches of large events, some at once, until the server stops answering with success. */
async function postUntilItEnds(limn: RunningLimn, from: number): Promise<Sent> {
  const counts = { acknowledged: 0, sent: 0 }
  let message = from
  const sender = async (): Promise<void> => {
    for (;;) {
      const batch = Array.from({ length: BATCH_EVENTS }, () => ({
        type: 'track',
        userId: `u${message % USERS}`,
        messageId: `m${message++}`,
        event: 'Product Viewed',
        properties: { product_id: 'p1', note: 'x'.repeat(30_000) },
      }))
      counts.sent += batch.length
      const answer = await limn.post('/v1/batch', { batch }).catch(() => null)
      if (answer?.status !== 200) return
      counts.acknowledged += batch.length
    }
  }
  await Promise.all([sender(), sender(), sender()])
  return counts
}

async function countEvents(limn: RunningLimn): Promise<number> {
  let events = 0
  for (let user = 0; user < USERS; user++) {
    const { body } = await limn.get(`/v1/profiles/u${user}/traits`)
    events += (body.traits as { events: number }).events
  }
  return events
}

function exitOf(limn: RunningLimn): Promise<number | null> {
  if (limn.child.exitCode !== null) return Promise.resolve(limn.child.exitCode)
  return new Promise((resolve) => limn.child.once('exit', resolve))
}

test('a full map ends the process with a code; with a larger one everything acknowledged is there', async () => {
  const made = temporaryDirectory()
  cleanups.push(() => made.remove())
  const limn = await start(made.path, { LIMN_STORAGE_MAP_SIZE_MAX_BYTES: String(MAP_BYTES) })
  const { acknowledged, sent } = await postUntilItEnds(limn, 0)
  expect(await exitOf(limn)).toBe(1)
  expect(limn.output()).toMatch(
    /limn: ERR_STORAGE_FULL: shard 0: .*data\.mdb is full: \d+ bytes of storage\.mapSizeMaxBytes = 67108864; raise it/,
  )
  const file = join(made.path, 'shard-0', 'data.mdb')
  expect(statSync(file).size).toBeLessThanOrEqual(MAP_BYTES)
  expect(statSync(file).size).toBeGreaterThan(MAP_BYTES / 2)
  expect(acknowledged).toBeGreaterThan(100)

  const larger = { LIMN_STORAGE_MAP_SIZE_MAX_BYTES: String(4 * MAP_BYTES) }
  const again = await start(made.path, larger)
  const events = await countEvents(again)
  expect(events).toBeGreaterThanOrEqual(acknowledged)
  expect(events).toBeLessThanOrEqual(sent)
  const more = { batch: [{ type: 'track', userId: 'u0', event: 'Product Viewed' }] }
  expect((await again.post('/v1/batch', more)).status).toBe(200)
  const metrics = await (await fetch(`${again.address}/metrics`)).text()
  expect(metrics).toContain(`limn_storage_bytes_max{shard="0"} ${4 * MAP_BYTES}`)
  expect(await again.stop()).toBe(0)
})

test('a file that is larger than the map is refused at the start', async () => {
  const made = temporaryDirectory()
  cleanups.push(() => made.remove())
  const limn = await start(made.path, {})
  for (let i = 0; i < 160; i++) {
    const batch = Array.from({ length: BATCH_EVENTS }, (_, n) => ({
      type: 'track',
      userId: `u${n}`,
      event: 'Product Viewed',
      properties: { note: 'x'.repeat(30_000) },
    }))
    expect((await limn.post('/v1/batch', { batch })).status).toBe(200)
  }
  expect(await limn.stop()).toBe(0)
  await expect(
    start(made.path, { LIMN_STORAGE_MAP_SIZE_MAX_BYTES: String(MAP_BYTES) }),
  ).rejects.toThrow(/ended with 1:.*ERR_STORAGE_FULL/s)
})

test('a full disk ends the process with a code; with room again everything acknowledged is there', async (context) => {
  const disk = smallDisk(48)
  if (disk === null) return context.skip('mounting a tmpfs needs root')
  cleanups.push(() => disk.remove())
  const dataDir = join(disk.path, 'data')
  mkdirSync(dataDir)
  // What is removed later to make room.
  const ballast = join(disk.path, 'ballast')
  writeFileSync(ballast, Buffer.alloc(16 * MEBIBYTE))
  const limn = await start(dataDir, {})
  const { acknowledged, sent } = await postUntilItEnds(limn, 0)
  expect(await exitOf(limn)).toBe(1)
  expect(limn.output()).toMatch(
    /limn: ERR_STORAGE_WRITE: shard 0 cannot write its (journal|checkpoint): .*; the disk of .*shard-0 is full: make room/,
  )
  expect(acknowledged).toBeGreaterThan(100)

  rmSync(ballast)
  const again = await start(dataDir, {})
  const events = await countEvents(again)
  expect(events).toBeGreaterThanOrEqual(acknowledged)
  expect(events).toBeLessThanOrEqual(sent)
  expect(await again.stop()).toBe(0)
})
