import type { Clock } from '../runtime/clock.ts'
import { SHARD_UNAVAILABLE } from '../protocol/shard-messages.ts'
import type { BatchResult, PeerMessage, PeerPort } from '../protocol/shard-messages.ts'

/** Whom a message came from: a shard, and which of its lives. */
export interface Sender {
  readonly shard: number
  readonly life: number
}

/**
 * The ports to the other shards. Owns what was posted and not yet answered; when a peer is down these
 * are answered as unavailable, for the caller cannot know whether they were applied (the message id
 * makes a repeat harmless). Messages to a peer that is not connected yet wait for it; those to this
 * shard itself are received like a peer's.
 *
 * A peer that went down counts its messages anew, so what its former life asked is not answered to its
 * new one.
 */
export class Peers {
  private readonly ports = new Map<number, PeerPort>()
  private readonly early = new Map<number, PeerMessage[]>()
  private readonly waiting = new Map<
    number,
    { shard: number; count: number; records: boolean; done: (r: BatchResult) => void }
  >()
  /** How often each peer was connected or went down. */
  private readonly lives = new Map<number, number>()
  private readonly receive: (from: Sender, message: PeerMessage) => void
  private readonly own: number
  private readonly clock: Clock
  private nextId = 1

  constructor(own: number, clock: Clock, receive: (from: Sender, message: PeerMessage) => void) {
    this.own = own
    this.clock = clock
    this.receive = receive
  }

  get size(): number {
    return this.ports.size
  }

  connect(shard: number, port: PeerPort): void {
    // Where both were started again, ways cross: what is on the one that is given up may be lost.
    if (this.ports.has(shard)) this.down(shard)
    this.ports.set(shard, port)
    const from = { shard, life: this.lifeOf(shard) + 1 }
    this.lives.set(shard, from.life)
    port.on('message', (message: PeerMessage) => this.receive(from, message))
    for (const message of this.early.get(shard) ?? []) send(port, message)
    this.early.delete(shard)
  }

  post(shard: number, message: PeerMessage, done: (result: BatchResult) => void): void {
    const id = this.nextId++
    const records = message.type === 'records'
    const count = message.type === 'records' ? message.count : 1
    this.waiting.set(id, { shard, count, records, done })
    this.sendOrKeep(shard, { ...message, id })
  }

  /** Answers a peer's message. */
  answer(to: Sender, id: number, result: BatchResult): void {
    if (to.life === this.lifeOf(to.shard))
      this.sendOrKeep(to.shard, { type: 'applied', id, result })
  }

  settle(message: Extract<PeerMessage, { type: 'applied' }>): void {
    const waiting = this.waiting.get(message.id)
    if (waiting === undefined) return
    this.waiting.delete(message.id)
    waiting.done(message.result)
  }

  down(shard: number): void {
    this.ports.get(shard)?.close()
    this.ports.delete(shard)
    this.early.delete(shard)
    this.lives.set(shard, this.lifeOf(shard) + 1)
    for (const [id, waiting] of this.waiting) {
      if (waiting.shard !== shard) continue
      this.waiting.delete(id)
      waiting.done(unavailable(waiting.count))
    }
  }

  /**
   * Resolves when no passed-on record waits for an answer. Commands are not waited for: they are sent
   * again at the next start.
   */
  async idle(): Promise<void> {
    for (let i = 0; this.waitsForRecords() && i < IDLE_POLLS_MAX; i++) {
      await new Promise<void>((resolve) => this.clock.after(IDLE_POLL_MS, resolve))
    }
  }

  private lifeOf(shard: number): number {
    return this.lives.get(shard) ?? 0
  }

  private waitsForRecords(): boolean {
    for (const { records } of this.waiting.values()) if (records) return true
    return false
  }

  private sendOrKeep(shard: number, message: PeerMessage): void {
    if (shard === this.own) return this.receive({ shard, life: 0 }, message)
    const port = this.ports.get(shard)
    if (port !== undefined) return send(port, message)
    const early = this.early.get(shard) ?? []
    early.push(message)
    this.early.set(shard, early)
  }
}

const IDLE_POLL_MS = 5
const IDLE_POLLS_MAX = 1000

function send(port: PeerPort, message: PeerMessage): void {
  if (message.type !== 'records' && message.type !== 'import') return port.postMessage(message)
  port.postMessage(message, [message.bytes.buffer])
}

function unavailable(count: number): BatchResult {
  const outcomes = new Uint8Array(count).fill(2)
  const reason =
    'the shard that owns the profile went down: whether the event was stored is not known; send it again with the same messageId'
  const rejected = Array.from({ length: count }, (_, index) => {
    return { index, code: SHARD_UNAVAILABLE, reason }
  })
  return { outcomes, rejected, positions: [], predictions: null }
}
