import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Xorshift, userId } from './frames.ts'
import { Latency } from './latency.ts'
import type { Percentiles } from './latency.ts'
import { startMetronome } from './metronome.ts'

export interface LookupOptions {
  readonly address: string
  readonly readToken: string
  readonly profiles: number
  /** What follows `/v1/profiles/{id}`. */
  readonly suffix: string
  readonly connections: number
  /** Requests a second of all connections, open loop. */
  readonly rate: number
  readonly seconds: number
}

export interface LookupResult {
  readonly answers: number
  readonly perSecond: number
  /** Answers with a status other than 200. */
  readonly failed: number
  /** From the intended send time to the whole answer, ms. */
  readonly latencyMs: Percentiles
  /** How late the generator was of its own, ms; a run with p99 above 1 is void. */
  readonly lagP99Ms: number
}

/** Look-ups of random profiles at a fixed pace; resolves when all are answered. */
export async function runLookups(options: LookupOptions): Promise<LookupResult> {
  return new LookupLoad(options).run()
}

/**
 * An open loop over keep-alive connections with one request each at a time. A request that finds
 * every connection waiting is sent late, and its latency counts from when it was to be sent.
 * (autocannon's correction would assume 1 ms between two requests of a connection, whatever the rate.)
 */
class LookupLoad {
  private readonly options: LookupOptions
  private readonly random = new Xorshift(7)
  private readonly latency = new Latency()
  private readonly lag = new Latency()
  /** The one that waited longest is next: uWebSockets.js closes a connection idle for 10 s. */
  private readonly free: Connection[] = []
  private readonly total: number
  private started = 0
  /** When a connection was free again after all were waiting. */
  private roomAt = 0
  private sent = 0
  private answers = 0
  private failed = 0
  private finish: () => void = () => undefined

  constructor(options: LookupOptions) {
    this.options = options
    this.total = Math.round(options.rate * options.seconds)
  }

  async run(): Promise<LookupResult> {
    const { connections, rate } = this.options
    const finished = new Promise<void>((resolve) => (this.finish = resolve))
    const failed = new Promise<never>((_, reject) => {
      for (let i = 0; i < connections; i++) this.free.push(this.connect(reject))
    })
    const all = [...this.free]
    const stop = await startMetronome(1000 / rate, () => this.pump())
    this.started = performance.now()
    await Promise.race([finished, failed])
    stop()
    for (const connection of all) connection.close()
    return {
      answers: this.answers,
      perSecond: (this.answers * 1000) / (performance.now() - this.started),
      failed: this.failed,
      latencyMs: this.latency.percentiles(),
      lagP99Ms: this.lag.percentiles().p99,
    }
  }

  private connect(failed: (reason: Error) => void): Connection {
    const connection: Connection = new Connection(this.options.address, {
      answered: (status) => this.take(connection, status),
      failed,
    })
    return connection
  }

  private pump(): void {
    for (let [connection] = this.free; connection !== undefined;) {
      const now = performance.now()
      const due = this.started + (this.sent * 1000) / this.options.rate
      if (due > now || this.sent === this.total) return
      this.lag.record(now - Math.max(due, this.roomAt))
      this.sent += 1
      this.free.shift()
      connection.send(this.request(), due)
      ;[connection] = this.free
    }
  }

  private request(): string {
    const { profiles, suffix, readToken } = this.options
    const user = userId(this.random.next() % profiles)
    return `GET /v1/profiles/${user}${suffix} HTTP/1.1\r\nHost: limn\r\nAuthorization: Bearer ${readToken}\r\n\r\n`
  }

  private take(connection: Connection, status: number): void {
    const now = performance.now()
    this.latency.record(now - connection.due)
    this.answers += 1
    if (status !== 200) this.failed += 1
    if (this.free.length === 0) this.roomAt = now
    this.free.push(connection)
    if (this.answers === this.total) this.finish()
    else this.pump()
  }
}

const HEAD_END = Buffer.from('\r\n\r\n')
/** `HTTP/1.1 ` */
const STATUS_AT = 9

interface AnswerListener {
  answered(status: number): void
  failed(reason: Error): void
}

/** A keep-alive HTTP connection with at most one request at a time. */
class Connection {
  /** When the request on its way was to be sent. */
  due = 0
  private readonly socket: Socket
  private readonly listener: AnswerListener
  private rest: Buffer | null = null

  constructor(address: string, listener: AnswerListener) {
    const { hostname, port } = new URL(address)
    this.listener = listener
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.socket.on('data', (chunk: Buffer) => this.take(chunk))
    this.socket.on('error', (error) => listener.failed(error))
    this.socket.on('close', () => listener.failed(new Error('the server closed a connection')))
  }

  send(request: string, due: number): void {
    this.due = due
    this.socket.write(request, 'latin1')
  }

  close(): void {
    this.socket.removeAllListeners('close')
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    const bytes = this.rest === null ? chunk : Buffer.concat([this.rest, chunk])
    this.rest = bytes
    const headEnd = bytes.indexOf(HEAD_END)
    if (headEnd < 0) return
    const head = bytes.toString('latin1', 0, headEnd)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)
    if (length === null) return this.listener.failed(new Error(`no length in ${head}`))
    if (bytes.length < headEnd + HEAD_END.length + Number(length[1])) return
    this.rest = null
    this.listener.answered(Number(head.slice(STATUS_AT, STATUS_AT + 3)))
  }
}
