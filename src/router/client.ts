import { build } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'
import { LimnError, toErrorValue } from '../protocol/errors.ts'
import type {
  ErrorValue,
  IngestReply,
  IngestRequest,
  LiveMessage,
  Query,
  QueryListener,
  QueryReply,
  ShardStats,
  Shards,
} from '../protocol/shards.ts'
import { emptyReply } from '../protocol/shards.ts'
import { formatKey, ownerOf, parseKey } from '../event/profile-key.ts'
import {
  FORWARDED_TOO_OFTEN,
  LookupRequest,
  isLookup,
  isShardQuery,
  textOf,
} from './lookup-request.ts'
import type {
  FromShard,
  PeerPort,
  RecentShopper,
  ShardQuery,
  ToShard,
} from '../protocol/shard-messages.ts'
import { FOREST_SHARD } from '../protocol/shard-messages.ts'
import { IdentityRequest } from './identity-request.ts'
import { KEY_KIND } from '../event/record.ts'
import type { ClockBase } from '../protocol/clock.ts'
import type { Clock } from '../runtime/clock.ts'
import { LiveTopics } from './live-topics.ts'
import { Overview } from './overview.ts'
import { REDIRECT, REDIRECTS_MAX } from '../protocol/shard-messages.ts'
import { ShardWorker } from './shard-thread.ts'
import type { SpawnShard } from './shard-thread.ts'

export interface ShardClientOptions {
  readonly count: number
  /** Starts the thread of a shard. */
  readonly spawn: SpawnShard
  readonly clock: Clock
  /** The two ends of a way between two shards. */
  readonly createChannel: () => { readonly port1: PeerPort; readonly port2: PeerPort }
  readonly segments: readonly { name: string; description: string; when: string }[]
  /** Bytes of bodies that may wait in one shard before it answers `ERR_OVERLOADED`. */
  readonly inflightBytesMax: number
  readonly overviewIntervalMs: number
  readonly log: {
    info(fields: object, text: string): void
    warn(fields: object, text: string): void
    error(fields: object, text: string): void
  }
  /** A shard could not be brought back; the process must end. */
  readonly onFatal: (error: ErrorValue) => void
}

const RESTARTS_MAX = 5
const RESTART_WINDOW_MS = 60_000

/**
 * The gateway's view of all shards: sends messages in batches (one post a shard and event-loop turn),
 * bounds what is in flight, restarts a crashed shard, and puts the answers of several shards together.
 * Owns the workers. A request that was at a shard when it crashed is answered `ERR_SHARD_UNAVAILABLE`.
 */
export class ShardClient implements Shards {
  readonly count: number
  readonly latency: Histogram = build({ highestTrackableValue: 60_000_000 })
  private readonly options: ShardClientOptions
  private readonly workers: ShardWorker[] = []
  private readonly topics = new LiveTopics((topic, on) => this.watch(topic, on))
  private readonly models = new Map<string, string | null>()
  private readonly overview: Overview
  private restarts: number[] = []
  private recent: RecentShopper[] = []
  private stopping = false

  constructor(options: ShardClientOptions) {
    this.options = options
    this.count = options.count
    this.overview = new Overview(
      this,
      { clock: options.clock, intervalMs: options.overviewIntervalMs },
      (message) => this.publish(message),
    )
  }

  /** Starts all shards and resolves when all are live; rejects with the first failure. */
  async start(): Promise<void> {
    for (let shard = 0; shard < this.count; shard++) this.workers.push(this.launch(shard))
    await Promise.all(this.workers.map((worker) => worker.live))
    if (this.lastWrittenAt !== null) this.options.clock.startAfter(this.lastWrittenAt)
    for (const worker of this.workers) this.sendClock(worker)
    for (let a = 0; a < this.count; a++) {
      for (let b = a + 1; b < this.count; b++) this.introduce(a, b)
    }
  }

  /** When the newest block of all shards was written that was there at their start; null for none. */
  get lastWrittenAt(): number | null {
    const known = this.workers.map((worker) => worker.writtenAt).filter((at) => at !== null)
    return known.length === 0 ? null : Math.max(...known)
  }

  /**
   * Has the shards reckon arrival time from another base, and then this thread: what it stamps may
   * reach a shard by way of another, and must not find a clock there that is behind it.
   */
  async adoptClock(base: ClockBase): Promise<void> {
    const live = this.workers.filter((worker) => worker.isLive)
    await Promise.allSettled(live.map((w) => w.call((id) => ({ type: 'clock', id, base }))))
    this.options.clock.rebase(base)
    // One that was starting meanwhile may have the base of before.
    for (const worker of this.workers) this.sendClock(worker)
  }

