import type { PeerMessage, PeerPort } from '../../src/protocol/shard-messages.ts'
import type { Life } from './life.ts'
import type { Scheduler } from './scheduler.ts'

/** Instants at which what is posted one way arrives: some time later, and in order. */
export class Way {
  private lastMs = 0
  private readonly scheduler: Scheduler
  private readonly delayMs: () => number

  constructor(scheduler: Scheduler, delayMs: () => number) {
    this.scheduler = scheduler
    this.delayMs = delayMs
  }

  /** Delivers after a delay unless the sender's death has lost it. */
  carry(from: Life, label: string, deliver: () => void): void {
    const at = Math.max(this.lastMs, this.scheduler.nowMs + this.delayMs())
    this.lastMs = at
    this.scheduler.at(at, label, () => {
      if (at <= from.lostAfterMs) deliver()
    })
  }
}

/** What is told of messages between shards. */
export interface PeerObserver {
  posted(from: number, to: number, message: PeerMessage): void
}

/** One end of a way between two shards. It belongs to the thread that it was sent to. */
export class SimulatedPort implements PeerPort {
  owner: Life | null = null
  shard = -1
  private readonly way: Way
  private readonly observer: PeerObserver
  private other: SimulatedPort | null = null
  private listener: ((message: PeerMessage) => void) | null = null
  private early: PeerMessage[] = []
  private closed = false

  constructor(way: Way, observer: PeerObserver) {
    this.way = way
    this.observer = observer
  }

  static pair(
    ways: () => Way,
    observer: PeerObserver,
  ): { port1: SimulatedPort; port2: SimulatedPort } {
    const port1 = new SimulatedPort(ways(), observer)
    const port2 = new SimulatedPort(ways(), observer)
    port1.other = port2
    port2.other = port1
    return { port1, port2 }
  }

  postMessage(message: PeerMessage, transfer: readonly ArrayBuffer[] = []): void {
    const { owner, other } = this
    if (owner === null || other === null || !owner.called('port') || this.closed) return
    const copy = cloned(message, transfer)
    this.observer.posted(this.shard, other.shard, message)
    const label = `${this.shard}>${other.shard} ${message.type} ${message.id}`
    this.way.carry(owner, label, () => other.arrive(copy))
  }

  on(_event: 'message', listener: (message: PeerMessage) => void): void {
    if (this.owner?.called('port') !== true) return
    this.listener = listener
    const { early } = this
    this.early = []
    // A port that was just started gives what has waited in a turn of its own, as MessagePort does.
    if (early.length > 0) queueMicrotask(() => early.forEach((message) => this.arrive(message)))
  }

  close(): void {
    this.owner?.called('port')
    this.closed = true
  }

  private arrive(message: PeerMessage): void {
    if (this.closed) return
    if (this.listener === null) this.early.push(message)
    else if (this.owner?.alive === true) this.listener(message)
  }
}

/** Bytes that are not handed over are copied, as they are between threads. */
function cloned(message: PeerMessage, transfer: readonly ArrayBuffer[]): PeerMessage {
  if (message.type === 'applied') {
    const { result } = message
    return { ...message, result: { ...result, outcomes: result.outcomes.slice() } }
  }
  const copy = { ...message } as Record<string, unknown>
  for (const [name, value] of Object.entries(copy)) {
    if (value instanceof Uint8Array && !transfer.includes(value.buffer as ArrayBuffer)) {
      copy[name] = value.slice()
    }
  }
  return copy as unknown as PeerMessage
}
