import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

let limn: RunningLimn
const directory = temporaryDirectory()

beforeAll(async () => {
  limn = await startLimn(directory.path, { LIMN_STORAGE_SHARDS: '3' })
})

afterAll(async () => {
  await limn.stop()
  directory.remove()
})

let message = 0

async function send(type: string, fields: Record<string, unknown>): Promise<string> {
  const { status, headers } = await limn.post(`/v1/${type}`, {
    messageId: `join-${message++}`,
    ...fields,
  })
  expect(status).toBe(200)
  return headers.get('limn-position') ?? ''
}

async function traitsOf(id: string): Promise<Record<string, number>> {
  const { body } = await limn.get(`/v1/profiles/${encodeURIComponent(id)}/traits`)
  return body.traits as Record<string, number>
}

describe('an anonymous shopper who logs in keeps the history', () => {
  // Twelve pairs of ids over three shards: same shard and across, both ways.
  test.each(Array.from({ length: 12 }, (_, i) => i))('pair %i', async (i) => {
    const anonymousId = `visitor-${i}`
    const userId = `member-${i}`
    await send('track', { anonymousId, event: 'Product Viewed', properties: { price: 10 } })
    await send('track', { anonymousId, event: 'Product Added', properties: { price: 10 } })
    await send('track', { userId, event: 'Order Completed', properties: { revenue: 5 } })
    await send('identify', { anonymousId, userId, traits: { name: 'N' } })
    await send('track', { anonymousId, event: 'Product Viewed', properties: { price: 20 } })
    await send('identify', { anonymousId, userId, traits: { name: 'M' } })
    await send('track', { userId, event: 'Order Completed', properties: { revenue: 7 } })
    const traits = await traitsOf(userId)
    expect(traits).toMatchObject({
      events: 7,
      views_24h: 2,
      cart_adds_24h: 1,
      orders: 2,
      spend: 12,
      sessions: 1,
    })
    expect(await traitsOf(`anonymous:${anonymousId}`)).toMatchObject({ events: 7 })
    const { body } = await limn.get(`/v1/profiles/${userId}/events?limit=50`)
    expect(body.events).toHaveLength(7)
  })
})

test('a device that logs in as a second person moves nothing, and follows the second', async () => {
  await send('track', { anonymousId: 'shared', event: 'Product Viewed' })
  await send('identify', { anonymousId: 'shared', userId: 'first' })
  await send('identify', { anonymousId: 'shared', userId: 'second' })
  await send('track', { anonymousId: 'shared', event: 'Product Viewed' })
  expect(await traitsOf('first')).toMatchObject({ views_24h: 1, events: 2 })
  expect(await traitsOf('second')).toMatchObject({ views_24h: 1, events: 2 })
})

test('alias chains and circles', async () => {
  await send('track', { userId: 'a', event: 'Product Viewed' })
  await send('alias', { userId: 'b', previousId: 'a' })
  await send('alias', { userId: 'c', previousId: 'b' })
  await send('track', { userId: 'a', event: 'Product Viewed' })
  expect(await traitsOf('c')).toMatchObject({ views_24h: 2, events: 4 })
  await send('alias', { userId: 'a', previousId: 'c' })
  await send('track', { userId: 'b', event: 'Product Viewed' })
  for (const id of ['a', 'b', 'c'])
    expect(await traitsOf(id)).toMatchObject({ views_24h: 3, events: 6 })
})

test('a join survives kill -9 and is not done twice', async () => {
  const own = temporaryDirectory()
  let server = await startLimn(own.path)
  const ids = Array.from({ length: 30 }, (_, i) => i)
  const events = ids.map((i) => ({
    type: 'track',
    anonymousId: `v${i}`,
    messageId: `v${i}`,
    event: 'Product Viewed',
  }))
  await server.post('/v1/batch', { batch: events })
  const joins = ids.map((i) => ({
    type: 'identify',
    anonymousId: `v${i}`,
    userId: `m${i}`,
    messageId: `j${i}`,
  }))
  const answered = server.post('/v1/batch', { batch: joins }).catch(() => null)
  await new Promise((resolve) => setTimeout(resolve, 3))
  await server.kill()
  await answered
  server = await startLimn(own.path)
  await server.post('/v1/batch', { batch: joins })
  for (const i of ids) {
    const { body } = await server.get(`/v1/profiles/m${i}/traits`)
    expect(body.traits, `m${i}`).toMatchObject({ views_24h: 1, events: 2 })
  }
  await server.stop()
  own.remove()
})
