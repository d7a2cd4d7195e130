import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { LimnError } from '../protocol/errors.ts'
import { BodyCollector } from './body-collector.ts'
import {
  ABORTED_STATUS,
  isRefusal,
  type BodyReader,
  type HeaderList,
  type HttpExchange,
  type OwnedBytes,
  type RequestHead,
  type ServerSocket,
  type SocketListener,
  type Transport,
  type TransportOptions,
  type UpgradeRefusal,
} from './transport.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often connections are looked through for those over a limit of time. */
const TIMEOUT_CHECK_MS = 5_000
const SOCKET_IDLE_MS = 60_000
const CLOSE_HANDSHAKE_MS = 2_000

export function createNodeTransport(options: TransportOptions): Transport {
  return new NodeTransport(options)
}

/** Owns the server, its WebSockets and the count of requests without an answer. */
class NodeTransport implements Transport {
  readonly kind = 'node'
  readonly #options: TransportOptions
  readonly #server: Server
  readonly #webSockets: WebSocketServer
  readonly #sockets = new Set<NodeSocket>()
  #pinger: NodeJS.Timeout | null = null
  #draining = false

  constructor(options: TransportOptions) {
    this.#options = options
    this.#server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      noDelay: true,
    })
    this.#server.timeout = SOCKET_IDLE_MS
    this.#webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: options.frameBytesMax,
      perMessageDeflate: false,
      clientTracking: false,
    })
    this.#server.on('request', (request, response) => this.#request(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#server.on('clientError', (error, socket) => refuseBadRequest(socket, error))
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const failed = (cause: Error): void => {
        reject(
          new LimnError('ERR_LISTEN', `Cannot listen on ${host}:${port}: ${cause.message}`, {
            cause,
          }),
        )
      }
      this.#server.once('error', failed)
      this.#server.listen(port, host, () => {
        this.#server.off('error', failed)
        const periodMs = (this.#options.idleTimeoutSeconds * 1000) / 2
        this.#pinger = setInterval(() => this.#pingIdle(), periodMs)
        this.#pinger.unref()
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    for (const socket of this.#sockets) socket.close(1001, 'the server is stopping')
    const idle = setInterval(() => this.#server.closeIdleConnections(), 20)
    const timer = setTimeout(() => this.#cut(), timeoutMs)
    await closed
    clearTimeout(timer)
    clearInterval(idle)
    await this.close()
  }

  async close(): Promise<void> {
    if (this.#pinger !== null) clearInterval(this.#pinger)
    this.#cut()
    if (!this.#server.listening) return
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.terminate()
    this.#server.closeAllConnections()
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new NodeExchange(request, response, () => this.#draining)
    try {
      this.#options.handler.request(exchange)
    } catch (error) {
      this.#options.failed(error)
      exchange.respond(500, [], '')
    }
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (!asksForWebSocket(request)) return this.#requestAgain(request, stream, head)
    stream.on('error', () => stream.destroy())
    const decision = this.#decide(request)
    if (isRefusal(decision)) return refuse(stream, decision)
    this.#webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const socket = new NodeSocket(webSocket, this.#options.socketBufferBytesMax)
      this.#sockets.add(socket)
      webSocket.on('message', (data, binary) => this.#message(decision, data, binary))
      webSocket.on('close', () => {
        this.#sockets.delete(socket)
        decision.closed()
      })
      decision.opened(socket)
    })
  }

  /**
   * A server may ignore an `Upgrade` that it does not know (RFC 9110, 7.8); clients offer `h2c` with
   * ordinary requests. Node has let go of the connection by now, so it gets it back, with the head
   * as it came but for that header.
   */
  #requestAgain(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`
    const { rawHeaders } = request
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? ''
      if (name.toLowerCase() !== 'upgrade') text += `${name}: ${rawHeaders[i + 1]}\r\n`
    }
    stream.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]))
    this.#server.emit('connection', stream)
  }

  #decide(request: IncomingMessage): SocketListener | UpgradeRefusal {
    if (this.#draining) return { status: 503, headers: [], body: '' }
    try {
      return this.#options.handler.upgrade(new NodeHead(request))
    } catch (error) {
      this.#options.failed(error)
      return { status: 500, headers: [], body: '' }
    }
  }

  #message(listener: SocketListener, data: RawData, binary: boolean): void {
    try {
      listener.message(ownedCopy(data), binary)
    } catch (error) {
      this.#options.failed(error)
    }
  }

  #pingIdle(): void {
    for (const socket of this.#sockets) socket.pingOrTerminate()
  }
}

class NodeHead implements RequestHead {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly #headers: IncomingMessage['headers']

  constructor(request: IncomingMessage) {
    const url = request.url ?? '/'
    const mark = url.indexOf('?')
    this.method = request.method ?? 'GET'
    this.path = mark < 0 ? url : url.slice(0, mark)
    this.query = mark < 0 ? '' : url.slice(mark + 1)
    this.#headers = request.headers
  }

