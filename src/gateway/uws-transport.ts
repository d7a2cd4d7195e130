import { STATUS_CODES } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { LimnError } from '../protocol/errors.ts'
import { BodyCollector } from './body-collector.ts'
import {
  ABORTED_STATUS,
  isRefusal,
  type BodyReader,
  type HeaderList,
  type HttpExchange,
  type RequestHead,
  type ServerSocket,
  type SocketListener,
  type Transport,
  type TransportOptions,
  type UpgradeRefusal,
} from './transport.ts'
import {
  loadUws,
  type UwsApp,
  type UwsModule,
  type UwsRequest,
  type UwsResponse,
  type UwsWebSocket,
} from './uws-binding.ts'

/** uWebSockets.js cuts a longer frame off without a close frame; up to here 1009 is said. */
const PAYLOAD_SLACK_FACTOR = 2
/** What a finished answer gets to leave the process before `drain` cuts connections. */
const FLUSH_GRACE_MS = 100
const DRAIN_POLL_MS = 5

/** Rejects with `ERR_TRANSPORT_UNAVAILABLE` where the package or its binary does not load. */
export async function createUwsTransport(options: TransportOptions): Promise<Transport> {
  try {
    return new UwsTransport(await loadUws(), options)
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n', 1)[0] ?? '') : String(cause)
    throw new LimnError('ERR_TRANSPORT_UNAVAILABLE', `uWebSockets.js does not load: ${why}`, {
      cause,
    })
  }
}

interface SocketData {
  readonly listener: SocketListener
  socket: UwsSocket | null
}

/** Requests without an answer, and whether answers end their connections. */
interface ExchangeOwner {
  draining: boolean
  running: number
}

class UwsTransport implements Transport {
  readonly kind = 'uws'
  readonly #uws: UwsModule
  readonly #options: TransportOptions
  readonly #app: UwsApp
  readonly #sockets = new Set<UwsSocket>()
  readonly #owner: ExchangeOwner = { draining: false, running: 0 }
  #listenSocket: unknown = null
  #closed = false

  constructor(uws: UwsModule, options: TransportOptions) {
    this.#uws = uws
    this.#options = options
    this.#app = uws.App()
    this.#app.ws<SocketData>('/*', {
      maxPayloadLength: options.frameBytesMax * PAYLOAD_SLACK_FACTOR,
      maxBackpressure: 0,
      idleTimeout: options.idleTimeoutSeconds,
      sendPingsAutomatically: true,
      compression: uws.DISABLED,
      upgrade: (response, request, context) => this.#upgrade(response, request, context),
      open: (socket) => this.#open(socket),
      message: (socket, message, binary) => this.#message(socket, message, binary),
      close: (socket) => this.#closedSocket(socket),
    })
    this.#app.any('/*', (response, request) => this.#request(response, request))
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#app.listen(host, port, this.#uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
        if (!socket) {
          reject(
            new LimnError(
              'ERR_LISTEN',
              `Cannot listen on ${host}:${port}: it is taken or not allowed`,
            ),
          )
          return
        }
        this.#listenSocket = socket
        resolve(this.#uws.us_socket_local_port(socket))
      })
    })
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#owner.draining = true
    this.#stopListening()
    for (const socket of this.#sockets) socket.close(1001, 'the server is stopping')
    const deadline = performance.now() + timeoutMs
    while (this.#owner.running > 0 && performance.now() < deadline) await delay(DRAIN_POLL_MS)
    await delay(FLUSH_GRACE_MS)
    await this.close()
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      this.#stopListening()
      this.#app.close()
    }
    return Promise.resolve()
  }

  #stopListening(): void {
    if (this.#listenSocket !== null) this.#uws.us_listen_socket_close(this.#listenSocket)
    this.#listenSocket = null
  }

  #request(response: UwsResponse, request: UwsRequest): void {
    const exchange = new UwsExchange(response, request, this.#owner)
    try {
      this.#options.handler.request(exchange)
    } catch (error) {
      this.#options.failed(error)
      exchange.respond(500, [], '')
    }
    exchange.handlerReturned()
  }

  #upgrade(response: UwsResponse, request: UwsRequest, context: unknown): void {
    const decision = this.#decide(request)
    if (isRefusal(decision))
      return write(response, decision.status, decision.headers, decision.body, true)
    const data: SocketData = { listener: decision, socket: null }
    response.upgrade(
      data,
      request.getHeader('sec-websocket-key'),
      request.getHeader('sec-websocket-protocol'),
      request.getHeader('sec-websocket-extensions'),
      context,
    )
  }

  #decide(request: UwsRequest): SocketListener | UpgradeRefusal {
    if (this.#owner.draining) return { status: 503, headers: [], body: '' }
    try {
      return this.#options.handler.upgrade(new UwsHead(request))
    } catch (error) {
      this.#options.failed(error)
      return { status: 500, headers: [], body: '' }
    }
  }

  #open(native: UwsWebSocket<SocketData>): void {
    const data = native.getUserData()
    const socket = new UwsSocket(native, this.#options.socketBufferBytesMax)
    data.socket = socket
    this.#sockets.add(socket)
    data.listener.opened(socket)
  }

  #message(native: UwsWebSocket<SocketData>, message: ArrayBuffer, binary: boolean): void {
    const data = native.getUserData()
    if (message.byteLength > this.#options.frameBytesMax) {
      data.socket?.close(1009, 'the message is too long')
      return
    }
    try {
      data.listener.message(new Uint8Array(message.slice(0)), binary)
    } catch (error) {
      this.#options.failed(error)
    }
  }

  #closedSocket(native: UwsWebSocket<SocketData>): void {
    const data = native.getUserData()
    if (data.socket !== null) {
      data.socket.open = false
      this.#sockets.delete(data.socket)
    }
    data.listener.closed()
  }
}

