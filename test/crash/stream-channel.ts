import WebSocket from 'ws'
import { outcomesOf, sameOutcomes } from './channel.ts'
import type { Channel, Outcome, RejectedItem, Sending } from './channel.ts'
import { KEYS } from './server-process.ts'
import type { Connection } from './server-process.ts'

/** Fewer than the server's default of credits. */
const FRAMES_MAX = 8
const FRAME_MESSAGES_MAX = 25

interface Waiting {
  readonly sending: Sending
  readonly done: (outcomes: readonly Outcome[]) => void
}

interface Frame {
  readonly sequence: number
  readonly parts: readonly Waiting[]
  readonly count: number
  readonly timer: NodeJS.Timeout
}

interface Reply {
  readonly ack: number | null
  readonly rejected: readonly RejectedItem[]
  readonly error?: { readonly code: string; readonly retryable?: boolean }
}

/**
 * `/v1/stream`: what many shoppers send at the same time goes in one frame, as a collector does it. An
 * acknowledgement out of turn counts as none.
 */
export class StreamChannel implements Channel {
  readonly #timeoutMs: number
  #socket: WebSocket | null = null
  #start = 0
  #queue: Waiting[] = []
  readonly #frames: Frame[] = []
  #sequence = 0

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  send(connection: Connection, sending: Sending): Promise<readonly Outcome[]> {
    return new Promise((done) => {
      if (this.#start !== connection.start) this.#open(connection)
      this.#queue.push({ sending, done })
      this.#pump()
    })
  }

  close(): void {
    this.#socket?.terminate()
  }

  #open({ address, start }: Connection): void {
    this.#lose(false)
    this.#start = start
    const url = `${address.replace('http', 'ws')}/v1/stream?writeKey=${KEYS.write}`
    const socket = new WebSocket(url, { perMessageDeflate: false })
    this.#socket = socket
    socket.on('open', () => this.#pump())
    socket.on('message', (data) => this.#take(JSON.parse(String(data)) as Reply))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (this.#socket === socket) this.#lose(false)
    })
  }

  #pump(): void {
    const socket = this.#socket
    if (socket === null || socket.readyState !== WebSocket.OPEN) return
    while (this.#queue.length > 0 && this.#frames.length < FRAMES_MAX) {
      const parts = this.#nextParts()
      const messages = parts.flatMap(({ sending }) => sending.messages)
      const sequence = ++this.#sequence
      const timer = setTimeout(() => this.#lose(true), this.#timeoutMs)
      this.#frames.push({ sequence, parts, count: messages.length, timer })
      const history = parts[0].sending.history ? ',"import":true' : ''
      socket.send(`{"batch":[${messages.join(',')}],"seq":${sequence}${history}}`)
    }
  }

  /** As many as fit in a frame; history goes apart. */
  #nextParts(): Waiting[] {
    const { history } = this.#queue[0].sending
    let messages = 0
    const other = this.#queue.findIndex(({ sending }, i) => {
      messages += sending.messages.length
      return sending.history !== history || (i > 0 && messages > FRAME_MESSAGES_MAX)
    })
    return this.#queue.splice(0, other < 0 ? this.#queue.length : other)
  }

  #take(reply: Reply): void {
    const frame = this.#frames[0]
    // A frame that is refused unread is answered in its turn too, without its number.
    const named = reply.ack ?? (reply.error === undefined ? null : frame?.sequence)
    if (frame === undefined || named !== frame.sequence) return this.#lose(true)
    this.#frames.shift()
    clearTimeout(frame.timer)
    const outcomes = outcomesOfFrame(frame.count, reply)
    let at = 0
    for (const { sending, done } of frame.parts) {
      done(outcomes.slice(at, at + sending.messages.length))
      at += sending.messages.length
    }
    this.#pump()
  }

  #lose(timedOut: boolean): void {
    const socket = this.#socket
    this.#socket = null
    this.#start = 0
    socket?.terminate()
    const frames = this.#frames.splice(0)
    for (const { timer } of frames) clearTimeout(timer)
    for (const { sending, done } of [
      ...frames.flatMap(({ parts }) => parts),
      ...this.#queue.splice(0),
    ])
      done(sameOutcomes(sending.messages.length, { kind: 'lost', timedOut }))
  }
}

function outcomesOfFrame(count: number, { error, rejected }: Reply): readonly Outcome[] {
  if (error === undefined) return outcomesOf(count, rejected)
  const kind = error.retryable === true ? 'busy' : 'refused'
  return sameOutcomes(count, { kind, code: error.code })
}
