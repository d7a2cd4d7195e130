import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../src/config/server-config.ts'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { ownerOf, parseKey } from '../../src/event/profile-key.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { formatKey } from '../../src/event/profile-key.ts'
import { keyOfRecord } from '../../src/replay/replayer.ts'
import { journalSource } from '../../src/model/journal/journal-source.ts'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const SHARDS = 3
const PAIRS = Array.from({ length: 9 }, (_, i) => i)
const run = promisify(execFile)

let limn: RunningLimn
const directory = temporaryDirectory()
const env = { LIMN_STORAGE_SHARDS: String(SHARDS) }

beforeAll(async () => {
  limn = await startLimn(directory.path, env)
})

afterAll(async () => {
  await limn.stop()
  directory.remove()
})

let message = 0

async function send(type: string, fields: Record<string, unknown>): Promise<void> {
  const { status } = await limn.post(`/v1/${type}`, {
    messageId: `identity-${message++}`,
    ...fields,
  })
  expect(status).toBe(200)
}

async function undo(
  id: string,
  token: string = KEYS.admin,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const path = `/v1/profiles/${encodeURIComponent(id)}/identity/undo`
  const response = await fetch(limn.address + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** A profile without what tells one shopper from another. */
async function portrait(id: string, at: number | null): Promise<Record<string, unknown>> {
  const query = at === null ? '' : `?at=${at}`
  const { status, body } = await limn.get(`/v1/profiles/${encodeURIComponent(id)}${query}`)
  expect(status).toBe(200)
  const { id: _id, position: _position, links: _links, ...rest } = body
  return rest
}

/** Which events a profile has; the page is in the order in which they came to it. */
async function pricesOf(id: string): Promise<unknown[]> {
  const { body } = await limn.get(`/v1/profiles/${encodeURIComponent(id)}/events?limit=100`)
  return (body.events as { message: { properties?: { price?: unknown } } }[])
    .map((event) => event.message.properties?.price)
    .filter((price) => price !== undefined)
    .toSorted((a, b) => Number(a) - Number(b))
}

/** Not long ago: a session that a timer ended between two events would tell one shopper from another. */
const begin = Date.now() - 20_000

/** An event of each of several shoppers at the same time, seconds after the beginning. */
async function track(ids: readonly Record<string, string>[], second: number): Promise<void> {
  const timestamp = new Date(begin + second * 1000).toISOString()
  const event = second % 3 === 0 ? 'Product Added' : 'Product Viewed'
  const properties = { price: second, product_id: `p${second % 4}`, category: 'shoes' }
  for (const id of ids) await send('track', { ...id, event, timestamp, properties })
}

/** A device and its user, and beside them twins who never met. */
async function joinAndUndo(i: number): Promise<void> {
  const device = { anonymousId: `device-${i}` }
  const user = { userId: `user-${i}` }
  const twins: Record<string, string>[] = [
    { anonymousId: `lone-device-${i}` },
    { userId: `lone-user-${i}` },
  ]
  const timestamp = new Date(begin + 4_500).toISOString()
  const traits = { name: 'N' }
  await track([device, twins[0]], 1)
  await track([user, twins[1]], 2)
  await track([device, twins[0]], 3)
  await send('identify', { ...user, ...device, traits, timestamp })
  await send('identify', { ...twins[1], traits, timestamp })
  await track([device, twins[0]], 5)
  await track([user, twins[1]], 6)
  expect(await pricesOf(`user-${i}`)).toHaveLength(5)
  expect((await undo(`anonymous:device-${i}`)).status).toBe(200)
  await track([device, twins[0]], 7)
  await track([user, twins[1]], 8)
}

test.each(PAIRS)(
  'after an undo both are what they would be had they never met: pair %i',
  async (i) => {
    await joinAndUndo(i)
    const at = Date.now()
    for (const [id, twin] of [
      [`anonymous:device-${i}`, `anonymous:lone-device-${i}`],
      [`user:user-${i}`, `user:lone-user-${i}`],
    ]) {
      expect(await portrait(id, at), id).toEqual(await portrait(twin, at))
      expect(await pricesOf(id), id).toEqual(await pricesOf(twin))
    }
    const { body } = await limn.get(`/v1/profiles/user-${i}`)
    expect(body.links).toEqual([])
  },
)

test('the same after a kill, and in a replay for training', async () => {
  await limn.kill()
  limn = await startLimn(directory.path, env)
  const at = Date.now()
  for (const i of PAIRS) {
    for (const key of [`anonymous:device-${i}`, `user:user-${i}`]) {
      const twin = key.replace(':', ':lone-')
      expect(await portrait(key, at), key).toEqual(await portrait(twin, at))
      expect((await portrait(key, null)).segments).toEqual((await portrait(twin, null)).segments)
    }
    expect(await pricesOf(`anonymous:device-${i}`)).toEqual([1, 3, 5, 7])
  }
  await limn.stop()
  const vectors = replayedVectors(at)
  limn = await startLimn(directory.path, env)
  for (const i of PAIRS) {
    const device = vectors.get(`anonymous:device-${i}`)
    expect(device).toBeDefined()
    expect(device).toEqual(vectors.get(`anonymous:lone-device-${i}`))
    expect(vectors.get(`user:user-${i}`)).toEqual(vectors.get(`user:lone-user-${i}`))
  }
})

/** Feature vectors of all profiles as training finds them at the journal's end. */
function replayedVectors(nowMs: number): Map<string, number[]> {
  const { definition } = loadProfileConfig(resolve(packageRoot(), 'config/profile.yaml'))
  const source = journalSource({ dataDir: directory.path, shardCount: SHARDS, profile: definition })
  const vectors = new Map<string, number[]>()
  const out = new Float32Array(source.features.length)
  for (let shard = 0; shard < SHARDS; shard++) {
    const replayed = source.open(shard, { where: null, value: null, exclude: null })
    const rows = new Map<string, number>()
    const cursor = new RecordCursor()
    for (const block of replayed.blocks()) {
      cursor.over(block.bytes)
      for (let i = 0; i < block.count; i++) {
        const row = replayed.apply(cursor.at(block.offsets[i]), block.firstSequence + i)
        rows.set(formatKey(keyOfRecord(cursor)), row)
      }
    }
    for (const [key, row] of rows) {
      if (row < 0) continue
      replayed.writeFeatures(row, nowMs, out, 0)
      vectors.set(key, [...out])
    }
    replayed.close()
  }
  return vectors
}

test('events that are sent again after an undo count once', async () => {
  const batch = PAIRS.map((i) => ({
    type: 'track',
    anonymousId: `again-${i}`,
    messageId: `again-${i}`,
    event: 'Product Viewed',
    properties: { price: 1 },
  }))
  const while_ = batch.map((event) => ({ ...event, messageId: `${event.messageId}-while` }))
  await limn.post('/v1/batch', { batch })
  for (const i of PAIRS) await send('identify', { anonymousId: `again-${i}`, userId: `owner-${i}` })
  await limn.post('/v1/batch', { batch: while_ })
  for (const i of PAIRS) expect((await undo(`anonymous:again-${i}`)).body.state).toBe('done')
  await limn.post('/v1/batch', { batch: [...batch, ...while_] })
  for (const i of PAIRS) expect(await pricesOf(`anonymous:again-${i}`)).toEqual([1, 1])
  for (const i of PAIRS) await send('identify', { anonymousId: `again-${i}`, userId: `owner-${i}` })
  await limn.post('/v1/batch', { batch: [...batch, ...while_] })
  for (const i of PAIRS) expect(await pricesOf(`owner-${i}`)).toEqual([1, 1])
})

test('a rename is undone at any depth', async () => {
  for (const i of PAIRS.slice(0, 4)) {
    await track([{ anonymousId: `deep-${i}` }], 10)
    await track([{ userId: `deep-user-${i}` }], 11)
    await track([{ userId: `deep-end-${i}` }], 12)
    await send('identify', { anonymousId: `deep-${i}`, userId: `deep-user-${i}` })
    await send('alias', { previousId: `deep-user-${i}`, userId: `deep-end-${i}` })
    expect(await pricesOf(`deep-end-${i}`)).toEqual([10, 11, 12])
    expect((await undo(`user:deep-user-${i}`)).status).toBe(200)
    expect(await pricesOf(`deep-user-${i}`)).toEqual([10, 11])
    expect((await undo(`anonymous:deep-${i}`)).status).toBe(200)
    expect(await pricesOf(`deep-user-${i}`)).toEqual([11])
    expect(await pricesOf(`anonymous:deep-${i}`)).toEqual([10])
    expect(await pricesOf(`deep-end-${i}`)).toEqual([12])
  }
})

test('who may undo, and what', async () => {
  await track([{ userId: 'plain' }], 1)
  expect((await undo('user:plain', KEYS.read)).body).toMatchObject({
    error: { code: 'ERR_AUTH_SCOPE' },
  })
  expect(await undo('user:plain')).toMatchObject({
    status: 409,
    body: { error: { code: 'ERR_IDENTITY_NOT_JOINED' } },
  })
  expect(await undo('anonymous:never-seen')).toMatchObject({ status: 409 })
  await send('identify', { anonymousId: 'once', userId: 'plain' })
  const first = await undo('anonymous:once')
  expect(first).toMatchObject({ status: 200, body: { undone: true, from: 'user:plain' } })
  expect(first.body.position).toMatch(/^\d+:\d+/)
  expect(await undo('anonymous:once')).toMatchObject({ status: 200, body: { undone: false } })
  const shown = await limn.get('/v1/profiles/anonymous%3Aonce/identity?limit=2')
  expect(shown.body).toMatchObject({ id: 'anonymous:once', path: ['anonymous:once'], joined: null })
  expect((await limn.get('/v1/profiles/nobody/identity')).status).toBe(404)
  expect((await limn.get('/v1/profiles/plain/identity?limit=0')).status).toBe(400)
})

test('limn identity show and undo, with a server and without', async () => {
  const cli = async (...words: string[]): Promise<Record<string, unknown>> => {
    const at = ['--data', directory.path, '--json']
    const given = { ...process.env, ...env, LIMN_LOG_LEVEL: 'error' }
    const { stdout } = await run(process.execPath, [LIMN, 'identity', ...words, ...at], {
      env: given,
    })
    return JSON.parse(stdout) as Record<string, unknown>
  }
  await track([{ anonymousId: 'cli-1' }, { anonymousId: 'cli-2' }], 1)
  await send('identify', { anonymousId: 'cli-1', userId: 'cli' })
  await send('identify', { anonymousId: 'cli-2', userId: 'cli' })
  const path = ['anonymous:cli-1', 'user:cli']
  expect(await cli('show', 'anonymous:cli-1', '--token', KEYS.read)).toMatchObject({ path })
  expect(await cli('undo', 'anonymous:cli-1', '--token', KEYS.admin)).toMatchObject({
    undone: true,
  })
  await limn.stop()
  expect(await cli('undo', 'anonymous:cli-2')).toMatchObject({ state: 'done', undone: true })
  expect(await cli('show', 'anonymous:cli-2')).toMatchObject({ joined: null })
  await expect(cli('undo', 'user:cli')).rejects.toThrow('ERR_IDENTITY_NOT_JOINED')
  limn = await startLimn(directory.path, env)
  expect(await pricesOf('anonymous:cli-2')).toEqual([1])
})

test('an undo survives kill -9 and is not done twice', async () => {
  const ids = Array.from({ length: 30 }, (_, i) => i)
  const views = ids.map((i) => ({
    type: 'track',
    anonymousId: `k${i}`,
    messageId: `k${i}`,
    event: 'Product Viewed',
    properties: { price: i },
  }))
  const logins = ids.map((i) => {
    return { type: 'identify', anonymousId: `k${i}`, userId: `ku${i}`, messageId: `kj${i}` }
  })
  await limn.post('/v1/batch', { batch: views })
  await limn.post('/v1/batch', { batch: logins })
  const asked = ids.map((i) => undo(`anonymous:k${i}`).catch(() => null))
  await new Promise((done) => setTimeout(done, 4))
  await limn.kill()
  await Promise.all(asked)
  limn = await startLimn(directory.path, env)
  for (const i of ids) {
    // What was not durable is done now; what was is done once.
    while ((await undo(`anonymous:k${i}`)).status === 202) continue
    expect(await pricesOf(`anonymous:k${i}`), `k${i}`).toEqual([i])
    expect(await pricesOf(`ku${i}`), `ku${i}`).toEqual([])
  }
  await limn.post('/v1/batch', { batch: views })
  for (const i of ids) expect(await pricesOf(`anonymous:k${i}`), `k${i}`).toEqual([i])
  const shards = new Set(ids.map((i) => ownerOf(parseKey(`anonymous:k${i}`), SHARDS)))
  expect(shards.size).toBe(SHARDS)
})
