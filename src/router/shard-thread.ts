import { LimnError, toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue, LiveMessage } from '../protocol/shards.ts'
import type { Clock } from '../runtime/clock.ts'
import { LookupChannel } from './lookup-channel.ts'
import type { WaitingLookup } from './lookup-channel.ts'
import type { FromShard, PeerPort, ToShard } from '../protocol/shard-messages.ts'

/** The thread of a shard, as `Worker` is one. */
export interface Thread {
  postMessage(messages: readonly ToShard[], transfer?: readonly object[]): void
  on(event: 'message', listener: (messages: FromShard[]) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  terminate(): Promise<unknown>
}

export type SpawnShard = (shard: number) => Thread

type Answered = Extract<FromShard, { id: number }>

interface Pending {
  readonly take: (message: Answered) => unknown
  readonly fail: (error: ErrorValue) => void
}

export interface WorkerEvents {
  readonly live: (message: LiveMessage) => void
  readonly state: (state: string, detail: string) => void
  readonly warning: (message: string) => void
  /** The thread ended without being asked to. Called once. */
  readonly gone: (error: ErrorValue) => void
}

/**
 * One shard's thread as the main thread sees it: messages out are collected and posted once per
 * event-loop turn, look-ups in a form of their own; answers find their way back by id. When the thread ends, all that wait are failed.
 */
export class ShardWorker {
  readonly live: Promise<void>
  isLive = false
  wasLive = false
  inflightBytes = 0
  /** When the newest block that was there at the start was written; null where there is none. */
  writtenAt: number | null = null
  private readonly thread: Thread
  private readonly clock: Clock
  private readonly events: WorkerEvents
  private readonly pending = new Map<number, Pending>()
  private readonly lookups: LookupChannel
  private outbox: ToShard[] = []
  private transfer: object[] = []
  private lastId = 0
  private failure: ErrorValue | null = null
  private ended = false
  private stopping = false
  private becameLive: () => void = () => undefined
  private neverLive: (error: LimnError) => void = () => undefined

  constructor(
    shard: number,
    { spawn, clock }: { spawn: SpawnShard; clock: Clock },
    events: WorkerEvents,
  ) {
    this.events = events
    this.clock = clock
    this.live = new Promise((resolve, reject) => {
      this.becameLive = resolve
      this.neverLive = reject
    })
    this.live.catch(() => undefined)
    this.thread = spawn(shard)
    this.lookups = new LookupChannel(clock, (message) => this.thread.postMessage([message]))
    this.thread.on('message', (messages: FromShard[]) => this.receive(messages))
    this.thread.on('error', (error) => this.end(toErrorValue(error)))
    this.thread.on('exit', (code) =>
      this.end({
        code: 'ERR_SHARD_EXIT',
        message: `the thread of shard ${shard} ended with ${code}`,
      }),
    )
  }

  nextId(): number {
    return ++this.lastId
  }

  expect(id: number, take: Pending['take'], fail: Pending['fail']): void {
    if (this.ended) return fail(unavailable)
    this.pending.set(id, { take, fail })
  }

  lookUp(lookup: WaitingLookup): void {
    if (this.ended) lookup.fail(unavailable)
    else this.lookups.add(lookup)
  }

  send(message: ToShard, transfer: readonly PeerPort[] = []): void {
    if (this.ended) return
    if (this.outbox.length === 0) this.clock.soon(() => this.flush())
    this.outbox.push(message)
    this.transfer.push(...transfer)
    if (message.type === 'ingest' && ownsBuffer(message.request.body)) {
      this.transfer.push(message.request.body.buffer)
    }
  }

  /** Sends a message and resolves with its answer. */
  request(message: (id: number) => ToShard): Promise<FromShard> {
    return new Promise((resolve, reject) => {
      const id = this.nextId()
      const fail = (error: ErrorValue): void => reject(fromValue(error))
      this.expect(id, resolve, fail)
      this.send(message(id))
    })
  }

  /** Sends a message that is answered with `done`. */
  async call(message: (id: number) => ToShard): Promise<void> {
    const answer = await this.request(message)
    if (answer.type === 'done' && answer.error !== null) throw fromValue(answer.error)
  }

  async stop(): Promise<void> {
    this.stopping = true
    if (!this.ended) {
      if (this.isLive) await this.call((id) => ({ type: 'stop', id }))
      this.isLive = false
    }
    await this.thread.terminate()
  }

  async terminate(): Promise<void> {
    await this.thread.terminate()
  }

  private flush(): void {
    const messages = this.outbox
    const transfer = this.transfer
    this.outbox = []
    this.transfer = []
    if (messages.length > 0) this.thread.postMessage(messages, transfer)
  }

  private receive(messages: readonly FromShard[]): void {
    for (const message of messages) {
      if (message.type === 'answers') this.lookups.settle(message)
      else if (message.type === 'live') this.events.live(message)
      else if (message.type === 'written') this.writtenAt = message.at
      else if (message.type === 'state') this.changeState(message.state, message.detail)
      else if (message.type === 'warning') this.events.warning(message.message)
      else if (message.type === 'failed') this.fail(message.error)
      else this.settle(message)
    }
  }

  private settle(message: Answered): void {
    const pending = this.pending.get(message.id)
    if (pending === undefined) return
    this.pending.delete(message.id)
    pending.take(message)
  }

  private changeState(state: string, detail: string): void {
    this.isLive = state === 'live'
    if (this.isLive) {
      this.wasLive = true
      this.becameLive()
    }
    this.events.state(state, detail)
  }

  private fail(error: ErrorValue): void {
    this.failure = error
    this.isLive = false
    this.thread.terminate().catch(() => undefined)
  }

  private end(reason: ErrorValue): void {
    if (this.ended) return
    this.ended = true
    this.isLive = false
    const error = this.failure ?? reason
    for (const pending of this.pending.values()) pending.fail(unavailable)
    this.pending.clear()
    this.lookups.fail(unavailable)
    this.neverLive(fromValue(error))
    if (!this.stopping) this.events.gone(error)
  }
}

const unavailable: ErrorValue = {
  code: 'ERR_SHARD_UNAVAILABLE',
  message:
    'the shard went down before it answered: whether events of the request were stored is not known; send it again, events with the same messageId',
  retryable: true,
}

function fromValue(error: ErrorValue): LimnError {
  return new LimnError(error.code, error.message, { retryable: error.retryable })
}

/** Node's small Buffers share a pool, which must not be transferred away. */
function ownsBuffer(body: Uint8Array): boolean {
  return body.byteOffset === 0 && body.byteLength === body.buffer.byteLength
}
