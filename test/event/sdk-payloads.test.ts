import { Analytics } from '@segment/analytics-node'
import type { HTTPClient } from '@segment/analytics-node'
import { describe, expect, test } from 'vitest'
import { NOW, decode, decodeOne } from './decode-fixture.ts'

/** The bodies that Segment's Node SDK sends, caught where it would open a connection. */
async function segmentBodies(use: (analytics: Analytics) => void): Promise<string[]> {
  const bodies: string[] = []
  const httpClient: HTTPClient = {
    makeRequest: async (options) => {
      bodies.push(String(options.body))
      return { status: 200, statusText: 'OK', text: async () => '{"success":true}' }
    },
  }
  const analytics = new Analytics({ writeKey: 'secret', httpClient, flushAt: 10 })
  use(analytics)
  await analytics.closeAndFlush()
  return bodies
}

describe('Segment Node SDK', () => {
  test('its batches are taken whole', async () => {
    const bodies = await segmentBodies((analytics) => {
      analytics.track({
        userId: 'ana',
        event: 'Order Completed',
        properties: {
          order_id: 'o1',
          total: 30,
          currency: 'EUR',
          products: [{ sku: 's', price: 30 }],
        },
      })
      analytics.identify({ userId: 'ana', anonymousId: 'visitor', traits: { city: 'Kiel' } })
      analytics.page({
        anonymousId: 'visitor',
        name: 'Home',
        category: 'Start',
        properties: { path: '/' },
      })
      analytics.screen({ userId: 'ana', name: 'Cart' })
      analytics.group({ userId: 'ana', groupId: 'club' })
      analytics.alias({ userId: 'ana', previousId: 'visitor' })
    })
    const decoded = bodies.map((body) => decode(body, { receivedAt: Date.now() }))
    expect(decoded.flatMap(({ rejected }) => rejected)).toEqual([])
    const records = decoded.flatMap((one) => one.records)
    expect(records.map(({ type }) => type)).toEqual([
      'track',
      'identify',
      'page',
      'screen',
      'group',
      'alias',
    ])
    expect(records[0]).toMatchObject({
      key: 'user:ana',
      name: 'Order Completed',
      numbers: { total: 30, revenue: 30 },
      strings: { order_id: 'o1', currency: 'EUR' },
    })
    expect(records[1].strings).toMatchObject({ anonymous_id: 'visitor', city: 'Kiel' })
    expect(records[2]).toMatchObject({ key: 'anonymous:visitor', name: 'Home' })
    expect(records[2].strings).toMatchObject({ category: 'Start', path: '/' })
    for (const { messageId, message, time } of records) {
      expect(messageId).toMatch(/^node-next-/)
      expect(message).not.toHaveProperty('writeKey')
      expect(Math.abs(time - Date.now())).toBeLessThan(10_000)
    }
  })
})

describe('Segment browser SDK', () => {
  const body = {
    timestamp: '2026-06-15T11:59:58.000Z',
    integrations: { 'Segment.io': true },
    type: 'track',
    event: 'Product Added',
    properties: {
      product_id: '507f',
      price: 18.99,
      quantity: 1,
      url: 'https://shop.example/p/507f',
    },
    context: {
      page: {
        path: '/p/507f',
        referrer: 'https://search.example/',
        search: '',
        title: 'Cap',
        url: 'https://shop.example/p/507f',
      },
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36',
      userAgentData: { brands: [{ brand: 'Chromium', version: '120' }], mobile: false },
      locale: 'en-US',
      library: { name: 'analytics.js', version: 'next-1.70.0' },
      timezone: 'Europe/Berlin',
      campaign: { source: 'news', medium: 'mail', name: 'spring' },
    },
    messageId: 'ajs-next-1718452798000-6a3f1e2b-4d5c-4e6f-8a9b-0c1d2e3f4a5b',
    anonymousId: '3f1c9f60-4f4e-4b6c-9b7e-0a1b2c3d4e5f',
    writeKey: 'secret',
    userId: null,
    sentAt: '2026-06-15T11:59:59.500Z',
    _metadata: { bundled: ['Segment.io'], unbundled: [], bundledIds: [] },
  }

  test('a message to /v1/t', () => {
    const { writeKey: _, ...kept } = body
    expect(decodeOne(body, { route: 'track' })).toMatchObject({
      key: 'anonymous:3f1c9f60-4f4e-4b6c-9b7e-0a1b2c3d4e5f',
      name: 'Product Added',
      bot: false,
      time: NOW - 1500,
      numbers: { price: 18.99, quantity: 1 },
      strings: { path: '/p/507f', campaign_source: 'news', locale: 'en-US' },
      message: kept,
    })
  })

  test('a batch to /v1/b', () => {
    const batch = { writeKey: 'secret', batch: [body, body], sentAt: '2026-06-15T11:59:59.500Z' }
    const { records } = decode(batch, { route: 'batch' })
    expect(records.map(({ time }) => time)).toEqual([NOW - 1500, NOW - 1500])
    expect(records[0].text).not.toContain('secret')
  })
})

describe('RudderStack Node SDK', () => {
  const library = { name: '@rudderstack/rudder-sdk-node', version: '3.0.13' }
  const common = {
    channel: 'server',
    context: { library },
    _metadata: { nodeVersion: '20.20.0' },
    messageId: 'node-5d41402abc4b2a76b9719d911017c592-1f2e3d4c-5b6a',
    originalTimestamp: '2026-06-15T11:59:50.000Z',
  }
  const sentAt = '2026-06-15T11:59:55.000Z'

  test('its batches are taken whole, times corrected by the batch’s sentAt', () => {
    const batch = [
      { ...common, type: 'track', userId: '12', event: 'Product Viewed', properties: { sku: 's' } },
      { ...common, type: 'identify', userId: '12', anonymousId: 'v', traits: { country: 'DE' } },
      { ...common, type: 'group', userId: '12', groupId: 'g', traits: {} },
      { ...common, type: 'alias', userId: '12', previousId: 'v' },
    ]
    const { records, rejected } = decode({ batch, sentAt }, { route: 'batch' })
    expect(rejected).toEqual([])
    expect(records.map(({ message }) => message)).toEqual(batch)
    expect(records.map(({ time }) => time)).toEqual(Array(4).fill(NOW - 5000))
    expect(records[1].strings).toEqual({ anonymous_id: 'v', country: 'DE' })
  })
})
