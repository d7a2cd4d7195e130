import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { crc32 } from 'node:zlib'
import { open } from 'lmdb'
import { afterEach, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const LIMN = join(ROOT, 'dist/src/cli/limn.js')
const SHARDS = 2
const DAY_MS = 86_400_000
const RETENTION = {
  LIMN_STORAGE_SHARDS: String(SHARDS),
  LIMN_JOURNAL_RETENTION_DAYS: '5',
  LIMN_CHECKPOINT_INTERVAL_SECONDS: '1',
  // A journal that was made to look old looks like a clock that has jumped.
  LIMN_JOURNAL_RETENTION_SETTLE_HOURS: '0',
}

const directory = temporaryDirectory()
const dataDir = join(directory.path, 'data')
let limn: RunningLimn | null = null

afterEach(async () => {
  if (limn !== null && limn.child.exitCode === null) await limn.kill()
  directory.remove()
})

/** Makes all blocks look as if they had been written ten days ago. */
async function ageJournal(): Promise<void> {
  for (let shard = 0; shard < SHARDS; shard++) {
    const path = join(dataDir, `shard-${shard}`)
    const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
    const journal = root.openDB<Uint8Array, number>({ name: 'journal', encoding: 'binary' })
    const keys = [...journal.getKeys()]
    for (const key of keys) {
      const block = Uint8Array.from(journal.get(key) ?? [])
      const view = new DataView(block.buffer)
      view.setFloat64(24, Date.now() - 10 * DAY_MS, true)
      view.setUint32(4, crc32(block.subarray(8)), true)
      await journal.put(key, block)
    }
    await root.close()
  }
}

async function send(server: RunningLimn, type: string, fields: object): Promise<void> {
  const { status } = await server.post(`/v1/${type}`, fields)
  expect(status).toBe(200)
}

async function order(server: RunningLimn, userId: string): Promise<void> {
  await send(server, 'track', { userId, event: 'Order Completed', properties: { revenue: 10 } })
}

async function traitsOf(server: RunningLimn, id: string): Promise<Record<string, unknown>> {
  const { body } = await server.get(`/v1/profiles/${encodeURIComponent(id)}/traits`)
  return body.traits as Record<string, unknown>
}

/** Waits until every shard has dropped something. */
async function dropped(server: RunningLimn): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${server.address}/metrics`)).text()
    const firsts = [...metrics.matchAll(/limn_journal_first_sequence\{[^}]*\} (\d+)/g)]
    expect(firsts).toHaveLength(SHARDS)
    if (firsts.every(([, first]) => Number(first) > 0)) return
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** A profile definition with one trait more than the shipped one. */
function changedDefinition(): string {
  cpSync(join(ROOT, 'config'), join(directory.path, 'config'), { recursive: true })
  const file = join(directory.path, 'config', 'profile.yaml')
  const text = readFileSync(file, 'utf8')
  const trait = 'traits:\n  retained_events: { part: behaviour, op: count, on: ["*"] }\n'
  writeFileSync(file, text.replace(/^traits:\n/m, trait))
  return file
}

test('the older part of the journal goes; profiles keep what it made', async () => {
  limn = await startLimn(dataDir, { LIMN_STORAGE_SHARDS: String(SHARDS) })
  const users = Array.from({ length: 8 }, (_, i) => `u${i}`)
  for (const user of users) for (let i = 0; i < 3; i++) await order(limn, user)
  await send(limn, 'track', { anonymousId: 'visitor', event: 'Product Viewed' })
  await send(limn, 'track', { anonymousId: 'gone', event: 'Product Viewed' })
  expect(await limn.stop()).toBe(0)
  await ageJournal()

  limn = await startLimn(dataDir, RETENTION)
  const beforeNews = new Date().toISOString()
  for (const user of users.slice(0, 7)) await order(limn, user)
  await send(limn, 'track', { anonymousId: 'visitor', event: 'Product Viewed' })
  await dropped(limn)

  for (const user of users) {
    const orders = user === 'u7' ? 3 : 4
    expect(await traitsOf(limn, user)).toMatchObject({ orders, spend: orders * 10 })
    const events = await limn.get(`/v1/profiles/${user}/events`)
    expect(events).toMatchObject({ status: 200, body: { cursor: { next: null } } })
    expect((events.body.events as unknown[]).length).toBeLessThanOrEqual(user === 'u7' ? 1 : 2)
  }

  const now = encodeURIComponent(new Date(Date.now() + 1).toISOString())
  const then = await limn.get(`/v1/profiles/u0?at=${now}`)
  expect(then.status).toBe(200)
  expect(Date.parse(then.body.historyFrom as string)).toBeGreaterThanOrEqual(Date.parse(beforeNews))
  const earlier = encodeURIComponent(new Date(Date.parse(beforeNews) - 3_600_000).toISOString())
  expect(await limn.get(`/v1/profiles/u0?at=${earlier}`)).toMatchObject({
    status: 410,
    body: { error: { code: 'ERR_HISTORY_DROPPED' } },
  })

  // Joins: the user keeps what is no longer in the journal, and gets what is left of the visitor's.
  await send(limn, 'identify', { anonymousId: 'visitor', userId: 'u1' })
  await send(limn, 'identify', { anonymousId: 'gone', userId: 'u2' })
  const joined = { orders: 4, spend: 40, events: 6, views_24h: 1 }
  expect(await traitsOf(limn, 'u1')).toMatchObject(joined)
  expect(await traitsOf(limn, 'anonymous:visitor')).toMatchObject(joined)
  expect(await traitsOf(limn, 'u2')).toMatchObject({ orders: 4, events: 5 })
  await send(limn, 'track', { anonymousId: 'gone', event: 'Product Viewed' })
  expect(await traitsOf(limn, 'u2')).toMatchObject({ events: 6, views_24h: 1 })

  await limn.kill()
  limn = await startLimn(dataDir, RETENTION)
  expect(await traitsOf(limn, 'u1')).toMatchObject(joined)
  expect(await traitsOf(limn, 'u2')).toMatchObject({ orders: 4, events: 6, views_24h: 1 })
  expect(await limn.stop()).toBe(0)
  expect(
    execFileSync(process.execPath, [LIMN, 'check', '--data', dataDir], { encoding: 'utf8' }),
  ).toContain('all checksums are right')

  // Another definition can only be folded over what is left, and the log says so.
  limn = await startLimn(dataDir, {
    ...RETENTION,
    LIMN_LOG_LEVEL: 'info',
    LIMN_PROFILE_FILE: changedDefinition(),
  })
  expect(limn.output()).toMatch(
    /profiles are folded from the journal, which reaches back to record [1-9]\d*, written \d{4}-/,
  )
  expect(await traitsOf(limn, 'u3')).toMatchObject({ orders: 1, retained_events: 1 })
})