  /** How long retention waits beyond the time that it is set to; Infinity holds it. */
  setRetentionLag(ms: number): void {
    for (const worker of this.workers) worker.send({ type: 'retentionLag', ms })
  }

  private sendClock(worker: ShardWorker): void {
    worker.send({ type: 'clock', id: worker.nextId(), base: this.options.clock.base })
  }

  ready(): boolean {
    return (
      !this.stopping && this.workers.length === this.count && this.workers.every((w) => w.isLive)
    )
  }

  ingest(request: IngestRequest): Promise<IngestReply> {
    const worker = this.workers[request.lane % this.count]
    const refused = this.refusal(worker, request.body.length)
    if (refused !== null) return Promise.resolve({ ...emptyReply(), error: refused })
    const started = this.options.clock.monotonic()
    const bytes = request.body.length
    worker.inflightBytes += bytes
    return new Promise((resolve) => {
      const id = worker.nextId()
      const settle = (reply: IngestReply): void => {
        worker.inflightBytes -= bytes
        this.latency.recordValue(
          Math.max(1, Math.round((this.options.clock.monotonic() - started) * 1000)),
        )
        resolve(reply)
      }
      const fail = (error: ErrorValue): void => settle({ ...emptyReply(), error })
      worker.expect(id, (message) => message.type === 'ingested' && settle(message.reply), fail)
      worker.send({ type: 'ingest', id, request })
    })
  }

  ask(query: Query, listener: QueryListener): void {
    if (isLookup(query)) this.sendLookup(new LookupRequest(query, listener, this.sendLookup))
    if (!isShardQuery(query)) return
    this.queryShards(query).then(
      ({ status, body }) => listener.answered(status, body),
      (error: unknown) => listener.failed(error),
    )
  }

  undo(id: string, listener: QueryListener): void {
    const key = parseKey(id)
    // Renames of users are decided where their forest is kept.
    const shard = key.kind === KEY_KIND.user ? FOREST_SHARD : ownerOf(key, this.count)
    const of = formatKey(key)
    this.sendTo(shard, (number) => ({ type: 'undo', id: number, of })).then(
      ({ status, body }) => listener.answered(status, body),
      (error: unknown) => listener.failed(error),
    )
  }

  /** {@link undo} for those who await. */
  undoJoin(id: string): Promise<QueryReply> {
    return awaited((listener) => this.undo(id, listener))
  }

  /** {@link ask} for those who await. */
  query(query: Query): Promise<QueryReply> {
    return awaited((listener) => this.ask(query, listener))
  }

  subscribe(topic: string, listener: (message: LiveMessage) => void): () => void {
    return this.topics.subscribe(topic, listener)
  }

  async stats(): Promise<readonly ShardStats[]> {
    const answers = await Promise.all(this.workers.map((worker) => this.statsOf(worker)))
    return answers.map((answer) => answer.stats)
  }

  /** Shoppers seen since the last call, over all shards. */
  takeRecent(): RecentShopper[] {
    const recent = this.recent
    this.recent = []
    return recent.sort((a, b) => b.time - a.time)
  }

