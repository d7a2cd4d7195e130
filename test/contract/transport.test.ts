/** What any transport must do, over real sockets; runs for each implementation that loads. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import {
  ABORTED_STATUS,
  createTransport,
  type BodyProblem,
  type BodyReader,
  type HttpExchange,
  type OwnedBytes,
  type ServerSocket,
  type SocketListener,
  type Transport,
  type TransportOptions,
} from '../../src/gateway/transport.ts'
import { loadUws } from '../../src/gateway/uws-binding.ts'

const BODY_MAX = 1_000
const FRAME_MAX = 2_000
const BUFFER_MAX = 200_000

const uwsProblem = await loadUws().then(
  () => null,
  (error: unknown) => String(error),
)
if (uwsProblem !== null) console.warn(`uws transport skipped: ${uwsProblem.split('\n', 1)[0]}`)

interface Fixture {
  readonly transport: Transport
  readonly port: number
  readonly url: string
  readonly wsUrl: string
  readonly sockets: EchoSocket[]
  readonly statuses: number[]
  readonly failures: unknown[]
  /** Exchanges on /held, unanswered. */
  readonly held: HttpExchange[]
  /** Of /claimed. */
  readonly readers: ClaimingReader[]
}

class EchoSocket implements SocketListener {
  socket: ServerSocket | null = null
  readonly received: { text: string; binary: boolean }[] = []
  isClosed = false

  opened(socket: ServerSocket): void {
    this.socket = socket
  }

  message(bytes: Uint8Array<ArrayBuffer>, binary: boolean): void {
    const text = Buffer.from(bytes).toString()
    this.received.push({ text, binary })
    if (text === 'throw') throw new Error('asked to')
    this.socket?.send([text])
  }

  closed(): void {
    this.isClosed = true
  }
}

async function start(
  kind: 'uws' | 'node',
  overrides: Partial<TransportOptions> = {},
): Promise<Fixture> {
  const sockets: EchoSocket[] = []
  const statuses: number[] = []
  const failures: unknown[] = []
  const held: HttpExchange[] = []
  const readers: ClaimingReader[] = []
  const handler = {
    request: (exchange: HttpExchange): void => {
      exchange.finished = (status) => statuses.push(status)
      answer(exchange, { held, readers })
    },
    upgrade: (head: { path: string; header(name: string): string }) => {
      if (head.path === '/refused') return { status: 401, headers: ['x-why', 'key'], body: 'no' }
      const echo = new EchoSocket()
      sockets.push(echo)
      return echo
    },
  }
  const { transport } = await createTransport(kind, {
    handler,
    frameBytesMax: FRAME_MAX,
    socketBufferBytesMax: BUFFER_MAX,
    idleTimeoutSeconds: 8,
    failed: (error) => failures.push(error),
    ...overrides,
  })
  const port = await transport.listen('127.0.0.1', 0)
  const [url, wsUrl] = [`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port}`]
  return { transport, port, url, wsUrl, sockets, statuses, failures, held, readers }
}

/** Has room for so many bytes of a body. */
const CLAIM_MAX = 600

/** Keeps what it is asked and told. */
class ClaimingReader implements BodyReader {
  readonly bytesMax = BODY_MAX
  readonly heard: string[] = []
  claimed = 0
  readonly exchange: HttpExchange

  constructor(exchange: HttpExchange, readers: ClaimingReader[]) {
    this.exchange = exchange
    readers.push(this)
  }

  claim(bytes: number): boolean {
    if (this.claimed + bytes > CLAIM_MAX) return false
    this.claimed += bytes
    return true
  }

  done(body: OwnedBytes): void {
    this.heard.push(`done ${body.byteLength}`)
    this.exchange.respond(200, [], body)
  }

  refused(problem: BodyProblem): void {
    this.heard.push(problem)
    this.exchange.respond(429, [], problem)
  }

  aborted(): void {
    this.heard.push('aborted')
  }
}

