import type { MessagePort, Worker } from 'node:worker_threads'
import { LimnError, toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue, LiveMessage } from '../protocol/shards.ts'
import { ANSWER_FIELDS, LOOKUP_FIELDS } from './messages.ts'
import type { FromShard, ToShard } from './messages.ts'

export type SpawnShard = (shard: number) => Worker

type Answered = Extract<FromShard, { id: number }>

interface Pending {
  readonly take: (message: Answered) => unknown
  readonly fail: (error: ErrorValue) => void
}

/** A look-up as it goes to its shard, and who waits for the answer. */
export interface WaitingLookup {
  /** Index into `LOOKUPS`. */
  readonly what: number
  readonly id: string
  readonly minPosition: string
  readonly model: string
  /** `body` is a view that must not be kept. */
  take(status: number, body: Uint8Array): void
  fail(error: ErrorValue): void
}

export interface WorkerEvents {
  readonly live: (message: LiveMessage) => void
  readonly state: (state: string, detail: string) => void
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
  private readonly thread: Worker
  private readonly events: WorkerEvents
  private readonly pending = new Map<number, Pending>()
  private readonly lookups = new Map<number, WaitingLookup>()
  private lookupFields: (string | number)[] = []
  private lookupsSent = 0
  private outbox: ToShard[] = []
  private flushing = false
  private transfer: (MessagePort | ArrayBuffer)[] = []
  private lastId = 0
  private failure: ErrorValue | null = null
  private ended = false
  private stopping = false
  private becameLive: () => void = () => undefined
  private neverLive: (error: LimnError) => void = () => undefined

  constructor(shard: number, spawn: SpawnShard, events: WorkerEvents) {
    this.events = events
    this.live = new Promise((resolve, reject) => {
      this.becameLive = resolve
      this.neverLive = reject
    })
    this.live.catch(() => undefined)
    this.thread = spawn(shard)
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
    if (this.ended) return lookup.fail(unavailable)
    const { what, id, minPosition, model } = lookup
    this.lookups.set(this.lookupsSent + this.lookupFields.length / LOOKUP_FIELDS, lookup)
    this.lookupFields.push(what, id, minPosition, model)
    this.scheduleFlush()
  }

  send(message: ToShard, transfer: readonly MessagePort[] = []): void {
    if (this.ended) return
    this.scheduleFlush()
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

  private scheduleFlush(): void {
    if (this.flushing) return
    this.flushing = true
    setImmediate(this.flush)
  }

  private readonly flush = (): void => {
    const { outbox, transfer, lookupFields } = this
    this.flushing = false
    this.outbox = []
    this.transfer = []
    if (lookupFields.length > 0) {
      outbox.push({ type: 'lookups', first: this.lookupsSent, fields: lookupFields })
      this.lookupsSent += lookupFields.length / LOOKUP_FIELDS
      this.lookupFields = []
    }
    if (!this.ended) this.thread.postMessage(outbox, transfer)
  }

  private receive(messages: readonly FromShard[]): void {
    for (const message of messages) {
      if (message.type === 'answers') this.settleLookups(message)
      else if (message.type === 'live') this.events.live(message)
      else if (message.type === 'state') this.changeState(message.state, message.detail)
      else if (message.type === 'failed') this.fail(message.error)
      else this.settle(message)
    }
  }

  private settleLookups({ heads, bytes }: Extract<FromShard, { type: 'answers' }>): void {
    let start = 0
    for (let i = 0; i < heads.length; i += ANSWER_FIELDS) {
      const number = heads[i]
      const end = heads[i + 2]
      const lookup = this.lookups.get(number)
      this.lookups.delete(number)
      lookup?.take(heads[i + 1], bytes.subarray(start, end))
      start = end
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
    for (const lookup of this.lookups.values()) lookup.fail(unavailable)
    this.lookups.clear()
    this.neverLive(fromValue(error))
    if (!this.stopping) this.events.gone(error)
  }
}

const unavailable: ErrorValue = {
  code: 'ERR_SHARD_UNAVAILABLE',
  message: 'the shard went down before it answered; send the request again',
  retryable: true,
}

function fromValue(error: ErrorValue): LimnError {
  return new LimnError(error.code, error.message, { retryable: error.retryable })
}

/** Node's small Buffers share a pool, which must not be transferred away. */
function ownsBuffer(body: Uint8Array): boolean {
  return body.byteOffset === 0 && body.byteLength === body.buffer.byteLength
}