  header(name: string): string {
    const value = this.#headers[name]
    return typeof value === 'string' ? value : (value?.join(', ') ?? '')
  }
}

class NodeExchange extends NodeHead implements HttpExchange {
  aborted = false
  extraHeaders: HeaderList = []
  finished: ((status: number) => void) | null = null
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #draining: () => boolean
  #answered = false
  #body: BodyCollector | null = null

  constructor(request: IncomingMessage, response: ServerResponse, draining: () => boolean) {
    super(request)
    this.#request = request
    this.#response = response
    this.#draining = draining
    request.on('error', () => this.#abort())
    response.on('error', () => this.#abort())
    response.on('close', () => this.#abort())
  }

  readBody(reader: BodyReader): void {
    const body = new BodyCollector(reader, this.header('content-length'))
    if (body.over) return
    this.#body = body
    this.#request.on('data', (chunk: Buffer<ArrayBuffer>) => body.add(chunk))
    this.#request.on('end', () => body.finish())
  }

  respond(status: number, headers: HeaderList, body: string | Uint8Array): void {
    if (this.#answered || this.aborted) return
    this.#answered = true
    this.#body?.stop()
    const response = this.#response
    response.statusCode = status
    setHeaders(response, headers)
    setHeaders(response, this.extraHeaders)
    if (status !== 204 && status !== 304)
      response.setHeader('content-length', Buffer.byteLength(body))
    const bodyPending = this.#hasBody() && !this.#request.complete
    if (this.#draining() || bodyPending) response.setHeader('connection', 'close')
    response.end(body)
    if (bodyPending) this.#request.resume()
    this.finished?.(status)
  }

  #hasBody(): boolean {
    return this.header('transfer-encoding') !== '' || Number(this.header('content-length')) > 0
  }

  #abort(): void {
    if (this.#answered || this.aborted) return
    this.aborted = true
    this.#body?.abort()
    this.finished?.(ABORTED_STATUS)
  }
}

class NodeSocket implements ServerSocket {
  open = true
  readonly #webSocket: WebSocket
  readonly #bufferBytesMax: number
  #heard = true

  constructor(webSocket: WebSocket, bufferBytesMax: number) {
    this.#webSocket = webSocket
    this.#bufferBytesMax = bufferBytesMax
    webSocket.on('close', () => (this.open = false))
    webSocket.on('error', () => (this.open = false))
    webSocket.on('pong', () => (this.#heard = true))
    webSocket.on('message', () => (this.#heard = true))
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount
  }

  send(texts: readonly string[]): void {
    for (const text of texts) {
      if (!this.open) return
      if (this.bufferedBytes + text.length > this.#bufferBytesMax) return this.terminate()
      this.#webSocket.send(text)
    }
  }

  close(code: number, reason: string): void {
    if (!this.open) return
    this.open = false
    this.#webSocket.close(code, reason)
    setTimeout(() => this.#webSocket.terminate(), CLOSE_HANDSHAKE_MS).unref()
  }

  terminate(): void {
    this.open = false
    this.#webSocket.terminate()
  }

  pingOrTerminate(): void {
    if (!this.#heard) return this.terminate()
    this.#heard = false
    if (this.open) this.#webSocket.ping()
  }
}

function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    response.setHeader(headers[i] ?? '', headers[i + 1] ?? '')
  }
}

function joined(chunks: readonly Buffer[], bytes: number): OwnedBytes {
  const body = new Uint8Array(bytes)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.byteLength
  }
  return body
}

function ownedCopy(data: RawData): OwnedBytes {
  if (Array.isArray(data))
    return joined(
      data,
      data.reduce((sum, part) => sum + part.byteLength, 0),
    )
  return new Uint8Array(data instanceof ArrayBuffer ? data.slice(0) : data)
}

/** Says `text` and lets go of the connection, also of a client that does not close its end. */
function sayAndClose(stream: Duplex, text: string): void {
  stream.end(text)
  setTimeout(() => stream.destroy(), CLOSE_HANDSHAKE_MS).unref()
}

function refuse(stream: Duplex, refusal: UpgradeRefusal): void {
  let head = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}\r\n`
  const { headers, body } = refusal
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  const length = `content-length: ${Buffer.byteLength(body)}\r\n`
  sayAndClose(stream, `${head}${length}connection: close\r\n\r\n${body}`)
}

/** Statuses for what Node's parser refuses; anything else is 400. */
const CLIENT_ERROR_STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

function refuseBadRequest(stream: Duplex, error: NodeJS.ErrnoException): void {
  if (!stream.writable) return void stream.destroy()
  const status = CLIENT_ERROR_STATUS[error.code ?? ''] ?? 400
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status]}`
  sayAndClose(stream, `${line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
}

function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}
