import { Analytics } from '@segment/analytics-node'
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

/** The public SDKs, unchanged, pointed at the server. */

let limn: RunningLimn
const directory = temporaryDirectory()

beforeAll(async () => {
  limn = await startLimn(directory.path)
})

afterAll(async () => {
  await limn.stop()
  directory.remove()
})

async function traitsOf(id: string): Promise<Record<string, unknown>> {
  const { status, body } = await limn.get(`/v1/profiles/${encodeURIComponent(id)}/traits`)
  expect(status).toBe(200)
  return body.traits as Record<string, unknown>
}

test('@segment/analytics-node: track, identify, page, group, alias', async () => {
  const analytics = new Analytics({ writeKey: KEYS.write, host: limn.address, flushAt: 3 })
  analytics.on('error', (error) => expect.fail(String(error.reason)))
  const anonymousId = 'segment-visitor'
  analytics.page({ anonymousId, name: 'Home', properties: { path: '/' } })
  const view = { product_id: 'p1', category: 'shoes', brand: 'Alder', price: 80 }
  analytics.track({ anonymousId, event: 'Product Viewed', properties: view })
  analytics.identify({ anonymousId, userId: 'segment-user', traits: { name: 'Ada', plan: 'gold' } })
  await analytics.flush()
  const order = {
    order_id: 'o1',
    revenue: 80,
    currency: 'EUR',
    products: [{ product_id: 'p1', quantity: 1, price: 80 }],
  }
  analytics.track({ userId: 'segment-user', event: 'Order Completed', properties: order })
  analytics.group({ userId: 'segment-user', groupId: 'household-7' })
  await analytics.flush()
  analytics.alias({ userId: 'segment-renamed', previousId: 'segment-user' })
  await analytics.closeAndFlush()

  const traits = await traitsOf('segment-renamed')
  expect(traits).toMatchObject({ views_24h: 1, orders: 1, spend: 80, items_bought: 1 })
  const { body } = await limn.get('/v1/profiles/segment-renamed')
  expect(body.attributes).toMatchObject({ name: 'Ada', plan: 'gold' })
  expect(body.social).toMatchObject({ groups: ['household-7'] })
  const links = (body.links as { id: string }[]).map((link) => link.id)
  expect(links).toEqual(expect.arrayContaining(['user:segment-user', 'anonymous:segment-visitor']))
  const former = await limn.get('/v1/profiles/anonymous:segment-visitor')
  expect(former.body.id).toBe('user:segment-renamed')
})

test('@rudderstack/rudder-sdk-node: track, identify, page, group, alias (gzip)', async () => {
  const client = new RudderAnalytics(KEYS.write, {
    dataPlaneUrl: limn.address,
    gzip: true,
    flushInterval: 50,
  })
  client.identify({ userId: 'rudder-user', traits: { city: 'Bern' } })
  client.page({ userId: 'rudder-user', name: 'Pricing' })
  client.track({
    userId: 'rudder-user',
    event: 'Product Added',
    properties: { product_id: 'p2', price: 12.5, quantity: 2 },
  })
  client.group({ userId: 'rudder-user', groupId: 'company-1', traits: { name: 'Company' } })
  await new Promise<void>((resolve) => client.flush(() => resolve()))
  client.alias({ userId: 'rudder-renamed', previousId: 'rudder-user' })
  await new Promise<void>((resolve) => client.flush(() => resolve()))

  await expect
    .poll(() => limn.get('/v1/profiles/rudder-renamed').then((r) => r.status), { timeout: 10_000 })
    .toBe(200)
  const traits = await traitsOf('rudder-renamed')
  expect(traits).toMatchObject({ cart_adds_24h: 1 })
  const { body } = await limn.get('/v1/profiles/rudder-renamed')
  expect(body.attributes).toMatchObject({ city: 'Bern' })
  expect(body.social).toMatchObject({ groups: ['company-1'] })
})