class UwsHead implements RequestHead {
  readonly method: string
  readonly path: string
  readonly query: string
  protected request: UwsRequest | null

  constructor(request: UwsRequest) {
    this.method = request.getCaseSensitiveMethod()
    this.path = request.getUrl()
    this.query = request.getQuery() ?? ''
    this.request = request
  }

  header(name: string): string {
    return this.request?.getHeader(name) ?? ''
  }
}

class UwsExchange extends UwsHead implements HttpExchange {
  aborted = false
  extraHeaders: HeaderList = []
  finished: ((status: number) => void) | null = null
  readonly #response: UwsResponse
  readonly #owner: ExchangeOwner
  #answered = false
  /** Body bytes may still arrive: an answer now must end the connection. */
  #bodyPending = false
  #body: BodyCollector | null = null

  constructor(response: UwsResponse, request: UwsRequest, owner: ExchangeOwner) {
    super(request)
    this.#response = response
    this.#owner = owner
    owner.running += 1
  }

  /** After this headers cannot be read; the answer, if it is still to come, needs a cork. */
  handlerReturned(): void {
    this.request = null
    if (this.#answered) return
    this.#response.onAborted(() => {
      this.aborted = true
      if (this.#answered) return
      this.#owner.running -= 1
      this.#body?.abort()
      this.finished?.(ABORTED_STATUS)
    })
  }

  readBody(reader: BodyReader): void {
    this.#bodyPending = true
    const body = new BodyCollector(reader, this.header('content-length'))
    if (body.over) return
    this.#body = body
    this.#response.onData((chunk, last) => {
      if (body.over) return
      body.add(new Uint8Array(chunk))
      if (!last || body.over) return
      this.#bodyPending = false
      body.finish()
    })
  }

  respond(status: number, headers: HeaderList, body: string | Uint8Array): void {
    if (this.#answered || this.aborted) return
    this.#answered = true
    this.#owner.running -= 1
    this.#body?.stop()
    const last = this.#owner.draining || this.#bodyPending
    if (this.request !== null) this.#write(status, headers, body, last)
    else this.#response.cork(() => this.#write(status, headers, body, last))
    this.finished?.(status)
  }

  #write(status: number, headers: HeaderList, body: string | Uint8Array, last: boolean): void {
    const all = this.extraHeaders.length === 0 ? headers : [...headers, ...this.extraHeaders]
    if (this.method === 'HEAD')
      writeHead(this.#response, status, all, Buffer.byteLength(body), last)
    else write(this.#response, status, all, body, last)
  }
}

class UwsSocket implements ServerSocket {
  open = true
  readonly #native: UwsWebSocket<SocketData>
  readonly #bufferBytesMax: number

  constructor(native: UwsWebSocket<SocketData>, bufferBytesMax: number) {
    this.#native = native
    this.#bufferBytesMax = bufferBytesMax
  }

  get bufferedBytes(): number {
    return this.open ? this.#native.getBufferedAmount() : 0
  }

  send(texts: readonly string[]): void {
    if (!this.open) return
    if (texts.length === 1) return this.#sendAll(texts)
    this.#native.cork(() => this.#sendAll(texts))
  }

  close(code: number, reason: string): void {
    if (this.open) this.#native.end(code, reason)
  }

  #sendAll(texts: readonly string[]): void {
    for (const text of texts) {
      if (!this.open) return
      if (this.#native.getBufferedAmount() + text.length > this.#bufferBytesMax)
        return this.#native.close()
      this.#native.send(text, false)
    }
  }
}

const STATUS_LINES = new Map<number, string>(
  Object.entries(STATUS_CODES).map(([code, text]) => [Number(code), `${code} ${text ?? ''}`]),
)

function writeHeaders(response: UwsResponse, status: number, headers: HeaderList): void {
  if (status !== 200) response.writeStatus(STATUS_LINES.get(status) ?? String(status))
  for (let i = 0; i + 1 < headers.length; i += 2)
    response.writeHeader(headers[i] ?? '', headers[i + 1] ?? '')
}

function write(
  response: UwsResponse,
  status: number,
  headers: HeaderList,
  body: string | Uint8Array,
  last: boolean,
): void {
  writeHeaders(response, status, headers)
  if (status === 204 || status === 304) endBare(response, last)
  else response.end(body, last)
}

function writeHead(
  response: UwsResponse,
  status: number,
  headers: HeaderList,
  bodyBytes: number,
  last: boolean,
): void {
  writeHeaders(response, status, headers)
  response.writeHeader('content-length', String(bodyBytes))
  endBare(response, last)
}

/**
 * Without arguments: given a length or a close flag, `endWithoutBody` leaves the response open and
 * the native layer ends the process.
 */
function endBare(response: UwsResponse, last: boolean): void {
  if (last) response.writeHeader('connection', 'close')
  response.endWithoutBody()
}
