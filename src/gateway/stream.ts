/** Events over a WebSocket (`/v1/stream`): frames in, acknowledgements in the order of the frames. */
import { toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue, IngestReply } from '../protocol/shards.ts'
import { DRAINING, OVERLOADED } from './admission.ts'
import type { GatewayContext } from './context.ts'
import type { OwnedBytes, ServerSocket, SocketListener } from './transport.ts'

/** A client that ignores its credits this many times over is cut off. */
const EXCESS_FACTOR = 4
const BINARY_UNSUPPORTED: ErrorValue = {
  code: 'ERR_STREAM_BINARY',
  message: 'Binary frames are not supported; send a text frame with a message or {"batch":[…]}',
}

/** A frame without its reply sent. */
interface PendingFrame {
  /** JSON text, null while the shards work on it. */
  reply: string | null
}

export interface StreamOptions {
  readonly predict: readonly string[]
  readonly userAgent: string
  readonly registry: StreamRegistry
}

/** The open streams of a gateway; drains wait on it. */
export class StreamRegistry {
  readonly #streams = new Set<Stream>()

  add(stream: Stream): void {
    this.#streams.add(stream)
  }

  delete(stream: Stream): void {
    this.#streams.delete(stream)
  }

  /** True when no frame on any open stream waits for its reply. */
  get idle(): boolean {
    for (const stream of this.#streams) if (stream.pending > 0) return false
    return true
  }
}

/**
 * One connection. Invariant: replies leave in the order of frames, each after its events are
 * durable; at most `creditsMax` frames are with the shards, and at most `EXCESS_FACTOR` times as
 * many wait for their reply, refused ones included.
 */
export class Stream implements SocketListener {
  readonly #context: GatewayContext
  readonly #options: StreamOptions
  readonly #lane: number
  readonly #frames: PendingFrame[] = []
  #socket: ServerSocket | null = null
  #working = 0
  #flushQueued = false

  constructor(context: GatewayContext, options: StreamOptions) {
    this.#context = context
    this.#options = options
    this.#lane = context.admission.nextLane()
  }

  get pending(): number {
    return this.#frames.length
  }

  opened(socket: ServerSocket): void {
    this.#socket = socket
    this.#options.registry.add(this)
    this.#context.metrics.webSockets.inc({ route: '/v1/stream' })
  }

  closed(): void {
    this.#socket = null
    this.#frames.length = 0
    this.#options.registry.delete(this)
    this.#context.metrics.webSockets.dec({ route: '/v1/stream' })
  }

  message(body: OwnedBytes, binary: boolean): void {
    const { admission, config, draining } = this.#context
    if (this.#socket === null || !this.#socket.open) return
    if (this.#frames.length >= config.creditsMax * EXCESS_FACTOR) {
      this.#socket.close(1013, 'too many frames without credits')
      return
    }
    if (binary) this.#refuse(BINARY_UNSUPPORTED)
    else if (draining) this.#refuse(DRAINING)
    else if (this.#working >= config.creditsMax) this.#refuse(OVERLOADED)
    else if (admission.enter(body.byteLength)) this.#submit(body)
    else this.#refuse(OVERLOADED)
  }

  #submit(body: OwnedBytes): void {
    const { admission, shards, clock, log } = this.#context
    const bytes = body.byteLength
    const { predict, userAgent } = this.#options
    const frame: PendingFrame = { reply: null }
    this.#frames.push(frame)
    this.#working += 1
    const finish = (text: () => string): void => {
      admission.leave(bytes)
      this.#working -= 1
      frame.reply = text()
      this.#queueFlush()
    }
    shards
      .ingest({
        route: 'stream',
        body,
        receivedAt: clock.now(),
        predict,
        userAgent,
        lane: this.#lane,
      })
      .then(
        (reply) => finish(() => this.#replyText(reply)),
        (error: unknown) => {
          log.error({ err: error }, 'stream ingest failed')
          finish(() => this.#errorText(null, toErrorValue(error)))
        },
      )
  }

  #refuse(error: ErrorValue): void {
    this.#frames.push({ reply: this.#errorText(null, error) })
    this.#queueFlush()
  }

  /** Replies that become ready in one turn of the event loop leave in one write. */
  #queueFlush(): void {
    if (this.#flushQueued) return
    this.#flushQueued = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#flushQueued = false
    const texts: string[] = []
    for (const { reply } of this.#frames) {
      if (reply === null) break
      texts.push(reply)
    }
    if (texts.length === 0) return
    this.#frames.splice(0, texts.length)
    this.#socket?.send(texts)
  }

  #replyText(reply: IngestReply): string {
    if (reply.error !== null) return this.#errorText(reply.sequence, reply.error)
    const rejected = reply.rejected.length === 0 ? '[]' : JSON.stringify(reply.rejected)
    const predictions =
      reply.predictions === null ? '' : `,"predictions":${JSON.stringify(reply.predictions)}`
    return (
      `{"ack":${reply.sequence},"position":"${reply.position}","accepted":${reply.accepted},` +
      `"rejected":${rejected},"credits":${this.#credits()}${predictions}}`
    )
  }

  #errorText(ack: number | null, { code, message, retryable = false }: ErrorValue): string {
    const error = JSON.stringify({ code, message, retryable })
    return `{"ack":${ack},"accepted":0,"rejected":[],"credits":${this.#credits()},"error":${error}}`
  }

  #credits(): number {
    return this.#context.admission.credits(this.#context.config.creditsMax)
  }
}
