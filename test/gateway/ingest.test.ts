import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  READ_TOKEN,
  startGateway,
  WRITE_KEY,
  basic,
  type GatewayFixture,
} from './gateway-fixture.ts'

const TRACK = { userId: 'u1', event: 'Product Viewed', properties: { price: 3 } }

describe.each(['node', 'uws'] as const)('HTTP ingest over %s', (transport) => {
  let fixture: GatewayFixture
  beforeAll(async () => {
    fixture = await startGateway({ transport, bodyBytesMax: 20_000 })
  })
  afterAll(() => fixture.gateway.close())
  beforeEach(() => {
    fixture.shards.requests.length = 0
    fixture.shards.reply = null
  })

  it.each([
    ['/v1/track', 'track'],
    ['/v1/t', 'track'],
    ['/v1/identify', 'identify'],
    ['/v1/i', 'identify'],
    ['/v1/page', 'page'],
    ['/v1/p', 'page'],
    ['/v1/screen', 'screen'],
    ['/v1/s', 'screen'],
    ['/v1/group', 'group'],
    ['/v1/g', 'group'],
    ['/v1/alias', 'alias'],
    ['/v1/a', 'alias'],
  ])('%s accepts one message', async (path, route) => {
    const response = await fixture.post(path, TRACK)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"success":true}')
    expect(response.headers.get('limn-position')).toMatch(/^0:\d+$/)
    expect(fixture.shards.requests[0]?.route).toBe(route)
  })

  it.each(['/v1/batch', '/v1/b', '/v1/import', `/beacon/v1/batch?writeKey=${WRITE_KEY}`])(
    '%s accepts many',
    async (path) => {
      const response = await fixture.post(path, { batch: [TRACK, TRACK] })
      expect(await response.text()).toBe('{"success":true}')
    },
  )

  it('lists what it rejected of a batch and accepts the rest', async () => {
    const response = await fixture.post('/v1/batch', { batch: [TRACK, { event: 'x' }] })
    expect(response.status).toBe(200)
    const rejected = [{ index: 1, code: 'ERR_EVENT_ID', reason: 'needs userId or anonymousId' }]
    expect(await response.json()).toEqual({ success: true, rejected })
  })

  it('refuses a single message with its code', async () => {
    const response = await fixture.post('/v1/track', { event: 'x' })
    expect(response.status).toBe(400)
    const error = { code: 'ERR_EVENT_ID', message: 'needs userId or anonymousId' }
    expect(await response.json()).toEqual({ error })
  })

  it('refuses a body that the shards refuse', async () => {
    const response = await fixture.post('/v1/track', '{"userId":')
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'ERR_EVENT_JSON' } })
  })

  it('answers with predictions when asked', async () => {
    const response = await fixture.post('/v1/track?predict=purchase', TRACK)
    expect(await response.json()).toMatchObject({
      success: true,
      position: expect.stringMatching(/^0:\d+$/),
      predictions: { purchase: { score: 0.5 } },
    })
  })

  it('refuses impossible model names', async () => {
    const response = await fixture.post('/v1/track?predict=../x', TRACK)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'ERR_REQUEST_PARAMETER' } })
  })

  it.each([
    ['Basic with a colon', { authorization: basic(WRITE_KEY) }, TRACK, ''],
    [
      'Basic without',
      { authorization: `Basic ${Buffer.from(WRITE_KEY).toString('base64')}` },
      TRACK,
      '',
    ],
    ['Bearer', { authorization: `Bearer ${WRITE_KEY}` }, TRACK, ''],
    ['the body', {}, { ...TRACK, writeKey: WRITE_KEY }, ''],
    [
      'the body behind a misleading one',
      {},
      { p: { writeKey: 'x' }, ...TRACK, writeKey: WRITE_KEY },
      '',
    ],
    ['the query', {}, TRACK, `?writeKey=${WRITE_KEY}`],
  ])('finds the key in %s', async (_where, headers, body, query) => {
    const response = await fixture.post(`/v1/track${query}`, body, headers)
    expect(response.status).toBe(200)
  })

  it.each([
    ['no key', {}, 'ERR_AUTH_KEY', 401],
    ['an unknown key', { authorization: basic('nobody-knows-it') }, 'ERR_AUTH_KEY', 401],
    ['a read token', { authorization: `Bearer ${READ_TOKEN}` }, 'ERR_AUTH_SCOPE', 403],
    ['another scheme', { authorization: 'Digest x' }, 'ERR_AUTH_KEY', 401],
  ])('refuses %s', async (_what, headers, code, status) => {
    const response = await fixture.post('/v1/track', TRACK, headers)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
    expect(fixture.shards.requests).toHaveLength(0)
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'image/png'])(
    'reads JSON labelled %s',
    async (type) => {
      const headers = { authorization: basic(WRITE_KEY), 'content-type': type }
      expect((await fixture.post('/v1/track', TRACK, headers)).status).toBe(200)
    },
  )

  it('reads gzip', async () => {
    const headers = { authorization: basic(WRITE_KEY), 'content-encoding': 'gzip' }
    const response = await fixture.post('/v1/track', gzipSync(JSON.stringify(TRACK)), headers)
    expect(response.status).toBe(200)
    expect(JSON.parse(Buffer.from(fixture.shards.requests[0]?.body ?? []).toString())).toEqual(
      TRACK,
    )
  })

  it.each([
    ['a bomb', gzipSync(Buffer.alloc(1_000_000)), 'gzip', 413, 'ERR_REQUEST_TOO_LARGE'],
    ['no gzip data', Buffer.from('{}'), 'gzip', 400, 'ERR_REQUEST_GZIP'],
    [
      'a cut stream',
      gzipSync(JSON.stringify(TRACK)).subarray(0, 30),
      'gzip',
      400,
      'ERR_REQUEST_GZIP',
    ],
    ['another encoding', Buffer.from('{}'), 'br', 415, 'ERR_REQUEST_ENCODING'],
    ['a body over the limit', Buffer.alloc(20_001, 32), 'identity', 413, 'ERR_REQUEST_TOO_LARGE'],
  ])('refuses %s', async (_what, body, encoding, status, code) => {
    const headers = { authorization: basic(WRITE_KEY), 'content-encoding': encoding }
    const response = await fixture.post('/v1/track', body, headers)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error: { code } })
  })

  it.each([
    ['ERR_OVERLOADED', 429],
    ['ERR_SHARD_UNAVAILABLE', 503],
  ])('passes %s on as %i with Retry-After', async (code, status) => {
    fixture.shards.reply = { error: { code, message: 'm', retryable: true } }
    const response = await fixture.post('/v1/track', TRACK)
    expect(response.status).toBe(status)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  it('takes a pixel', async () => {
    const query = `writeKey=${WRITE_KEY}&anonymousId=a1&event=Seen&properties.price=3&__proto__.x=1`
    const response = await fixture.get(`/pixel/v1/track?${query}`, {})
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('image/gif')
    const message = JSON.parse(Buffer.from(fixture.shards.requests[0]?.body ?? []).toString())
    expect(message).toMatchObject({ type: 'track', anonymousId: 'a1', properties: { price: '3' } })
    expect(message).not.toHaveProperty('writeKey')
  })

  it('tells a browser library to come here', async () => {
    const response = await fixture.get(`/v1/projects/${WRITE_KEY}/settings`, {})
    const host = new URL(fixture.url).host
    expect(await response.json()).toMatchObject({
      integrations: { 'Segment.io': { apiKey: WRITE_KEY, apiHost: `${host}/v1` } },
    })
    expect((await fixture.get('/v1/projects/unknown-key/settings', {})).status).toBe(401)
  })
})
