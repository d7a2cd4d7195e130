import { EventStamps, FrameRing } from './frames.ts'
import { Latency } from './latency.ts'
import type { Percentiles } from './latency.ts'
import { startMetronome } from './metronome.ts'
import { StreamSocket } from './stream-socket.ts'
import type { StreamListener } from './stream-socket.ts'

export interface IngestOptions {
  readonly address: string
  readonly writeKey: string
  /** Part of every message id: runs against one server need different ones. */
  readonly run: number
  readonly profiles: number
  /** Events in a frame; 1 sends bare messages. */
  readonly eventsPerFrame: number
  readonly connections: number
  /** Unacknowledged frames on each connection, at most. */
  readonly framesInFlight: number
  /** The profiles in turn instead of a random one for each event. */
  readonly sweep?: boolean
  /** How long: so many events (rounded up to frames), or so many seconds. */
  readonly events?: number
  readonly seconds?: number
  /** Open loop: events a second of all connections; without it a frame follows its predecessor's reply. */
  readonly rate?: number
}

export interface IngestResult {
  /** Accepted and acknowledged as durable. */
  readonly events: number
  readonly seconds: number
  readonly eventsPerSecond: number
  readonly rejected: number
  /** Frames that the server had no room for. */
  readonly refusedFrames: number
  /** From the intended send time (open loop) or the send time to the acknowledgement, ms. */
  readonly latencyMs: Percentiles
  /** How late the generator was of its own (open loop), ms; a run with p99 above 1 is void. */
  readonly lagP99Ms: number
}

/** Everything that the connections of one run share. */
interface Run {
  readonly options: IngestOptions
  readonly stamps: EventStamps
  readonly latency: Latency
  readonly lag: Latency
  started: number
  framesLeft: number
  accepted: number
  rejected: number
  refusedFrames: number
}

/** Segment messages over WebSockets until the end of the run; resolves when all is acknowledged. */
export async function runIngest(options: IngestOptions): Promise<IngestResult> {
  const { events = Number.POSITIVE_INFINITY, sweep = false, profiles, run: seed } = options
  const run: Run = {
    options,
    stamps: new EventStamps({ profiles, sweep, seed }),
    latency: new Latency(),
    lag: new Latency(),
    started: performance.now(),
    framesLeft: Math.ceil(events / options.eventsPerFrame),
    accepted: 0,
    rejected: 0,
    refusedFrames: 0,
  }
  const lanes = Array.from({ length: options.connections }, (_, index) => new Lane(run, index))
  await Promise.all(lanes.map((lane) => lane.connect()))
  const beat = (): void => lanes.forEach((lane) => lane.pump())
  const stop = options.rate === undefined ? null : await startMetronome(interval(options), beat)
  run.started = performance.now()
  beat()
  await Promise.all(lanes.map((lane) => lane.finished))
  const seconds = (performance.now() - run.started) / 1000
  stop?.()
  return {
    events: run.accepted,
    seconds,
    eventsPerSecond: run.accepted / seconds,
    rejected: run.rejected,
    refusedFrames: run.refusedFrames,
    latencyMs: run.latency.percentiles(),
    lagP99Ms: options.rate === undefined ? 0 : run.lag.percentiles().p99,
  }
}

/** ms between two frames of an open loop. */
function interval({ rate = 0, eventsPerFrame }: IngestOptions): number {
  return (1000 * eventsPerFrame) / rate
}

/**
 * One connection. Its frames go round a ring: those from `acknowledged` to `sent` are on their way,
 * in order, which is the order of their replies.
 */
class Lane implements StreamListener {
  readonly finished: Promise<void>
  private readonly run: Run
  private readonly index: number
  private readonly ring: FrameRing
  /** When each frame on its way was to be sent. */
  private readonly intended: Float64Array
  private socket: StreamSocket | null = null
  private sent = 0
  private acknowledged = 0
  /** When the ring had room again; the generator cannot be late before. */
  private roomAt = 0
  private ended = false
  private resolve: () => void = () => undefined
  private reject: (reason: Error) => void = () => undefined

  constructor(run: Run, index: number) {
    const { eventsPerFrame, framesInFlight: frames, run: number } = run.options
    this.run = run
    this.index = index
    this.ring = new FrameRing({ frames, eventsPerFrame, run: number, seed: index })
    this.intended = new Float64Array(frames)
    this.finished = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  async connect(): Promise<void> {
    const { address, writeKey } = this.run.options
    this.socket = await StreamSocket.open(address, writeKey, this)
  }

  /** Sends what is due and fits the ring. */
  pump(): void {
    const { frames } = this.ring
    const first = this.sent
    while (this.sent - this.acknowledged < frames) {
      const now = performance.now()
      const due = this.nextDue(now)
      this.ended ||= this.isOver(due)
      if (this.ended || due > now) break
      this.run.lag.record(now - Math.max(due, this.roomAt))
      this.run.framesLeft -= 1
      this.intended[this.sent % frames] = due
      this.ring.stamp(this.sent % frames, this.run.stamps)
      this.sent += 1
    }
    this.write(first, this.sent)
    if (this.ended && this.sent === this.acknowledged) this.end()
  }

  reply(text: Buffer): void {
    const now = performance.now()
    this.run.latency.record(now - this.intended[this.acknowledged % this.ring.frames])
    if (this.sent - this.acknowledged === this.ring.frames) this.roomAt = now
    this.acknowledged += 1
    account(this.run, text)
  }

  repliesDone(): void {
    this.pump()
  }

  closed(reason: Error): void {
    this.reject(reason)
  }

  private nextDue(now: number): number {
    const { rate, connections } = this.run.options
    if (rate === undefined) return now
    const frame = this.sent * connections + this.index
    return this.run.started + frame * interval(this.run.options)
  }

  private isOver(due: number): boolean {
    const { seconds = Number.POSITIVE_INFINITY } = this.run.options
    return this.run.framesLeft <= 0 || due > this.run.started + seconds * 1000
  }

  /** Frames that are neighbours in the ring leave in one write. */
  private write(from: number, to: number): void {
    const { frames } = this.ring
    for (let frame = from; frame < to;) {
      const slot = frame % frames
      const count = Math.min(to - frame, frames - slot)
      this.socket?.write(this.ring.encoded(slot, count))
      frame += count
    }
  }

  private end(): void {
    this.socket?.close()
    this.resolve()
  }
}

const ACCEPTED = Buffer.from('"accepted":')
const NONE_REJECTED = Buffer.from('"rejected":[]')
const ERROR = Buffer.from('"error":')

/** Counts what a reply says; only one with rejects or an error is parsed. */
function account(run: Run, text: Buffer): void {
  if (text.includes(NONE_REJECTED) && !text.includes(ERROR)) {
    run.accepted += numberAt(text, text.indexOf(ACCEPTED) + ACCEPTED.length)
    return
  }
  const reply = JSON.parse(text.toString()) as {
    accepted: number
    rejected: unknown[]
    error?: { message: string; retryable: boolean }
  }
  run.accepted += reply.accepted
  run.rejected += reply.rejected.length
  if (reply.error === undefined) return
  if (!reply.error.retryable) throw new Error(reply.error.message)
  run.refusedFrames += 1
}

function numberAt(text: Buffer, start: number): number {
  let value = 0
  for (let i = start; text[i] >= 48 && text[i] <= 57; i++) value = value * 10 + text[i] - 48
  return value
}
