/** What a body may make the gateway hold, before and after it is known whose it is. */
import { connect, type Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayConfig } from '../../src/gateway/gateway-config.ts'
import {
  basic,
  READ_TOKEN,
  startGateway,
  until,
  WRITE_KEY,
  type GatewayFixture,
} from './gateway-fixture.ts'

const TRACK = { userId: 'u1', event: 'Product Viewed' }
const KEYED = `authorization: ${basic(WRITE_KEY)}\r\n`

/** A request as raw bytes; keeps what is answered. */
class RawRequest {
  readonly socket: Socket
  text = ''

  constructor(port: number, head: string, body = '') {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => undefined)
    this.socket.on('data', (data) => (this.text += String(data)))
    this.socket.write(`POST /v1/track HTTP/1.1\r\nhost: x\r\n${head}\r\n${body}`)
  }

  async answer(): Promise<string> {
    await until(() => this.text.includes('\r\n\r\n') && this.text.endsWith('}'))
    return this.text
  }
}

describe.each(['node', 'uws'] as const)('bodies over %s', (transport) => {
  let fixture: GatewayFixture
  const open: RawRequest[] = []
  afterEach(async () => {
    for (const { socket } of open.splice(0)) socket.destroy()
    await fixture.gateway.close()
  })

  const start = async (config: Partial<GatewayConfig>): Promise<void> => {
    fixture = await startGateway({ transport, ...config })
  }
  const send = (head: string, body = ''): RawRequest => {
    const request = new RawRequest(fixture.gateway.address?.port ?? 0, head, body)
    open.push(request)
    return request
  }
  const leaveAll = (): void => {
    for (const { socket } of open.splice(0)) socket.destroy()
  }
  const metric = async (name: string): Promise<number> => {
    const text = await (await fixture.get('/metrics', {})).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }
  const settles = async (name: string, value: number): Promise<void> => {
    let now = Number.NaN
    for (let i = 0; i < 200 && now !== value; i += 1) {
      now = await metric(name)
      if (now !== value) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(now).toBe(value)
  }

  it.each([
    ['an unknown key', `authorization: ${basic('nobody-knows-it')}\r\n`, 401],
    ['a read token', `authorization: Bearer ${READ_TOKEN}\r\n`, 403],
  ])('answers %s before it takes the body', async (_what, head, status) => {
    await start({})
    const request = send(`${head}content-length: 400000\r\n`)
    expect(await request.answer()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(await metric('limn_ingest_arriving_bodies')).toBe(0)
  })

  it('takes only small bodies without a key in the head, and says where to put it', async () => {
    await start({ keylessBodyBytesMax: 2_000, bodyBytesMax: 100_000 })
    const announced = await send('content-length: 50000\r\n').answer()
    expect(announced).toMatch(/^HTTP\/1.1 413 /)
    expect(announced).toContain('ERR_REQUEST_TOO_LARGE')
    expect(announced).toContain('at most 2000 bytes')
    const chunk = `5dc\r\n${'x'.repeat(1_500)}\r\n`
    const grown = await send('transfer-encoding: chunked\r\n', chunk + chunk).answer()
    expect(grown).toMatch(/^HTTP\/1.1 413 /)
    const padded = (bytes: number): object => ({
      ...TRACK,
      writeKey: WRITE_KEY,
      pad: 'x'.repeat(bytes),
    })
    expect((await fixture.post('/v1/track', padded(1_000), {})).status).toBe(200)
    expect((await fixture.post('/v1/track', padded(3_000), {})).status).toBe(413)
    expect((await fixture.post('/v1/track', padded(3_000))).status).toBe(200)
    const zipped = gzipSync(JSON.stringify(padded(3_000)))
    const gzip = { 'content-encoding': 'gzip' }
    expect((await fixture.post('/v1/track', zipped, gzip)).status).toBe(413)
    await settles('limn_ingest_keyless_bytes', 0)
  })

  it('bounds all of them together, without a loss for those with a key', async () => {
    await start({ keylessBodyBytesMax: 4_000, keylessBytesMax: 12_000 })
    for (let i = 0; i < 3; i += 1) send('content-length: 4000\r\n', 'x'.repeat(2_500))
    await settles('limn_ingest_keyless_bytes', 3 * (2_500 + 1_024))
    const refused = await send('content-length: 4000\r\n', 'x'.repeat(2_500)).answer()
    expect(refused).toMatch(/^HTTP\/1.1 429 /)
    expect(refused.toLowerCase()).toContain('retry-after')
    expect(refused).toContain('ERR_OVERLOADED')
    expect((await fixture.post('/v1/track', TRACK)).status).toBe(200)
    leaveAll()
    await settles('limn_ingest_keyless_bytes', 0)
    const withKey = { ...TRACK, writeKey: WRITE_KEY, pad: 'x'.repeat(2_500) }
    expect((await fixture.post('/v1/track', withKey, {})).status).toBe(200)
    await settles('limn_ingest_keyless_bytes', 0)
    await settles('limn_ingest_in_flight_bytes', 0)
  })

  it('bounds their number, though they send nothing', async () => {
    await start({ keylessBytesMax: 10_240 })
    for (let i = 0; i < 10; i += 1) send('content-length: 50\r\n')
    await settles('limn_ingest_arriving_bodies', 10)
    expect(await send('content-length: 50\r\n').answer()).toMatch(/^HTTP\/1.1 429 /)
    expect((await fixture.post('/v1/track', TRACK)).status).toBe(200)
  })

  it('counts bodies under a key as they arrive, and no more of those that leave', async () => {
    await start({ inFlightBytesMax: 10_000 })
    const half = 'x'.repeat(4_500)
    for (let i = 0; i < 2; i += 1) send(`${KEYED}content-length: 9000\r\n`, half)
    await settles('limn_ingest_in_flight_bytes', 9_000)
    const refused = await send(`${KEYED}content-length: 9000\r\n`, half).answer()
    expect(refused).toMatch(/^HTTP\/1.1 429 /)
    expect(refused.toLowerCase()).toContain('retry-after')
    expect(await metric('limn_ingest_refused_total')).toBe(1)
    expect(await metric('limn_ingest_in_flight_requests')).toBe(0)
    expect((await fixture.post('/v1/track', TRACK)).status).toBe(200)
    leaveAll()
    await settles('limn_ingest_in_flight_bytes', 0)
    await settles('limn_ingest_arriving_bodies', 0)
    expect((await fixture.post('/v1/track', { ...TRACK, pad: half })).status).toBe(200)
  })

  const zipped = (bytes: number, noise: number): Buffer => {
    const message = { ...TRACK, writeKey: WRITE_KEY, noise: randomBytes(noise).toString('base64') }
    return gzipSync(JSON.stringify({ ...message, pad: ' '.repeat(bytes) }))
  }
  const GZIP = { 'content-encoding': 'gzip' }

  // Small bodies are decompressed in this thread, those with noise in another.
  it.each([0, 60_000])('counts what is decompressed, with %i bytes of noise', async (noise) => {
    await start({ inFlightBytesMax: 300_000, bodyBytesMax: 400_000, keylessBodyBytesMax: 400_000 })
    const headers = { ...GZIP, authorization: basic(WRITE_KEY) }
    expect((await fixture.post('/v1/track', zipped(310_000, noise), headers)).status).toBe(429)
    expect((await fixture.post('/v1/track', zipped(50_000, noise), headers)).status).toBe(200)
    const body = JSON.parse(Buffer.from(fixture.shards.requests.at(-1)?.body ?? []).toString())
    expect(body).toMatchObject({ ...TRACK, pad: ' '.repeat(50_000) })
    const cut = zipped(50_000, noise).subarray(0, -9)
    expect((await fixture.post('/v1/track', cut, headers)).status).toBe(400)
    expect((await fixture.post('/v1/track', zipped(50_000, noise), GZIP)).status).toBe(200)
    await settles('limn_ingest_in_flight_bytes', 0)
    await settles('limn_ingest_keyless_bytes', 0)
  })

  it.each([0, 60_000])('stops a bomb at the limit, with %i bytes of noise', async (noise) => {
    await start({ bodyBytesMax: 400_000, keylessBodyBytesMax: 300_000 })
    const bomb = zipped(5_000_000, noise)
    const headers = { ...GZIP, authorization: basic(WRITE_KEY) }
    expect((await fixture.post('/v1/track', bomb, headers)).status).toBe(413)
    expect((await fixture.post('/v1/track', bomb, GZIP)).status).toBe(413)
    await settles('limn_ingest_in_flight_bytes', 0)
    await settles('limn_ingest_keyless_bytes', 0)
  })

  it.each([
    ['without a key', '', { keylessBodyTimeoutMs: 100 }],
    ['under a key', KEYED, { bodyTimeoutMs: 100 }],
  ])('gives up on a body %s that takes too long', async (_what, head, config) => {
    await start(config)
    const request = send(`${head}content-length: 500\r\n`, 'x'.repeat(100))
    const answered = await request.answer()
    expect(answered).toMatch(/^HTTP\/1.1 408 /)
    expect(answered).toContain('ERR_REQUEST_TIMEOUT')
    await settles('limn_ingest_arriving_bodies', 0)
    await settles('limn_ingest_keyless_bytes', 0)
    await settles('limn_ingest_in_flight_bytes', 0)
    expect((await fixture.post('/v1/track', TRACK)).status).toBe(200)
  })
})