function answer(
  exchange: HttpExchange,
  { held, readers }: Pick<Fixture, 'held' | 'readers'>,
): void {
  if (exchange.path === '/throw') throw new Error('asked to')
  if (exchange.path === '/held') {
    held.push(exchange)
    return
  }
  if (exchange.path === '/empty') return exchange.respond(204, ['x-a', '1'], '')
  if (exchange.path === '/large') return exchange.respond(200, [], 'x'.repeat(5_000_000))
  if (exchange.path === '/body') {
    exchange.readBody({
      bytesMax: BODY_MAX,
      claim: () => true,
      done: (body) =>
        setImmediate(() => exchange.respond(200, ['x-bytes', String(body.byteLength)], body)),
      refused: () => exchange.respond(413, [], 'too large'),
      aborted: () => undefined,
    })
    return
  }
  if (exchange.path === '/claimed') return exchange.readBody(new ClaimingReader(exchange, readers))
  const { method, path, query } = exchange
  const seen = {
    method,
    path,
    query,
    agent: exchange.header('x-agent'),
    none: exchange.header('x-none'),
  }
  exchange.extraHeaders = ['x-extra', 'yes']
  exchange.respond(200, ['content-type', 'application/json'], JSON.stringify(seen))
}

/** Sends raw bytes and collects what comes until the server closes or `enough` is true. */
function raw(
  port: number,
  bytes: string,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setTimeout(5_000, () =>
      reject(new Error(`no end after ${JSON.stringify(text.slice(0, 200))}`)),
    )
    socket.on('data', (data) => {
      text += data.toString('latin1')
      if (enough(text)) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}

async function until(condition: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the awaited condition did not come about')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

async function openSocket(url: string, options: object = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, options)
  socket.on('error', () => undefined)
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  return socket
}

function closing(socket: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
}

function nextMessage(socket: WebSocket): Promise<string> {
  return new Promise((resolve) => socket.once('message', (data) => resolve(String(data))))
}

describe.each(['node', 'uws'] as const)('transport %s', (kind) => {
  let fixture: Fixture | null = null
  const started = async (overrides: Partial<TransportOptions> = {}): Promise<Fixture> => {
    fixture = await start(kind, overrides)
    return fixture
  }
  afterEach(async () => {
    await fixture?.transport.close()
    fixture = null
  })
  const test = it.skipIf(kind === 'uws' && uwsProblem !== null)

  describe('HTTP', () => {
    test('tells method, raw path, query and headers, and sends extra headers', async () => {
      const { url, statuses } = await started()
      for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
        const response = await fetch(`${url}/a%2Fb/c?x=1&y=%20`, {
          method,
          headers: { 'X-Agent': 'me' },
        })
        expect(response.headers.get('x-extra')).toBe('yes')
        expect(await response.json()).toEqual({
          method,
          path: '/a%2Fb/c',
          query: 'x=1&y=%20',
          agent: 'me',
          none: '',
        })
      }
      expect(statuses).toEqual([200, 200, 200, 200])
    })

    test('answers HEAD with the length and without the body', async () => {
      const { port } = await started()
      const text = await raw(
        port,
        'HEAD /a HTTP/1.1\r\nhost: x\r\n\r\nHEAD /empty HTTP/1.1\r\nhost: x\r\n\r\n',
        (seen) => seen.includes('204'),
      )
      expect(text.toLowerCase()).toMatch(/content-length: [1-9]/)
      expect(text).not.toContain('"method"')
    })

    test('answers 204 without a body', async () => {
      const { url } = await started()
      const response = await fetch(`${url}/empty`)
      expect([response.status, response.headers.get('x-a'), await response.text()]).toEqual([
        204,
        '1',
        '',
      ])
    })

    test.each([0, 1, 999, 1_000])('gives a body of %i bytes', async (bytes) => {
      const { url } = await started()
      const body = Buffer.alloc(bytes, 'é')
      const response = await fetch(`${url}/body`, { method: 'POST', body })
      expect(response.headers.get('x-bytes')).toBe(String(bytes))
      expect(Buffer.from(await response.arrayBuffer())).toEqual(body)
    })

    test.each([1_001, 3_000_000])('refuses a body of %i bytes', async (bytes) => {
      const { port } = await started()
      const head = `POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`
      const text = await raw(port, `${head}${'x'.repeat(1_001)}`, (seen) =>
        seen.includes('too large'),
      )
      expect(text).toMatch(/^HTTP\/1.1 413 /)
    })

    test('joins chunked bodies, and refuses those over the limit', async () => {
      const { port } = await started()
      const head = 'POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
      const text = await raw(port, `${head}3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n`, (seen) =>
        seen.includes('abcdefg'),
      )
      expect(text).toContain('200 OK')
      const chunk = `1f4\r\n${'x'.repeat(500)}\r\n`
      const refused = await raw(port, `${head}${chunk}${chunk}${chunk}`, (seen) =>
        seen.includes('too large'),
      )
      expect(refused).toContain(' 413 ')
    })

    test('joins a body that arrives byte by byte', async () => {
      const { port } = await started()
      const socket = connect(port, '127.0.0.1').setNoDelay(true)
      socket.write('POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n')
      for (let i = 0; i < 20; i += 1) {
        await new Promise((resolve) => setTimeout(resolve, 2))
        socket.write(String(i % 10))
      }
      const text = await new Promise<string>((resolve) =>
        socket.once('data', (data) => resolve(String(data))),
      )
      socket.destroy()
      expect(text).toContain('01234567890123456789')
    })

    test('keeps connections alive, also for pipelined requests', async () => {
      const { port } = await started()
      const request = 'GET /k HTTP/1.1\r\nhost: x\r\n\r\n'
      const text = await raw(
        port,
        request.repeat(3),
        (seen) => seen.split('"path":"/k"').length === 4,
      )
      expect(text.match(/200 OK/g)).toHaveLength(3)
    })

    // What docs/runtime-semantics.md says of pipelining: never the answer to another request.
    test('answers pipelined requests that wait in order, or closes the connection', async () => {
      const { port, held, statuses, url } = await started()
      const request = 'GET /held HTTP/1.1\r\nhost: x\r\n\r\n'
      const socket = connect(port, '127.0.0.1')
      let text = ''
      let isClosed = false
      socket.on('data', (data) => (text += String(data)))
      socket.on('close', () => (isClosed = true))
      socket.write(request.repeat(3))
      if (kind === 'node') {
        await until(() => held.length === 3)
        for (const index of [2, 0, 1]) held[index]?.respond(200, [], `answer ${index}`)
        await until(() => text.includes('answer 2'))
        expect(text.match(/answer \d/g)).toEqual(['answer 0', 'answer 1', 'answer 2'])
      } else {
        await until(() => isClosed)
        for (const exchange of held) exchange.respond(200, [], 'late')
        expect([text, held.length, statuses]).toEqual(['', 1, [ABORTED_STATUS]])
      }
      socket.destroy()
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('tells when a client goes away, and ignores the late answer', async () => {
      const { port, held, statuses, url } = await started()
      const socket = connect(port, '127.0.0.1')
      socket.write('GET /held HTTP/1.1\r\nhost: x\r\n\r\n')
      await until(() => held.length === 1)
      socket.destroy()
      await until(() => held[0]?.aborted === true)
      held[0]?.respond(200, [], 'late')
      expect(statuses).toEqual([ABORTED_STATUS])
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('survives an abort in the middle of a body', async () => {
      const { port, statuses, url } = await started()
      const socket = connect(port, '127.0.0.1')
      socket.write('POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\nabc')
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.destroy()
      await until(() => statuses.length === 1)
      expect(statuses).toEqual([ABORTED_STATUS])
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('asks for room as bytes arrive, not as they are announced', async () => {
      const { port, readers } = await started()
      const socket = connect(port, '127.0.0.1').setNoDelay(true)
      socket.write(
        `POST /claimed HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n${'a'.repeat(10)}`,
      )
      await until(() => (readers[0]?.claimed ?? 0) > 0)
      expect(readers[0]?.claimed).toBe(10)
      for (let i = 0; i < 48; i += 1) {
        socket.write('b'.repeat(10))
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await until(() => (readers[0]?.claimed ?? 0) >= 490)
      // Memory grows by doubling, up to what was announced and no further.
      expect(readers[0]?.claimed).toBeLessThanOrEqual(500)
      socket.write('c'.repeat(10))
      await until(() => readers[0]?.heard.length === 1)
      expect(readers[0]?.heard).toEqual(['done 500'])
      socket.destroy()
    })

    test('refuses a body that finds no room at its first byte too many', async () => {
      const { port, readers, statuses, url } = await started()
      const head = 'POST /claimed HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
      const chunk = `190\r\n${'x'.repeat(400)}\r\n`
      const text = await raw(port, `${head}${chunk}${chunk}`, (seen) => seen.includes('no-room'))
      expect(text).toMatch(/^HTTP\/1.1 429 /)
      expect([readers[0]?.heard, statuses]).toEqual([['no-room'], [429]])
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('tells of a client that leaves in the middle of a body, once', async () => {
      const { port, readers, url } = await started()
      const socket = connect(port, '127.0.0.1')
      socket.write('POST /claimed HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\nabc')
      await until(() => readers[0]?.claimed === 3)
      socket.destroy()
      await until(() => readers[0]?.heard.length === 1)
      expect((await fetch(`${url}/a`)).status).toBe(200)
      expect(readers[0]?.heard).toEqual(['aborted'])
    })

    test('answers before the body is there, and then reads no more of it', async () => {
      const { port, readers, url } = await started()
      const socket = connect(port, '127.0.0.1')
      let text = ''
      let isClosed = false
      socket.on('data', (data) => (text += String(data)))
      socket.on('close', () => (isClosed = true))
      socket.on('error', () => (isClosed = true))
      socket.write('POST /claimed HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\nabc')
      await until(() => readers[0]?.claimed === 3)
      readers[0]?.exchange.respond(408, [], 'too slow')
      await until(() => text.includes('too slow'))
      if (!isClosed) socket.write('d'.repeat(497))
      await until(() => isClosed)
      expect([readers[0]?.heard, readers[0]?.claimed]).toEqual([[], 3])
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('lets go of a half-closed connection', async () => {
      const { port, url } = await started()
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.resume()
      socket.end('POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\nabc')
      await new Promise((resolve) => socket.once('close', resolve))
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('serves others while one reads slowly, and the slow one gets all', async () => {
      const { port, url } = await started()
      const socket = connect(port, '127.0.0.1')
      socket.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n')
      socket.pause()
      for (let i = 0; i < 20; i += 1) expect((await fetch(`${url}/a`)).status).toBe(200)
      let bytes = 0
      socket.on('data', (data) => (bytes += data.byteLength))
      socket.resume()
      await until(() => bytes > 5_000_000)
      socket.destroy()
    })

    test('answers 500 when the handler throws', async () => {
      const { url, failures } = await started()
      expect((await fetch(`${url}/throw`)).status).toBe(500)
      expect(failures).toHaveLength(1)
    })

    test('survives what is not HTTP', async () => {
      const { port, url } = await started()
      await raw(port, '\x16\x03\x01 nonsense\r\n\r\n')
      const long = `GET /${'x'.repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n`
      await raw(port, long, (seen) => seen.startsWith('HTTP/1.1'))
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('takes a request with an Upgrade that it does not know as an ordinary one', async () => {
      const { port, statuses } = await started()
      const offer = 'host: x\r\nupgrade: h2c\r\nconnection: Upgrade, HTTP2-Settings\r\n'
      const seen = await raw(
        port,
        `GET /first?q HTTP/1.1\r\nx-agent: a\r\n${offer}\r\nGET /second HTTP/1.1\r\nhost: x\r\n\r\n`,
        (text) => text.includes('"path":"/second"'),
      )
      expect(seen).toContain('{"method":"GET","path":"/first","query":"q","agent":"a","none":""}')
      const webSocket = 'host: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n'
      const posted = await raw(
        port,
        `POST /body HTTP/1.1\r\n${webSocket}content-length: 5\r\n\r\nhello`,
        (text) => text.includes('hello'),
      )
      expect(posted).toMatch(/^HTTP\/1\.1 200/)
      expect(statuses).toEqual([200, 200, 200])
    })

    test.each([
      ['two lengths', 'content-length: 2\r\ncontent-length: 40\r\n'],
      ['two lengths in one', 'content-length: 2, 40\r\n'],
      ['a length and chunks', 'content-length: 2\r\ntransfer-encoding: chunked\r\n'],
      ['a length below zero', 'content-length: -2\r\n'],
      ['a length in hexadecimal', 'content-length: 0x2\r\n'],
      ['a length beyond numbers', 'content-length: 99999999999999999999\r\n'],
    ])('refuses a body with %s, and what is hidden in it is no request', async (_, lengths) => {
      const { port, url, statuses } = await started()
      const hidden = 'GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n'
      const body = lengths.includes('chunked') ? '0\r\n\r\n' : '{}'
      const request = `POST /body HTTP/1.1\r\nhost: x\r\n${lengths}\r\n${body}${hidden}`
      expect(await raw(port, request)).not.toContain('/hidden')
      expect(statuses.filter((status) => status === 200)).toEqual([])
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('refuses a head without end', async () => {
      const { port, url } = await started()
      const head = `GET /a HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(1_000_000)}`
      const answered = raw(port, head, (text) => text.startsWith('HTTP/1.1 431'))
      await answered.catch((error: unknown) => {
        // The server may cut the connection while the head is still on its way.
        if (!(error instanceof Error && 'code' in error)) throw error
      })
      expect((await fetch(`${url}/a`)).status).toBe(200)
    })

    test('fails to listen on a port that is taken', async () => {
      const { port } = await started()
      const other = await start(kind)
      const { transport } = await createTransport(kind, {
        handler: {
          request: () => undefined,
          upgrade: () => ({ status: 404, headers: [], body: '' }),
        },
        frameBytesMax: 1,
        socketBufferBytesMax: 1,
        idleTimeoutSeconds: 8,
        failed: () => undefined,
      })
      await expect(transport.listen('127.0.0.1', port)).rejects.toMatchObject({
        code: 'ERR_LISTEN',
      })
      await transport.close()
      await other.transport.close()
    })
  })

  describe('WebSocket', () => {
    test('echoes text and tells binary', async () => {
      const { wsUrl, sockets } = await started()
      const socket = await openSocket(`${wsUrl}/any?x=1`)
      socket.send('grüße')
      expect(await nextMessage(socket)).toBe('grüße')
      socket.send(Buffer.from('bytes'))
      expect(await nextMessage(socket)).toBe('bytes')
      expect(sockets[0]?.received.map(({ binary }) => binary)).toEqual([false, true])
      socket.terminate()
      await until(() => sockets[0]?.isClosed === true)
    })

    test('refuses an upgrade with status and body', async () => {
      const { wsUrl } = await started()
      const socket = new WebSocket(`${wsUrl}/refused`)
      const seen = await new Promise<unknown[]>((resolve) => {
        socket.on('error', () => undefined)
        socket.on('unexpected-response', (_request, response) => {
          response.on('data', (data) =>
            resolve([response.statusCode, response.headers['x-why'], String(data)]),
          )
        })
      })
      expect(seen).toEqual([401, 'key', 'no'])
    })

    test('lets go of a refused client that keeps its end open', async () => {
      const { port } = await started()
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.resume()
      socket.on('error', () => undefined)
      const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n'
      const upgrade = `host: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n${key}`
      socket.write(`GET /refused HTTP/1.1\r\n${upgrade}\r\n`)
      await once(socket, 'end')
      // A server that has let go answers with a reset, one that waits takes it all.
      let isGone = false
      socket.on('close', () => (isGone = true))
      await until(() => {
        if (!isGone) socket.write('x')
        return isGone
      }, 10_000)
    })

    test('sends many texts in order', async () => {
      const { wsUrl, sockets } = await started()
      const socket = await openSocket(wsUrl)
      await until(() => sockets.length === 1)
      const heard: string[] = []
      socket.on('message', (data) => heard.push(String(data)))
      sockets[0]?.socket?.send(['a', 'b', 'c'])
      await until(() => heard.length === 3)
      expect(heard).toEqual(['a', 'b', 'c'])
      socket.terminate()
    })

    test('joins fragments', async () => {
      const { wsUrl } = await started()
      const socket = await openSocket(wsUrl)
      socket.send('one ', { fin: false })
      socket.send('two', { fin: true })
      expect(await nextMessage(socket)).toBe('one two')
      socket.terminate()
    })

    test('takes a frame at the limit and closes with 1009 above it', async () => {
      const { wsUrl, sockets } = await started()
      const socket = await openSocket(wsUrl)
      socket.send('x'.repeat(FRAME_MAX))
      expect((await nextMessage(socket)).length).toBe(FRAME_MAX)
      const closed = closing(socket)
      socket.send('x'.repeat(FRAME_MAX + 1))
      expect((await closed).code).toBe(1009)
      expect(sockets[0]?.received).toHaveLength(1)
    })

    test('never delivers a frame far over the limit', async () => {
      const { wsUrl, sockets } = await started()
      const socket = await openSocket(wsUrl)
      const closed = closing(socket)
      socket.send('x'.repeat(FRAME_MAX * 50))
      await closed
      expect(sockets[0]?.received).toHaveLength(0)
    })

    test('ends on text that is not UTF-8', async () => {
      const { wsUrl, sockets } = await started()
      const socket = await openSocket(wsUrl)
      const closed = closing(socket)
      socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false })
      await closed
      expect(sockets[0]?.received).toHaveLength(0)
      expect(sockets[0]?.isClosed).toBe(true)
    })

    test.each([1, 5])(
      'cuts off a reader too slow for %i texts at a time, with bounded memory',
      async (texts) => {
        const { wsUrl, sockets } = await started()
        const socket = await openSocket(wsUrl)
        await until(() => sockets.length === 1)
        const server = sockets[0]
        socket.pause()
        let highest = 0
        for (let i = 0; i < 20_000 && server?.isClosed !== true; i += 1) {
          server?.socket?.send(Array.from({ length: texts }, () => 'x'.repeat(10_000)))
          highest = Math.max(highest, server?.socket?.bufferedBytes ?? 0)
          if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        expect(highest).toBeLessThanOrEqual(BUFFER_MAX + 1_000)
        await until(() => server?.isClosed === true)
        expect(server?.socket?.open).toBe(false)
        server?.socket?.send(['nothing happens'])
        socket.terminate()
      },
    )

    test('closes with a code and reason', async () => {
      const { wsUrl, sockets } = await started()
      const socket = await openSocket(wsUrl)
      await until(() => sockets.length === 1)
      const closed = closing(socket)
      sockets[0]?.socket?.close(1013, 'come back later')
      sockets[0]?.socket?.close(1013, 'twice does nothing')
      expect(await closed).toEqual({ code: 1013, reason: 'come back later' })
    })

    test('survives a listener that throws', async () => {
      const { wsUrl, failures } = await started()
      const socket = await openSocket(wsUrl)
      socket.send('throw')
      await until(() => failures.length === 1)
      socket.send('still here')
      expect(await nextMessage(socket)).toBe('still here')
      socket.terminate()
    })

    test('closes who answers no ping, keeps who does', async () => {
      const { wsUrl, sockets } = await started()
      const silent = await openSocket(wsUrl, { autoPong: false })
      const polite = await openSocket(wsUrl)
      await until(() => silent.readyState === WebSocket.CLOSED, 20_000)
      expect(polite.readyState).toBe(WebSocket.OPEN)
      expect(sockets.map(({ isClosed }) => isClosed)).toEqual([true, false])
      polite.terminate()
    })
  })

  describe('drain', () => {
    test('finishes running requests, closes WebSockets with 1001, then listens no more', async () => {
      const { transport, url, wsUrl, held } = await started()
      const socket = await openSocket(wsUrl)
      const closed = closing(socket)
      const running = fetch(`${url}/held`)
      await until(() => held.length === 1)
      const drained = transport.drain(5_000)
      expect((await closed).code).toBe(1001)
      setTimeout(() => held[0]?.respond(200, [], 'finished'), 100)
      const response = await running
      expect(await response.text()).toBe('finished')
      expect(response.headers.get('connection')).toBe('close')
      await drained
      await expect(fetch(url)).rejects.toThrow()
    })

    test('ends in time when a request never finishes', async () => {
      const { transport, url, held } = await started()
      const running = fetch(`${url}/held`).catch(() => 'cut')
      await until(() => held.length === 1)
      const begin = Date.now()
      await transport.drain(200)
      expect(Date.now() - begin).toBeLessThan(2_000)
      expect(await running).toBe('cut')
    })
  })
})

describe('createTransport', () => {
  it('says why it fell back', async () => {
    const options = {
      handler: {
        request: () => undefined,
        upgrade: () => ({ status: 404, headers: [], body: '' }),
      },
      frameBytesMax: 1,
      socketBufferBytesMax: 1,
      idleTimeoutSeconds: 8,
      failed: () => undefined,
    }
    const { transport, reason } = await createTransport('auto', options)
    expect(transport.kind === 'node').toBe(reason !== null)
    await transport.close()
  })
})
