import type { MessagePort } from 'node:worker_threads'
import { SHARD_UNAVAILABLE } from './messages.ts'
import type { BatchResult, PeerMessage } from './messages.ts'

/**
 * The ports to the other shards. Owns what was posted and not yet answered; when a peer is down these
 * are answered as unavailable, for the caller cannot know whether they were applied (the message id
 * makes a repeat harmless). Messages to a peer that is not connected yet wait for it.
 */
export class Peers {
  private readonly ports = new Map<number, MessagePort>()
  private readonly early = new Map<number, PeerMessage[]>()
  private readonly waiting = new Map<
    number,
    { shard: number; count: number; done: (r: BatchResult) => void }
  >()
  private readonly receive: (from: number, message: PeerMessage) => void
  private nextId = 1

  constructor(receive: (from: number, message: PeerMessage) => void) {
    this.receive = receive
  }

  get size(): number {
    return this.ports.size
  }

  connect(shard: number, port: MessagePort): void {
    this.ports.get(shard)?.close()
    this.ports.set(shard, port)
    port.on('message', (message: PeerMessage) => this.receive(shard, message))
    for (const message of this.early.get(shard) ?? []) send(port, message)
    this.early.delete(shard)
  }

  post(shard: number, message: PeerMessage, done: (result: BatchResult) => void): void {
    const id = this.nextId++
    const count = message.type === 'records' ? message.count : 1
    this.waiting.set(id, { shard, count, done })
    this.sendOrKeep(shard, { ...message, id })
  }

  /** Answers a peer's message. */
  answer(shard: number, id: number, result: BatchResult): void {
    this.sendOrKeep(shard, { type: 'applied', id, result })
  }

  settle(_from: number, message: Extract<PeerMessage, { type: 'applied' }>): void {
    const waiting = this.waiting.get(message.id)
    if (waiting === undefined) return
    this.waiting.delete(message.id)
    waiting.done(message.result)
  }

  down(shard: number): void {
    this.ports.get(shard)?.close()
    this.ports.delete(shard)
    for (const [id, waiting] of this.waiting) {
      if (waiting.shard !== shard) continue
      this.waiting.delete(id)
      waiting.done(unavailable(waiting.count))
    }
  }

  /** Resolves when nothing posted waits for an answer. */
  async idle(): Promise<void> {
    for (let i = 0; this.waiting.size > 0 && i < IDLE_POLLS_MAX; i++) {
      await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS))
    }
  }

  private sendOrKeep(shard: number, message: PeerMessage): void {
    const port = this.ports.get(shard)
    if (port !== undefined) return send(port, message)
    const early = this.early.get(shard) ?? []
    early.push(message)
    this.early.set(shard, early)
  }
}

const IDLE_POLL_MS = 5
const IDLE_POLLS_MAX = 1000

function send(port: MessagePort, message: PeerMessage): void {
  if (message.type !== 'records') return port.postMessage(message)
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
