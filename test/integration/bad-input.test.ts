import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

/** A whole server, over each transport, against what no client should send: coded answers, no crash. */

const BASIC = `Basic ${Buffer.from(`${KEYS.write}:`).toString('base64')}`

function track(fields: object): string {
  return JSON.stringify({ type: 'track', userId: 'bad', event: 'Product Viewed', ...fields })
}

function properties(text: string): string {
  return `{"type":"track","userId":"bad","event":"Product Viewed","properties":${text}}`
}

const nested = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)))

/** Name, body, status, code. */
const BODIES: [string, string | Buffer, number, string][] = [
  ['nothing', '', 400, 'ERR_BODY_JSON'],
  ['half a message', '{"userId":"bad",', 400, 'ERR_BODY_JSON'],
  ['zero bytes', '\0\0\0', 400, 'ERR_BODY_JSON'],
  ['two messages', track({}) + track({}), 400, 'ERR_BODY_JSON'],
  ['NaN', properties('{"price":NaN}'), 400, 'ERR_BODY_JSON'],
  ['a list', '[]', 400, 'ERR_BODY_SHAPE'],
  ['null', 'null', 400, 'ERR_BODY_SHAPE'],
  ['200,000 levels', properties(nested(200_000)), 400, 'ERR_BODY_DEPTH'],
  ['broken UTF-8', bytes('{"userId":"', [0xff, 0xfe], '"}'), 400, 'ERR_BODY_UTF8'],
  ['an overlong slash', bytes('{"userId":"', [0xc0, 0xaf], '"}'), 400, 'ERR_BODY_UTF8'],
  ['half a surrogate pair', track({ userId: '\ud800' }), 400, 'ERR_EVENT_ID'],
  ['an object for an id', track({ userId: {} }), 400, 'ERR_EVENT_ID'],
  ['a fraction for an id', track({ userId: 1.5 }), 400, 'ERR_EVENT_ID'],
  ['an id of 5,000 characters', track({ userId: 'x'.repeat(5000) }), 400, 'ERR_EVENT_ID'],
  ['the id "null"', track({ userId: 'null' }), 400, 'ERR_EVENT_ID_BLOCKED'],
  ['no id', '{"event":"x"}', 400, 'ERR_EVENT_ID_MISSING'],
  ['a number for a name', track({ event: 5 }), 400, 'ERR_EVENT_NAME'],
  ['__proto__ below', properties('{"__proto__":{"a":1}}'), 400, 'ERR_EVENT_NAME_UNSAFE'],
  ['__proto__ on top', '{"userId":"bad","event":"x","__proto__":{}}', 400, 'ERR_EVENT_NAME_UNSAFE'],
  ['text for properties', track({ properties: 'x' }), 400, 'ERR_EVENT_SHAPE'],
  ['1970', track({ timestamp: '1970-01-01T00:00:00Z' }), 400, 'ERR_EVENT_TIME_RANGE'],
  ['2100', track({ timestamp: '2100-01-01T00:00:00Z' }), 400, 'ERR_EVENT_TIME_RANGE'],
  ['1e20 ms', track({ timestamp: 1e20 }), 400, 'ERR_EVENT_TIME_RANGE'],
  ['no time', track({ timestamp: 'yesterday' }), 400, 'ERR_EVENT_TIMESTAMP'],
  ['a price below zero', properties('{"price":-5}'), 400, 'ERR_EVENT_NEGATIVE'],
  ['a price of 1e400', properties('{"price":1e400}'), 400, 'ERR_EVENT_NUMBER'],
  ['"Infinity"', properties('{"price":"Infinity"}'), 400, 'ERR_EVENT_NUMBER'],
  ['no currency', properties('{"price":1,"currency":"XXZ"}'), 400, 'ERR_EVENT_CURRENCY'],
  ['products of null', track({ properties: { products: [null] } }), 400, 'ERR_EVENT_PRODUCTS'],
  ['40 KB', track({ properties: { a: 'x'.repeat(40_000) } }), 413, 'ERR_EVENT_SIZE'],
  ['600 KB', track({ properties: { a: 'x'.repeat(600_000) } }), 413, 'ERR_REQUEST_TOO_LARGE'],
]

/** Name, packed body, status, code. */
const PACKED: [string, Buffer, number, string][] = [
  ['a bomb', gzipSync(Buffer.alloc(100_000_000, ' ')), 413, 'ERR_REQUEST_TOO_LARGE'],
  ['no gzip', Buffer.from(track({})), 400, 'ERR_REQUEST_GZIP'],
  ['half of it', gzipSync(track({})).subarray(0, 30), 400, 'ERR_REQUEST_GZIP'],
  ['more behind it', bytes([...gzipSync(track({}))], 'more'), 400, 'ERR_REQUEST_GZIP'],
  ['nothing', Buffer.alloc(0), 400, 'ERR_REQUEST_GZIP'],
  ['gzip in gzip', gzipSync(gzipSync(track({}))), 400, 'ERR_BODY_UTF8'],
]

