import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const DAY_MS = 86_400_000
const SHOPPERS = 12
/** Longer than a shard waits between two looks at its timers. */
const PAUSE_MS = 1_200
const begin = Date.now() - 30 * DAY_MS

let limn: RunningLimn
const directory = temporaryDirectory()

beforeAll(async () => {
  limn = await startLimn(directory.path, { LIMN_STORAGE_SHARDS: '3' })
})

afterAll(async () => {
  await limn.stop()
  directory.remove()
})

/** One event of every shopper, whose profiles are on all shards; each import goes to one of them. */
async function importDay(day: number, event: string): Promise<void> {
  const timestamp = new Date(begin + day * DAY_MS).toISOString()
  const batch = Array.from({ length: SHOPPERS }, (_, i) => {
    const messageId = `history-${day}-${i}`
    return {
      type: 'track',
      userId: `old-${i}`,
      event,
      messageId,
      timestamp,
      properties: { price: 9 },
    }
  })
  const { status } = await limn.post('/v1/import', { batch })
  expect(status).toBe(200)
}

test('while history arrives, the wall clock fires no timer on any shard', async () => {
  await importDay(0, 'Product Added')
  await setTimeout(PAUSE_MS)
  await importDay(3, 'Product Viewed')
  await setTimeout(PAUSE_MS)
  await importDay(5, 'Product Viewed')
  for (let i = 0; i < SHOPPERS; i++) {
    const { body } = await limn.get(`/v1/profiles/old-${i}/traits`)
    expect(body.traits, `old-${i}`).toMatchObject({ events: 3, sessions: 3 })
  }
})