  /**
   * Loads a model version in every shard, warmed, then serves it; null stops serving the model. Where
   * one shard cannot, those that could go back to the version before: all answer from the same.
   * @throws LimnError what loading throws, ERR_SHARD_UNAVAILABLE (retryable)
   */
  async setModel(name: string, directory: string | null): Promise<void> {
    const load = (worker: ShardWorker, from: string | null): Promise<void> =>
      worker.call((id) => ({ type: 'model', id, name, directory: from }))
    const outcomes = await Promise.allSettled(this.workers.map((w) => load(w, directory)))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed === undefined) {
      this.models.set(name, directory)
      return
    }
    const before = this.models.get(name) ?? null
    const took = this.workers.filter((_, shard) => outcomes[shard].status === 'fulfilled')
    await Promise.allSettled(took.map((worker) => load(worker, before)))
    throw failed.reason
  }

  async removeDeadLetter(shard: number, letter: number): Promise<void> {
    await this.workers[shard].call((id) => ({ type: 'removeDeadLetter', id, letter }))
  }

  async checkpoint(): Promise<void> {
    await Promise.all(this.workers.map((w) => w.call((id) => ({ type: 'checkpoint', id }))))
  }

  /** Drains every shard: durable, checkpointed, closed. */
  async stop(): Promise<void> {
    this.stopping = true
    this.overview.stop()
    await Promise.all(this.workers.map((worker) => worker.stop()))
  }

  /** Kills the thread of a shard; supervision brings it back. For tests of exactly that. */
  async crash(shard: number): Promise<void> {
    await this.workers[shard].terminate()
  }

  private launch(shard: number): ShardWorker {
    return new ShardWorker(shard, this.options, {
      live: (message) => this.publish(message),
      state: (state, detail) => this.options.log.info({ shard, state, detail }, 'shard'),
      warning: (message) => this.options.log.warn({ shard }, message),
      gone: (error) => this.replace(shard, error),
    })
  }

  private replace(shard: number, error: ErrorValue): void {
    if (this.stopping) return
    const now = this.options.clock.monotonic()
    this.restarts = [...this.restarts.filter((at) => now - at < RESTART_WINDOW_MS), now]
    this.options.log.error({ shard, code: error.code, reason: error.message }, 'shard went down')
    const broken = error.code.startsWith('ERR_STORAGE') || this.restarts.length > RESTARTS_MAX
    if (broken || !this.workers[shard]?.wasLive) return this.options.onFatal(error)
    this.workers.forEach((w, other) => other !== shard && w.send({ type: 'peerDown', shard }))
    const worker = this.launch(shard)
    this.workers[shard] = worker
    worker.live.then(
      () => this.reconnect(shard, worker),
      (reason: unknown) => this.options.onFatal(toErrorValue(reason)),
    )
  }

  private reconnect(shard: number, worker: ShardWorker): void {
    this.sendClock(worker)
    for (let other = 0; other < this.count; other++) {
      if (other !== shard) this.introduce(shard, other)
    }
    for (const topic of this.topics.watched()) worker.send({ type: 'watch', topic, on: true })
    for (const [name, directory] of this.models) {
      worker
        .call((id) => ({ type: 'model', id, name, directory }))
        .catch((error: unknown) => {
          const reason = toErrorValue(error).message
          this.options.log.error({ shard, name, reason }, 'model not loaded')
        })
    }
    this.options.log.info({ shard }, 'shard recovered after a crash')
  }

  private introduce(a: number, b: number): void {
    const { port1, port2 } = this.options.createChannel()
    this.workers[a].send({ type: 'peer', shard: b, port: port1 }, [port1])
    this.workers[b].send({ type: 'peer', shard: a, port: port2 }, [port2])
  }

  private refusal(worker: ShardWorker | undefined, bytes: number): ErrorValue | null {
    if (this.stopping || worker === undefined || !worker.isLive) {
      const message = 'the shard is starting or stopping; send the request again'
      return { code: 'ERR_SHARD_UNAVAILABLE', message, retryable: true }
    }
    if (worker.inflightBytes + bytes <= this.options.inflightBytesMax) return null
    const message = `more than ${this.options.inflightBytesMax} bytes wait in this shard; slow down`
    return { code: 'ERR_OVERLOADED', message, retryable: true }
  }

  private watch(topic: string, on: boolean): void {
    if (topic === 'overview') return on ? this.overview.start() : this.overview.stop()
    for (const worker of this.workers) worker.send({ type: 'watch', topic, on })
  }

  private publish(message: LiveMessage): void {
    this.topics.publish(message)
  }

  private async statsOf(worker: ShardWorker): Promise<Extract<FromShard, { type: 'stats' }>> {
    const answer = await worker.request((id) => ({ type: 'stats', id }))
    if (answer.type !== 'stats') throw new LimnError('ERR_INTERNAL', 'a shard gave another answer')
    this.recent.push(...answer.recent)
    return answer
  }

  private readonly sendLookup = (request: LookupRequest): void => {
    const worker = this.workers[ownerOf(parseKey(request.id), this.count)]
    const refused = this.refusal(worker, 0)
    if (refused === null) worker.lookUp(request)
    else request.fail(refused)
  }

  private queryShards(query: ShardQuery): Promise<QueryReply> {
    switch (query.kind) {
      case 'predictionBatch':
        return this.predictionBatch(query.model, query.ids)
      case 'segments':
      case 'segment':
        return this.segments(query.kind === 'segment' ? query.name : null)
      case 'members':
        return this.members(query)
      case 'models':
        return this.askShard(0, query)
      case 'identity':
        return new IdentityRequest(query, this.count, (shard, asked) =>
          this.askShard(shard, asked),
        ).answer()
      default:
        return this.askOwner(query)
    }
  }

  private askShard(shard: number, query: ShardQuery): Promise<QueryReply> {
    return this.sendTo(shard, (id) => ({ type: 'query', id, query }))
  }

  /** Sends a message that is answered with `answered`. */
  private async sendTo(shard: number, message: (id: number) => ToShard): Promise<QueryReply> {
    const worker = this.workers[shard]
    const refused = this.refusal(worker, 0)
    if (refused !== null) return { status: 503, body: JSON.stringify({ error: refused }) }
    return new Promise((resolve) => {
      const id = worker.nextId()
      const fail = (error: ErrorValue): void =>
        resolve({ status: 503, body: JSON.stringify({ error }) })
      worker.expect(id, (message) => message.type === 'answered' && resolve(message.reply), fail)
      worker.send(message(id))
    })
  }

  /** Asks the shard of the id, and on where the profile is forwarded. */
  private async askOwner(query: Extract<ShardQuery, { id: string }>): Promise<QueryReply> {
    let asked = query
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const reply = await this.askShard(ownerOf(parseKey(asked.id), this.count), asked)
      if (reply.status !== REDIRECT) return reply
      asked = { ...asked, id: (JSON.parse(reply.body) as { redirect: string }).redirect }
    }
    return { status: 500, body: JSON.stringify({ error: FORWARDED_TOO_OFTEN }) }
  }

  private async predictionBatch(model: string, ids: readonly string[]): Promise<QueryReply> {
    const byShard = new Map<number, string[]>()
    for (const id of ids) {
      const shard = ownerOf(parseKey(id), this.count)
      byShard.set(shard, [...(byShard.get(shard) ?? []), id])
    }
    const results = new Map<string, unknown>()
    for (const [shard, own] of byShard) {
      const reply = await this.askShard(shard, { kind: 'predictionBatch', model, ids: own })
      if (reply.status !== 200) return reply
      const parsed = JSON.parse(reply.body) as { results: Record<string, unknown> }
      for (const [id, result] of Object.entries(parsed.results)) {
        results.set(id, isRedirect(result) ? await this.predictOne(model, result.redirect) : result)
      }
    }
    const predictions = ids.map((id) => ({ id, prediction: results.get(id) ?? null }))
    return { status: 200, body: JSON.stringify({ model, predictions }) }
  }

  private async predictOne(model: string, id: string): Promise<unknown> {
    const reply = await this.query({ kind: 'predictions', id, model, minPosition: '' })
    return reply.status === 200 ? JSON.parse(reply.body) : null
  }

  /** Live members of each segment, in the order of the definition. */
  async segmentCounts(): Promise<number[]> {
    const totals = this.options.segments.map(() => 0)
    for (let shard = 0; shard < this.count; shard++) {
      const reply = await this.askShard(shard, { kind: 'segments' })
      if (reply.status !== 200) continue
      const { counts } = JSON.parse(reply.body) as { counts: number[] }
      counts.forEach((count, i) => (totals[i] += count))
    }
    return totals
  }

  private async segments(name: string | null): Promise<QueryReply> {
    const counts = await this.segmentCounts()
    const segments = this.options.segments.map((segment, i) => ({ ...segment, count: counts[i] }))
    if (name === null) return { status: 200, body: JSON.stringify({ segments }) }
    const found = segments.find((segment) => segment.name === name)
    return found === undefined
      ? this.unknownSegment(name)
      : { status: 200, body: JSON.stringify(found) }
  }

  private async members(query: Extract<Query, { kind: 'members' }>): Promise<QueryReply> {
    if (!this.options.segments.some((s) => s.name === query.name))
      return this.unknownSegment(query.name)
    const match = /^(\d+):(\d*)$/.exec(query.cursor === '' ? '0:' : query.cursor)
    if (match === null || Number(match[1]) >= this.count) {
      const message = 'a cursor is what the previous page gave as "next"'
      return {
        status: 400,
        body: JSON.stringify({ error: { code: 'ERR_CURSOR_INVALID', message } }),
      }
    }
    const shard = Number(match[1])
    const reply = await this.askShard(shard, { ...query, cursor: match[2] })
    if (reply.status !== 200) return reply
    const page = JSON.parse(reply.body) as { members: string[]; next: string | null }
    const later = shard + 1 < this.count ? `${shard + 1}:` : null
    const next = page.next === null ? later : `${shard}:${page.next}`
    return { status: 200, body: JSON.stringify({ members: page.members, cursor: { next } }) }
  }

  private unknownSegment(name: string): QueryReply {
    const known = this.options.segments.map((s) => s.name).join(', ')
    const message = `no segment ${JSON.stringify(name.slice(0, 60))}; there are: ${known}`
    return {
      status: 404,
      body: JSON.stringify({ error: { code: 'ERR_SEGMENT_UNKNOWN', message } }),
    }
  }

  /** Names of the segments, in the order of {@link segmentCounts}. */
  get segmentNames(): string[] {
    return this.options.segments.map((segment) => segment.name)
  }
}

function awaited(ask: (listener: QueryListener) => void): Promise<QueryReply> {
  return new Promise((resolve, reject) => {
    ask({
      answered: (status, body) => resolve({ status, body: textOf(body) }),
      failed: reject,
    })
  })
}

function isRedirect(value: unknown): value is { redirect: string } {
  return typeof value === 'object' && value !== null && 'redirect' in value
}