/** Name, what is written to a socket. */
const GARBAGE: [string, string][] = [
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['line feeds alone', 'GET /healthz HTTP/1.1\nHost: x\n\n'],
  ['a space before a colon', 'GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n'],
  ['half a body, then the end', 'POST /v1/track HTTP/1.1\r\nHost: x\r\ncontent-length: 9\r\n\r\n{'],
  [
    'a chunk that is no number',
    'POST /v1/track HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
  ],
  [
    'a chunk of 2^64',
    'POST /v1/track HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n{}',
  ],
  ['a WebSocket without key', 'GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n'],
]

describe.each(['node', 'auto'])('server.transport %s', (transport) => {
  const directory = temporaryDirectory()
  let limn: RunningLimn

  beforeAll(async () => {
    limn = await startLimn(directory.path, { LIMN_SERVER_TRANSPORT: transport })
  })
  afterAll(async () => {
    expect(await limn.stop()).toBe(0)
    // The log has errors where a handler or a shard failed.
    expect(limn.output()).not.toContain('"level":50')
    directory.remove()
  })

  const send = async (
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; code: string }> => {
    const response = await fetch(`${limn.address}/v1/track`, {
      method: 'POST',
      headers: { authorization: BASIC, ...headers },
      body: new Uint8Array(Buffer.from(body)),
    })
    const answer = (await response.json()) as { error?: { code: string } }
    return { status: response.status, code: answer.error?.code ?? '' }
  }

  test.each(BODIES)('a body of %s', async (_, body, status, code) => {
    expect(await send(body)).toEqual({ status, code })
  })

  test.each(PACKED)('a gzip body that is %s', async (_, body, status, code) => {
    expect(await send(body, { 'content-encoding': 'gzip' })).toEqual({ status, code })
  })

  test.each(GARBAGE)('%s', async (_, text) => {
    const socket = connect(Number(new URL(limn.address).port), '127.0.0.1')
    socket.on('error', () => undefined)
    socket.resume()
    socket.end(text, 'latin1')
    await new Promise((resolve) => socket.once('close', resolve))
    expect((await fetch(`${limn.address}/healthz`)).status).toBe(200)
  })

  test('frames that are refused leave the stream open, those that break the protocol do not', async () => {
    const url = `${limn.address.replace('http', 'ws')}/v1/stream?writeKey=${KEYS.write}`
    const socket = new WebSocket(url)
    await new Promise((resolve) => socket.once('open', resolve))
    const answers: { error?: { code: string } }[] = []
    socket.on('message', (data) => answers.push(JSON.parse(String(data)) as { error?: never }))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    for (const [, body] of BODIES.slice(0, 8)) socket.send(String(body))
    socket.send(Buffer.from('{}'), { binary: true })
    while (answers.length < 9) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(answers.map(({ error }) => error?.code)).toEqual([
      ...BODIES.slice(0, 8).map(([, , , code]) => code),
      'ERR_STREAM_BINARY',
    ])
    socket.send('x'.repeat(2_000_000))
    await closed
  })

  test('names of a prototype are names like others', async () => {
    const ids = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    for (const userId of ids) {
      const event = track({ userId, event: 'constructor', properties: { category: '__proto__' } })
      expect((await send(event)).status).toBe(200)
      const { status, body } = await limn.get(`/v1/profiles/${userId}`)
      expect(status).toBe(200)
      expect(body.id).toBe(`user:${userId}`)
      expect((await limn.get(`/v1/segments/${userId}`)).status).toBe(404)
    }
    expect((await limn.get('/v1/profiles/valueOf')).status).toBe(404)
    expect((await limn.get('/v1/profiles/bad/predictions/__proto__')).status).toBe(400)
  })

  test('nothing of what was refused is in a profile, and all of it is counted', async () => {
    expect((await limn.get('/v1/profiles/bad')).status).toBe(404)
    expect((await send(track({}))).status).toBe(200)
    expect((await limn.get('/v1/profiles/bad/traits')).body.traits).toMatchObject({ events: 1 })
    const metrics = await (await fetch(`${limn.address}/metrics`)).text()
    const letters = [...metrics.matchAll(/limn_dead_letters\{[^}]*\} (\d+)/g)]
    expect(letters.reduce((sum, [, count]) => sum + Number(count), 0)).toBeGreaterThan(30)
  })
})
