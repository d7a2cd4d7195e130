import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ROUTES } from '../../src/gateway/routes.ts'
import {
  ADMIN_TOKEN,
  READ_TOKEN,
  startGateway,
  WRITE_KEY,
  type GatewayFixture,
} from './gateway-fixture.ts'

describe.each(['node', 'uws'] as const)('look-ups and operations over %s', (transport) => {
  let fixture: GatewayFixture
  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'limn-console-'))
    const consoleDir = join(directory, 'console')
    mkdirSync(join(consoleDir, 'assets'), { recursive: true })
    writeFileSync(join(directory, 'secret.txt'), 'secret')
    symlinkSync(join(directory, 'secret.txt'), join(consoleDir, 'link.txt'))
    writeFileSync(join(consoleDir, 'index.html'), '<p>console</p>')
    writeFileSync(join(consoleDir, 'assets', 'app-1.js'), 'export {}')
    fixture = await startGateway({ transport }, consoleDir)
  })
  afterAll(() => fixture.gateway.close())
  beforeEach(() => {
    fixture.shards.queries.length = 0
    fixture.shards.queryReply = { status: 200, body: '{"traits":{}}' }
  })

  const profile = { kind: 'profile', id: 'u1', scope: 'all', minPosition: '', at: null }
  it.each([
    ['/v1/profiles/u1', profile],
    ['/v1/profiles/anonymous%3Aa%2Fb', { ...profile, id: 'anonymous:a/b' }],
    ['/v1/profiles/u1?min_position=0:12,3:4', { ...profile, minPosition: '0:12,3:4' }],
    ['/v1/profiles/u1?at=2026-01-02T03:04:05Z', { ...profile, at: Date.UTC(2026, 0, 2, 3, 4, 5) }],
    ['/v1/profiles/u1?at=1767000000000', { ...profile, at: 1_767_000_000_000 }],
    ['/v1/profiles/u1/traits', { ...profile, scope: 'traits' }],
    ['/v1/profiles/u1/segments', { ...profile, scope: 'segments' }],
    ['/v1/profiles/u1/machines', { ...profile, scope: 'machines' }],
    ['/v1/profiles/u1/events', { kind: 'events', id: 'u1', limit: 50, before: '' }],
    [
      '/v1/profiles/u1/events?limit=7&before=0:9',
      { kind: 'events', id: 'u1', limit: 7, before: '0:9' },
    ],
    [
      '/v1/profiles/u1/predictions',
      { kind: 'predictions', id: 'u1', model: null, minPosition: '' },
    ],
    [
      '/v1/profiles/u1/predictions/purchase',
      { kind: 'predictions', id: 'u1', model: 'purchase', minPosition: '' },
    ],
    ['/v1/segments', { kind: 'segments' }],
    ['/v1/segments/big%20spenders', { kind: 'segment', name: 'big spenders' }],
    [
      '/v1/segments/vip/members?cursor=c1',
      { kind: 'members', name: 'vip', cursor: 'c1', limit: 100 },
    ],
    ['/v1/models', { kind: 'models' }],
  ])('%s asks the shards', async (path, query) => {
    const response = await fixture.get(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('{"traits":{}}')
    expect(fixture.shards.queries).toEqual([query])
  })

  it.each([
    '/v1/profiles/u1?min_position=x',
    '/v1/profiles/u1?min_position=',
    '/v1/profiles/u1?at=yesterday',
    '/v1/profiles/u1?unknown=1',
    '/v1/profiles/%ff',
    `/v1/profiles/${'x'.repeat(600)}`,
    '/v1/profiles/u1/events?limit=0',
    '/v1/profiles/u1/events?limit=1001',
    '/v1/profiles/u1/events?limit=ten',
    '/v1/segments/vip/members?cursor=%0a',
    '/v1/profiles/u1/predictions/no%20name',
    '/v1/segments?x=1',
  ])('%s is refused', async (path) => {
    const response = await fixture.get(path)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: 'ERR_REQUEST_PARAMETER' } })
    expect(fixture.shards.queries).toHaveLength(0)
  })

  it('scores many profiles', async () => {
    const headers = { authorization: `Bearer ${READ_TOKEN}` }
    expect(
      (await fixture.post('/v1/predictions/purchase', { ids: ['a', 'b'] }, headers)).status,
    ).toBe(200)
    expect(fixture.shards.queries).toEqual([
      { kind: 'predictionBatch', model: 'purchase', ids: ['a', 'b'] },
    ])
    const wrong = [
      '{',
      {},
      { ids: [] },
      { ids: [1] },
      { ids: Array.from({ length: 1_001 }, () => 'a') },
    ]
    for (const body of wrong) {
      const response = await fixture.post('/v1/predictions/purchase', body, headers)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({
        error: {
          code: expect.stringMatching(/^ERR_REQUEST_(JSON|BODY)$/),
        },
      })
    }
  })

  it('passes on what the shards answer', async () => {
    fixture.shards.queryReply = { status: 404, body: '{"error":{"code":"ERR_X","message":"m"}}' }
    expect((await fixture.get('/v1/profiles/nobody')).status).toBe(404)
  })

  it.each([
    ['no token', {}, 401, 'ERR_AUTH_MISSING'],
    ['an unknown token', { authorization: 'Bearer unknown-token' }, 401, 'ERR_AUTH_KEY'],
    ['a write key', { authorization: `Bearer ${WRITE_KEY}` }, 403, 'ERR_AUTH_SCOPE'],
    ['an admin token', { authorization: `Bearer ${ADMIN_TOKEN}` }, 200, null],
  ])('with %s', async (_what, headers, status, code) => {
    const response = await fixture.get('/v1/profiles/u1', headers)
    expect(response.status).toBe(status)
    if (code !== null) expect(await response.json()).toMatchObject({ error: { code } })
  })

  it('answers HEAD, OPTIONS, wrong methods and unknown paths', async () => {
    const headers = { authorization: `Bearer ${READ_TOKEN}` }
    const head = await fetch(`${fixture.url}/v1/profiles/u1`, { method: 'HEAD', headers })
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '13'])
    const wrong = await fetch(`${fixture.url}/v1/track`)
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'OPTIONS, POST'])
    expect((await fixture.get('/v1/nothing')).status).toBe(404)
    expect((await fixture.get('/v1/stream')).status).toBe(426)
  })

  it('lets browsers in', async () => {
    const headers = { origin: 'https://shop.example' }
    const preflight = await fetch(`${fixture.url}/v1/track`, { method: 'OPTIONS', headers })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization')
    const refused = await fixture.post('/v1/track', {}, headers)
    expect(refused.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('tells health and readiness', async () => {
    expect((await fixture.get('/healthz', {})).status).toBe(200)
    expect((await fixture.get('/readyz', {})).status).toBe(200)
    fixture.shards.isReady = false
    expect((await fixture.get('/readyz', {})).status).toBe(503)
    fixture.shards.isReady = true
  })

  it('shows metrics by route template', async () => {
    await fixture.get('/v1/profiles/somebody')
    const text = await (await fixture.get('/metrics', {})).text()
    expect(text).toContain(
      'limn_http_request_duration_seconds_count{method="GET",route="/v1/profiles/{id}",status="2xx"}',
    )
    expect(text).toContain('limn_events_total{shard="0"}')
    expect(text).toContain('limn_mailbox_bytes{shard="0"} 0')
    expect(text).toContain('limn_events_rejected_total{shard="0",code="ERR_EVENT_ID"} 1')
    expect(text).toContain('limn_nodejs_eventloop_lag')
    expect(text).not.toContain('somebody')
  })

  it('describes every route in the OpenAPI document and no other', async () => {
    const response = await fixture.get('/openapi.json', {})
    const document = (await response.json()) as { openapi: string; paths: Record<string, object> }
    expect(document.openapi).toBe('3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual(
      ROUTES.map(({ method, pattern }) => `${method} ${pattern}`).sort(),
    )
    for (const path of described) {
      const [method = '', pattern = ''] = path.split(' ')
      const url = fixture.url + pattern.replaceAll(/\{\w+\}/g, 'x')
      const { status } = await fetch(url, { method })
      expect([path, status === 404 || status === 405]).toEqual([path, false])
    }
  })

  it('serves the console, with caching, and nothing beside it', async () => {
    const page = await fixture.get('/', {})
    expect([page.status, await page.text()]).toEqual([200, '<p>console</p>'])
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const tag = page.headers.get('etag') ?? ''
    expect((await fixture.get('/', { 'if-none-match': tag })).status).toBe(304)
    const asset = await fixture.get('/assets/app-1.js', {})
    expect(asset.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(asset.headers.get('cache-control')).toContain('immutable')
    for (const path of [
      '/link.txt',
      '/..%2fsecret.txt',
      '/%2e%2e/secret.txt',
      '/assets',
      '/a%00',
      '/%ff',
    ]) {
      expect([path, (await fixture.get(path, {})).status]).toEqual([path, 404])
    }
  })
})

describe('a gateway with fewer rights', () => {
  it('lets only listed origins in', async () => {
    const fixture = await startGateway({ transport: 'node', corsOrigins: ['https://shop.example'] })
    const allow = async (origin: string): Promise<string | null> =>
      (await fixture.get('/healthz', { origin })).headers.get('access-control-allow-origin')
    expect(await allow('https://shop.example')).toBe('https://shop.example')
    expect(await allow('https://other.example')).toBeNull()
    await fixture.gateway.close()
  })

  it('says how to build a console that is not there', async () => {
    const fixture = await startGateway({ transport: 'node' }, join(tmpdir(), 'no-such-console'))
    const response = await fixture.get('/', {})
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('npm run build')
    await fixture.gateway.close()
  })
})
