import { build } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'
import WebSocket from 'ws'
import { LimnError } from '../protocol/errors.ts'

export interface StreamClientOptions {
  /** `http://host:port` */
  readonly address: string
  readonly writeKey: string
  /** Frames are taken for history: arrival time is event time. */
  readonly history: boolean
  readonly eventsPerFrame: number
}

interface Frame {
  readonly text: string
  readonly events: number
  sentAt: number
}

interface Reply {
  readonly accepted?: number
  readonly rejected?: readonly { readonly code: string; readonly reason: string }[]
  readonly position?: string
  readonly credits?: number
  readonly error?: { readonly code: string; readonly message: string; readonly retryable?: boolean }
}

const CREDITS_FIRST = 8
const RECONNECTS_MAX = 10
const RETRY_MS = 50

/**
 * A collector over WebSocket: batches of Segment messages, as many frames in flight as the server
 * gives credits. When the connection breaks it connects again and sends what was not acknowledged
 * once more; message ids make that harmless. Frames that the server has no room for follow again,
 * in their order, once all replies are in. {@link send} resolves when there is room for more.
 *
 * {@link send} and {@link drain} throw what the server says of a whole frame, `ERR_CLIENT_REFUSED`
 * (no connection is given, as with a wrong key) and `ERR_CLIENT_CONNECTION`.
 */
export class StreamClient {
  sent = 0
  acknowledged = 0
  rejected = 0
  position = ''
  /** Acknowledgement time of a frame, in µs. */
  readonly latency: Histogram = build({ highestTrackableValue: 120_000_000 })
  private readonly options: StreamClientOptions
  private socket: WebSocket | null = null
  private readonly inFlight: Frame[] = []
  private queue: Frame[] = []
  /** Refused for now, older than all others; nothing else is sent before they are again. */
  private refused: Frame[] = []
  private batch: string[] = []
  private credits = CREDITS_FIRST
  private reconnects = 0
  private waiters: (() => void)[] = []
  private failure: LimnError | null = null
  private closed = false

  constructor(options: StreamClientOptions) {
    this.options = options
  }

  /** Takes a message; waits while the server has no room. */
  async send(message: object): Promise<void> {
    this.sent++
    this.batch.push(JSON.stringify(message))
    if (this.batch.length < this.options.eventsPerFrame) return
    this.endFrame()
    while (this.queue.length > this.credits && this.failure === null) await this.change()
    if (this.failure !== null) throw this.failure
  }

  /** Resolves when everything sent is acknowledged. */
  async drain(): Promise<void> {
    this.endFrame()
    while (this.unfinished > 0 && this.failure === null) await this.change()
    if (this.failure !== null) throw this.failure
  }

  close(): void {
    this.closed = true
    this.socket?.close()
  }

  private get unfinished(): number {
    return this.queue.length + this.inFlight.length + this.refused.length
  }

  private endFrame(): void {
    if (this.batch.length === 0) return
    const history = this.options.history ? ',"import":true' : ''
    const text = `{"batch":[${this.batch.join(',')}]${history}}`
    this.queue.push({ text, events: this.batch.length, sentAt: 0 })
    this.batch = []
    this.pump()
  }

  private pump(): void {
    if (this.closed || this.failure !== null || this.refused.length > 0) return
    if (this.socket === null) return this.connect()
    if (this.socket.readyState !== WebSocket.OPEN) return
    while (this.queue.length > 0 && this.inFlight.length < this.credits) {
      const frame = this.queue.shift()
      if (frame === undefined) return
      frame.sentAt = performance.now()
      this.inFlight.push(frame)
      this.socket.send(frame.text)
    }
  }

  private connect(): void {
    const { address, writeKey } = this.options
    const url = `${address.replace(/^http/, 'ws')}/v1/stream?writeKey=${encodeURIComponent(writeKey)}`
    const socket = new WebSocket(url, { perMessageDeflate: false })
    this.socket = socket
    socket.on('open', () => this.pump())
    socket.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0
      if (status === 401 || status === 403 || status === 404) {
        const message = `${address} gives no stream: HTTP status ${status}`
        this.failure = new LimnError('ERR_CLIENT_REFUSED', message)
      }
      socket.terminate()
    })
    socket.on('message', (data) => this.take(JSON.parse(String(data)) as Reply))
    socket.on('error', () => undefined)
    socket.on('close', () => this.lost())
  }

  private take(reply: Reply): void {
    const frame = this.inFlight.shift()
    if (frame === undefined) return
    if (reply.credits !== undefined) this.credits = Math.max(1, reply.credits)
    if (reply.error?.retryable === true) this.refused.push(frame)
    else this.account(reply, frame)
    if (this.refused.length === 0) this.pump()
    else if (this.inFlight.length === 0) setTimeout(() => this.retry(), RETRY_MS)
    this.wake()
  }

  private account(reply: Reply, frame: Frame): void {
    this.reconnects = 0
    if (reply.error !== undefined)
      this.failure = new LimnError(reply.error.code, reply.error.message)
    this.latency.recordValue(Math.max(1, Math.round((performance.now() - frame.sentAt) * 1000)))
    this.acknowledged += reply.accepted ?? 0
    this.rejected += reply.rejected?.length ?? 0
    if (reply.position !== undefined && reply.position !== '') this.position = reply.position
  }

  private retry(): void {
    this.queue = [...this.refused.splice(0), ...this.queue]
    this.pump()
  }

  private lost(): void {
    this.socket = null
    this.queue = [...this.refused.splice(0), ...this.inFlight.splice(0), ...this.queue]
    if (this.closed || this.failure !== null) return this.wake()
    if (++this.reconnects > RECONNECTS_MAX) {
      const message = `${this.options.address} cannot be reached; tried ${RECONNECTS_MAX} times`
      this.failure = new LimnError('ERR_CLIENT_CONNECTION', message)
      return this.wake()
    }
    setTimeout(() => this.pump(), RETRY_MS * 2 ** this.reconnects)
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve))
  }

  private wake(): void {
    const waiters = this.waiters
    this.waiters = []
    for (const waiter of waiters) waiter()
  }
}
