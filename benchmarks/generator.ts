import WebSocket from 'ws'
import { build } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'

export interface LoadOptions {
  readonly address: string
  readonly writeKey: string
  /** Events in a frame; 1 sends a bare message. */
  readonly eventsPerFrame: number
  readonly connections: number
  /** Frames unacknowledged on each connection (closed loop), or the cap in an open loop. */
  readonly framesInFlight: number
  readonly profiles: number
  /** Number of events, or until `seconds` have passed. */
  readonly events?: number
  readonly seconds?: number
  /** Open loop: events a second, all connections together. Latency is from the intended time. */
  readonly rate?: number
  /** First message number, so that ids of several runs differ. */
  readonly firstMessage?: number
  /** Sends each profile exactly once instead of a random one. */
  readonly sweep?: boolean
}

export interface LoadResult {
  readonly events: number
  readonly seconds: number
  readonly eventsPerSecond: number
  readonly rejected: number
  readonly latencyMs: { p50: number; p99: number; p999: number; max: number }
  /** How late the generator itself was (open loop), p99 in ms; a run above 1 ms is void. */
  readonly generatorLagP99Ms: number
}

const EVENTS = [
  'Product Viewed',
  'Product Viewed',
  'Product Added',
  'Products Searched',
  'Order Completed',
]
const CATEGORIES = ['shoes', 'jackets', 'shirts', 'bags', 'hats', 'toys', 'books', 'garden']

/** Segment messages of about 250 bytes in batch frames over WebSocket. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const state = new Load(options)
  return state.run()
}

class Load {
  private readonly options: LoadOptions
  private readonly latency: Histogram = build({ highestTrackableValue: 120_000_000 })
  private readonly lag: Histogram = build({ highestTrackableValue: 120_000_000 })
  private message: number
  private readonly first: number
  private sent = 0
  private acknowledged = 0
  private rejected = 0
  private seed = 0x9e3779b9
  private timestamp = new Date().toISOString()

  constructor(options: LoadOptions) {
    this.options = options
    this.first = options.firstMessage ?? 0
    this.message = this.first
  }

  async run(): Promise<LoadResult> {
    const { connections, address, writeKey } = this.options
    const url = `${address.replace('http', 'ws')}/v1/stream?writeKey=${writeKey}`
    const sockets = await Promise.all(Array.from({ length: connections }, () => open(url)))
    const clock = setInterval(() => (this.timestamp = new Date().toISOString()), 100)
    const started = performance.now()
    await Promise.all(sockets.map((socket, i) => this.drive(socket, started, i)))
    const seconds = (performance.now() - started) / 1000
    clearInterval(clock)
    for (const socket of sockets) socket.close()
    const at = (h: Histogram, p: number): number => h.getValueAtPercentile(p) / 1000
    const { latency } = this
    return {
      events: this.acknowledged,
      seconds,
      eventsPerSecond: this.acknowledged / seconds,
      rejected: this.rejected,
      latencyMs: {
        p50: at(latency, 50),
        p99: at(latency, 99),
        p999: at(latency, 99.9),
        max: latency.maxValue / 1000,
      },
      generatorLagP99Ms: this.options.rate === undefined ? 0 : at(this.lag, 99),
    }
  }

  private drive(socket: WebSocket, started: number, index: number): Promise<void> {
    const { rate, connections, eventsPerFrame, framesInFlight } = this.options
    const interval = rate === undefined ? 0 : (1000 * eventsPerFrame * connections) / rate
    let due = started + (interval * index) / connections
    const intended: number[] = []
    return new Promise((resolve, reject) => {
      const pump = (): void => {
        while (intended.length < framesInFlight && !this.finished(started)) {
          const now = performance.now()
          if (rate !== undefined) {
            if (now < due) return void setTimeout(pump, Math.min(1, due - now))
            this.lag.recordValue(Math.max(1, (now - due) * 1000))
          }
          intended.push(rate === undefined ? now : due)
          due += interval
          socket.send(this.frame())
        }
        if (intended.length === 0 && this.finished(started)) resolve()
      }
      socket.on('message', (data: Buffer) => {
        const at = intended.shift() ?? performance.now()
        this.latency.recordValue(Math.max(1, (performance.now() - at) * 1000))
        const reply = JSON.parse(data.toString()) as {
          accepted: number
          rejected: unknown[]
          error?: { message: string }
        }
        if (reply.error !== undefined) return reject(new Error(reply.error.message))
        this.acknowledged += reply.accepted
        this.rejected += reply.rejected.length
        pump()
      })
      socket.on('error', reject)
      socket.on('close', () =>
        intended.length > 0 ? reject(new Error('connection closed')) : resolve(),
      )
      pump()
    })
  }

  private finished(started: number): boolean {
    const { events, seconds } = this.options
    if (events !== undefined && this.sent >= events) return true
    return seconds !== undefined && performance.now() - started > seconds * 1000
  }

  private frame(): string {
    const count = this.options.eventsPerFrame
    this.sent += count
    if (count === 1) return this.event()
    let text = '{"batch":['
    for (let i = 0; i < count; i++) text += i === 0 ? this.event() : `,${this.event()}`
    return `${text}],"seq":${this.sent}}`
  }

  private event(): string {
    const n = this.message++
    const random = this.next()
    const user =
      this.options.sweep === true
        ? (n - this.first) % this.options.profiles
        : random % this.options.profiles
    const product = (random >>> 8) % 5000
    return `{"type":"track","userId":"u${user}","messageId":"bench-${n}","event":"${EVENTS[n % 5]}","timestamp":"${this.timestamp}","properties":{"product_id":"p${product}","category":"${CATEGORIES[product & 7]}","brand":"b${product % 40}","price":${(product % 200) + 0.99},"quantity":1,"revenue":${(product % 200) + 0.99},"currency":"EUR"}}`
  }

  /** xorshift32 (Marsaglia 2003). */
  private next(): number {
    let x = this.seed
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.seed = x
    return x >>> 0
  }
}

function open(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })
}
