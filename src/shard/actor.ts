import { RECORD_FLAG } from '../event/record.ts'
import type { RecordCursor } from '../event/record-cursor.ts'
import type { ShardStore } from '../journal/shard-store.ts'
import type { loadServedModel } from '../model/version/served-model.ts'
import { compileDefinition } from '../profile/compile.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import { DueIndex } from '../profile/due-index.ts'
import { Fold } from '../profile/fold.ts'
import { ProfileStore } from '../profile/store.ts'
import { toErrorValue } from '../protocol/errors.ts'
import type { ClockBase } from '../protocol/clock.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { IngestRequest, QueryReply, ShardStats } from '../protocol/shards.ts'
import { Background } from './background.ts'
import { Batch } from './batch.ts'
import { Checkpointer } from './checkpointer.ts'
import { Commands } from './commands.ts'
import { DedupeWindow } from './dedupe.ts'
import { Deliveries } from './deliveries.ts'
import { Healing } from './healing.ts'
import { Ingress } from './ingress.ts'
import type { Part } from './ingress.ts'
import { Joins } from './joins.ts'
import { ShardLife } from './lifecycle.ts'
import { Live } from './live.ts'
import type { LiveUpdate } from './live.ts'
import { Lookups } from './lookups.ts'
import type {
  BatchResult,
  FromShard,
  PeerMessage,
  PeerPort,
  ShardPort,
  ShardQuery,
  ToShard,
} from '../protocol/shard-messages.ts'
import type { ShardOptions } from './options.ts'
import { Peers } from './peers.ts'
import type { Sender } from './peers.ts'
import { Predictor } from './predictor.ts'
import { Queries } from './queries.ts'
import { Refolder } from './refolder.ts'
import { recover } from './recovery.ts'
import type { RecoveryReport } from './recovery.ts'
import type { HistoryReader } from '../replay/history.ts'
import { Replayer } from '../replay/replayer.ts'
import { TextWarnings } from './text-warnings.ts'
import { Timers } from './timers.ts'
import { Turn } from './turn.ts'
import { Undo } from './undo.ts'

const MS_AN_HOUR = 3_600_000
const TIMER_TICK_MS = 500
/** Transactions of dropped blocks after one checkpoint; more wait for the next. */
const RETENTION_STEPS_MAX = 100
/** Bytes of bodies decoded before a turn is ended, so that look-ups do not wait long. */
const TURN_BODY_BYTES = 128 * 1024

/** Records applied before look-ups that came in the meantime are answered. */
const LOOKUP_RECORDS = 16

/** What a shard stands on; a simulation brings its own. */
export interface ShardParts {
  readonly clock: Clock
  readonly openStore: (options: ShardOptions) => ShardStore
  /** How a model's version is read. */
  readonly loadVersion: typeof loadServedModel
}

/**
 * A shard: mailbox, profiles, journal, timers, models; the only owner of its shoppers.
 *
 * Everything happens in turns on one thread: {@link receive} only queues; a turn takes bodies, peers'
 * records and queries in the order they came, ends with one group commit, and answers leave when it
 * is durable. Look-ups alone do not queue: they are answered when they arrive, or within a turn
 * between two records. The mailbox is bounded by the client's admission. An unexpected error stops the shard
 * (`failed`): it never goes on with wrong data and never acknowledges on hope.
 */
export class ShardActor {
  private readonly options: ShardOptions
  private readonly port: ShardPort
  private readonly parts: ShardParts
  private readonly clock: Clock
  private readonly compiled: CompiledDefinition
  private readonly profiles: ProfileStore
  private readonly fold: Fold
  private readonly store: ShardStore
  private readonly replayer: Replayer
  private readonly dedupe: DedupeWindow
  private readonly predictor: Predictor
  private readonly turn: Turn
  private readonly background: Background
  private readonly refolder: Refolder
  private readonly commands: Commands
  private readonly healing: Healing
  private readonly deliveries: Deliveries
  private readonly undo: Undo
  private readonly ingress: Ingress
  private readonly queries: Queries
  private readonly lookups: Lookups
  private readonly live: Live
  private readonly peers: Peers
  private readonly timers: Timers
  private readonly life: ShardLife
  private readonly textWarnings = new TextWarnings()
  private checkpointer: Checkpointer | null = null
  private mailbox: Exclude<ToShard, { type: 'lookups' | 'clock' }>[] = []
  private peerMail: { from: Sender; message: PeerMessage }[] = []
  private outbox: FromShard[] = []
  private scheduled = false
  private readonly ticks: Cancel[] = []
  private clockIsAgreed = false
  private retentionLagMs: number
  private recovery: RecoveryReport | null = null
  private turns = 0
  private turnNanoseconds = 0
  private turnMaxMs = 0
  private applied = 0

  constructor(options: ShardOptions, port: ShardPort, parts: ShardParts) {
    this.options = options
    this.port = port
    this.parts = parts
    this.clock = parts.clock
    this.life = new ShardLife((state) => this.send({ type: 'state', state, detail: '' }))
    this.compiled = compileDefinition(options.definition)
    this.profiles = new ProfileStore(this.compiled)
    this.fold = new Fold(this.compiled, this.profiles)
    this.store = parts.openStore(options)
    this.retentionLagMs = options.retentionLagMs ?? 0
    this.reportWritten()
    const history = this.historyReader()
    const { profiles, fold } = this
    this.replayer = new Replayer({ profiles, fold }, history, 'later')
    this.dedupe = new DedupeWindow({
      horizonMs: options.dedupeHours * MS_AN_HOUR,
      memoryBytesMax: options.dedupeBytesMax,
    })
    this.predictor = new Predictor(this.compiled, this.profiles)
    this.live = new Live({
      profiles: this.profiles,
      predictor: this.predictor,
      shard: options.shard,
      now: () => this.clock.now(),
    })
    this.peers = new Peers(options.shard, this.clock, (from, message) =>
      this.receivePeer(from, message),
    )
    this.turn = new Turn(this.turnParts(), (error) => this.fail(error))
    this.background = new Background(
      this.clock,
      () => this.schedule(),
      () => this.pause(),
    )
    const { turn, replayer, background } = this
    this.refolder = new Refolder({ turn, profiles, fold, replayer, history, background })
    this.commands = new Commands(turn, history, background)
    this.healing = new Healing({
      turn,
      history,
      background,
      commands: this.commands,
      report: (detail) => this.send({ type: 'state', state: this.life.state, detail }),
      failed: (error) => this.fail(error),
    })
    const { commands, refolder, healing } = this
    this.deliveries = new Deliveries(turn, { commands, refolder, healing })
    this.undo = new Undo({ turn, commands, deliveries: this.deliveries, history })
    this.turn.joining = new Joins(turn, commands, healing)
    this.timers = new Timers(this.turn, this.profiles, this.fold, new DueIndex(this.profiles))
    this.ingress = new Ingress(
      options,
      (letter) => this.store.putDeadLetter(letter),
      () => this.schedule(),
    )
    this.queries = new Queries({
      background,
      shard: options.shard,
      shardCount: options.shardCount,
      compiled: this.compiled,
      profiles: this.profiles,
      predictor: this.predictor,
      history,
      segmentCounts: () => this.profiles.segmentCounts(),
      now: () => this.clock.now(),
      lastSequence: () => this.turn.lastSequence,
    })
    this.lookups = new Lookups(this.queries, this.predictor, port)
    this.life.send('OPENED')
  }

  /** Recovers and goes live. Long on a large journal; reports progress as state details. */
  start(): void {
    try {
      this.recovery = recover(
        {
          store: this.store,
          profiles: this.profiles,
          compiled: this.compiled,
          replayer: this.replayer,
          dedupe: this.dedupe,
          dedupeHours: this.options.dedupeHours,
          clock: this.clock,
        },
        (detail) => this.report({ type: 'state', state: 'recovering', detail }),
      )
      this.refolder.finishAll()
      this.fold.effects.clear()
      this.checkpointer = new Checkpointer({
        store: this.store,
        profiles: this.profiles,
        compiled: this.compiled,
        flushJournal: () => this.turn.flushBlock(),
        clock: this.clock,
      })
    } catch (error) {
      this.fail(error)
      return
    }
    this.life.send('RECOVERED')
    this.commands.takeUpPending()
    this.healing.begin()
    this.endTurn()
    this.startTicks()
  }

  /** Answers look-ups and queues the other messages; these are worked on in the next turn. */
  receive(messages: readonly ToShard[]): void {
    try {
      this.take(messages)
    } catch (error) {
      this.fail(error)
    }
    if (this.mailbox.length > 0) this.schedule()
  }

  private take(messages: readonly ToShard[]): void {
    const serves = this.life.state === 'live' || this.life.state === 'draining'
    for (const message of messages) {
      if (message.type === 'clock') this.takeClock(message.id, message.base)
      else if (message.type !== 'lookups') this.mailbox.push(message)
      else if (serves) this.lookups.answer(message)
    }
  }

  /** The newest block of this shard bounds its own clock at once, that of all shards bounds all. */
  private reportWritten(): void {
    const at = this.store.lastWrittenAt()
    if (at !== null) this.clock.startAfter(at)
    this.report({ type: 'written', at })
  }

  private takeClock(id: number, base: ClockBase): void {
    this.clock.rebase(base)
    this.clockIsAgreed = true
    this.startTicks()
    this.send({ type: 'done', id, error: null })
  }

  /** Within a turn, between two records: takes what has arrived, so that look-ups do not wait. */
  private poll(): void {
    for (let mail = this.port.poll(); mail !== null; mail = this.port.poll()) this.take(mail)
  }

  /** Within background work, which may be part of no turn. */
  private pause(): void {
    this.poll()
    if (this.mailbox.length > 0) this.schedule()
  }

  private receivePeer(from: Sender, message: PeerMessage): void {
    this.peerMail.push({ from, message })
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.clock.soon(() => {
      this.scheduled = false
      this.runTurn()
    })
  }

  private runTurn(): void {
    if (this.life.state === 'failed' || this.life.state === 'stopped') return
    const started = this.clock.monotonic()
    try {
      this.takePeerMail()
      this.takeMail()
      this.endTurn()
    } catch (error) {
      this.fail(error)
      return
    }
    this.turns++
    const took = this.clock.monotonic() - started
    this.turnNanoseconds += took * 1e6
    this.turnMaxMs = Math.max(this.turnMaxMs, took)
    if (this.mailbox.length > 0 || this.peerMail.length > 0) this.schedule()
  }

  private takePeerMail(): void {
    const mail = this.peerMail
    this.peerMail = []
    for (const { from, message } of mail) {
      if (message.type === 'applied') this.peers.settle(message)
      else this.takePeerMessage(from, message)
    }
  }

  private takePeerMessage(from: Sender, message: Exclude<PeerMessage, { type: 'applied' }>): void {
    const count = message.type === 'records' ? message.count : 1
    const answer = (result: BatchResult): void => this.peers.answer(from, message.id, result)
    const batch = new Batch(count, message.predict, answer)
    if (message.type === 'records') {
      const { stage, hops, join, ask, told, returned } = message
      const place = { batch, stage, hops, ask, told, returned, ...(join === null ? {} : { join }) }
      return this.turn.applyRecords(message.bytes, place)
    }
    this.turn.addBatch(batch)
    if (message.type === 'heal') this.healing.take(from.shard, message, batch)
    else if (message.type === 'import') this.deliveries.importSlice(message, batch)
    else if (message.type === 'rename') this.deliveries.rename(message, batch)
    else this.deliveries.split(message, batch)
  }

  private takeMail(): void {
    let bodyBytes = 0
    let taken = 0
    for (const message of this.mailbox) {
      if (bodyBytes > TURN_BODY_BYTES) break
      taken++
      if (message.type === 'ingest') {
        bodyBytes += message.request.body.length
        this.ingest(message.id, message.request)
        this.poll()
      } else {
        if (message.type === 'query' || message.type === 'undo') {
          this.dispatchParts()
          this.turn.flushBlock()
        }
        this.handle(message)
      }
    }
    this.dispatchParts()
    while (this.ingress.releaseHeld()) this.dispatchParts()
    if (taken === this.mailbox.length) this.mailbox = []
    else this.mailbox = this.mailbox.slice(taken)
  }

  private ingest(id: number, request: IngestRequest): void {
    const alone = request.predict.length > 0
    if (alone) this.dispatchParts()
    this.ingress.decode(request, (reply) => this.send({ type: 'ingested', id, reply }))
    if (alone) this.dispatchParts()
  }

  private dispatchParts(): void {
    for (const part of this.ingress.parts()) {
      if (part.shard === this.options.shard) this.applyLocal(part)
      else this.sendPart(part)
    }
  }

  private applyLocal(part: Part): void {
    const { writer, count } = part
    const batch = new Batch(count, part.predict, part.done)
    const bytes = writer.bytes.subarray(0, writer.length)
    this.turn.applyRecords(bytes, { batch, stage: 'link', hops: 0 })
    writer.truncate(0, 0)
  }

  private sendPart(part: Part): void {
    const { count, predict } = part
    const bytes = part.writer.take()
    const message = {
      type: 'records',
      id: 0,
      bytes,
      count,
      predict,
      stage: 'link',
      hops: 0,
      join: null,
      ask: [],
      told: [],
      returned: [],
    } as const
    this.peers.post(part.shard, message, part.done)
  }

  private handle(message: Exclude<ToShard, { type: 'ingest' | 'lookups' | 'clock' }>): void {
    switch (message.type) {
      case 'query':
        return this.answer(message.id, message.query)
      case 'undo':
        return this.undo.undo(message.of, (reply) => {
          this.send({ type: 'answered', id: message.id, reply })
        })
      case 'stats':
        this.send({
          type: 'stats',
          id: message.id,
          stats: this.stats(),
          recent: this.live.takeRecent(),
        })
        return
      case 'peer':
        this.connect(message.shard, message.port)
        return
      case 'peerDown':
        this.peers.down(message.shard)
        return
      case 'watch':
        this.live.watch(message.topic, message.on)
        return
      case 'model':
        this.finishWith(message.id, this.loadModel(message.name, message.directory))
        return
      case 'retentionLag':
        this.retentionLagMs = message.ms
        return
      case 'removeDeadLetter':
        this.finishWith(message.id, this.store.removeDeadLetter(message.letter))
        return
      case 'checkpoint':
        this.finishWith(message.id, this.checkpoint())
        return
      case 'stop':
        this.finishWith(message.id, this.stop())
    }
  }

  /** A look-up that meets a damaged block fails by itself: it changes nothing, others go on. */
  private answer(id: number, query: ShardQuery): void {
    const send = (reply: QueryReply): void => this.send({ type: 'answered', id, reply })
    try {
      this.queries.answer(query, send)
    } catch (error) {
      const value = toErrorValue(error)
      if (value.code !== 'ERR_STORAGE_CORRUPT') throw error
      send({ status: 500, body: JSON.stringify({ error: value }) })
    }
  }

  private endTurn(): void {
    this.refolder.collectMarked()
    this.refolder.endTurn()
    this.background.run()
    // What the background marked is taken up in the next turn.
    this.refolder.collectMarked()
    const effects = this.live.wantsEffects ? this.fold.effects.take() : []
    this.fold.effects.clear()
    const update = this.live.flush(effects)
    if (update !== null) this.turn.whenDurable(() => this.tell(update))
    this.turn.flush()
    this.predictor.scoreWaiting()
    this.deliver()
  }

  /** Subscribers hear of an event only when it cannot be lost any more. */
  private tell({ pushes, recent }: LiveUpdate): void {
    this.live.seen(recent)
    for (const { topic, body } of pushes) this.send({ type: 'live', topic, body })
  }

  private send(message: FromShard): void {
    this.outbox.push(message)
    if (this.outbox.length === 1) queueMicrotask(() => this.deliver())
  }

  private report(message: FromShard): void {
    this.port.post([message])
  }

  private deliver(): void {
    if (this.outbox.length === 0) return
    const messages = this.outbox
    this.outbox = []
    this.port.post(messages)
  }

  private connect(shard: number, port: PeerPort): void {
    this.peers.connect(shard, port)
  }

  private async loadModel(name: string, directory: string | null): Promise<void> {
    if (directory === null) return this.predictor.swap(name, null)
    const { features } = this.predictor
    const { schemaHash } = this.compiled
    this.predictor.swap(name, await this.parts.loadVersion(directory, { features, schemaHash }))
  }

  private async checkpoint(): Promise<void> {
    await this.checkpointer?.run()
    await this.store.pruneDedupe(this.clock.now() - this.options.dedupeHours * MS_AN_HOUR)
    await this.dropOldBlocks()
  }

  /** After a checkpoint, which holds what the dropped blocks have made. */
  private async dropOldBlocks(): Promise<void> {
    const before = this.clock.now() - this.options.retentionMs - this.retentionLagMs
    // A join that is under way reads the history that it moves.
    if (before === Number.NEGATIVE_INFINITY || this.commands.size > 0) return
    if (!this.healing.healed) return
    for (let step = 0; step < RETENTION_STEPS_MAX; step++) {
      if ((await this.store.dropBlocksWrittenBefore(before)) === 0) return
    }
  }

  /** Graceful stop: what was accepted is durable, then a checkpoint, then the environment closes. */
  private async stop(): Promise<void> {
    if (this.life.state !== 'live') return
    this.life.send('DRAIN')
    for (const cancel of this.ticks.splice(0)) cancel()
    this.turn.flush()
    await this.turn.durable()
    await this.peers.idle()
    await this.checkpoint()
    this.turn.flush()
    await this.turn.durable()
    await this.store.close()
    this.life.send('DRAINED')
  }

  private finishWith(id: number, work: Promise<void>): void {
    work.then(
      () => this.send({ type: 'done', id, error: null }),
      (error: unknown) => this.send({ type: 'done', id, error: toErrorValue(error) }),
    )
  }

  /** Once recovered, and once it is agreed what time it is. */
  private startTicks(): void {
    if (this.life.state !== 'live' || !this.clockIsAgreed || this.ticks.length > 0) return
    const guard = (work: () => void) => (): void => {
      try {
        work()
      } catch (error) {
        this.fail(error)
      }
    }
    if (this.options.timers) {
      const tick = guard(() => this.tickTimers())
      this.ticks.push(this.clock.every(TIMER_TICK_MS, tick))
    }
    const checkpoint = (): void => {
      const message = this.textWarnings.next(this.profiles.strings.uses(), this.clock.now())
      if (message !== null) this.send({ type: 'warning', message })
      this.checkpoint().catch((error: unknown) => this.fail(error))
    }
    this.ticks.push(this.clock.every(this.options.checkpointIntervalMs, checkpoint))
  }

  private tickTimers(): void {
    const more = this.timers.tick(this.clock.now())
    this.endTurn()
    if (more) this.clock.soon(() => this.life.state === 'live' && this.tickTimers())
  }

  private turnParts(): ConstructorParameters<typeof Turn>[0] {
    return {
      shard: this.options.shard,
      shardCount: this.options.shardCount,
      store: this.store,
      profiles: this.profiles,
      replayer: this.replayer,
      dedupe: this.dedupe,
      dedupeMs: this.options.dedupeHours * 3_600_000,
      predictor: this.predictor,
      post: (shard, message, onResult) => this.peers.post(shard, message, onResult),
      forwarded: (row: number) => this.live.forwarded(row),
      whenFolded: (row, batch, action) => this.refolder.whenFolded(row, batch, action),
      clock: this.clock,
      pause: () => this.poll(),
      touched: (row: number, cursor: RecordCursor) => {
        this.applied++
        this.live.touched(row, cursor)
        if (this.applied % LOOKUP_RECORDS === 0) this.poll()
        if ((cursor.flags & RECORD_FLAG.historical) !== 0) this.timers.sawHistory(row)
      },
    }
  }

  /** Reads this shard's records, those of the block that is being written too. */
  private historyReader(): HistoryReader {
    return {
      walk: (last) => {
        this.turn.flushBlock()
        return this.store.history(last)
      },
      record: (sequence) => {
        if (sequence >= this.store.nextSequence) this.turn.flushBlock()
        return this.store.readRecord(sequence)
      },
    }
  }

  private fail(error: unknown): void {
    if (this.life.state === 'failed') return
    this.life.send('FAILED')
    this.deliver()
    this.report({ type: 'failed', error: toErrorValue(error) })
  }

  private stats(): ShardStats {
    const { ingress, dedupe, store, recovery, checkpointer } = this
    return {
      shard: this.options.shard,
      state: this.life.state,
      counters: {
        events_received: ingress.received,
        events_accepted: ingress.accepted,
        events_duplicate: ingress.duplicates,
        events_rejected: ingress.rejected,
        dead_letters_dropped: store.deadLettersDropped,
        records_applied: this.applied,
        timers_fired: this.timers.fired,
        predictions: this.predictor.scored,
        turns: this.turns,
        turn_seconds: this.turnNanoseconds / 1e9,
        checkpoints: checkpointer?.completed ?? 0,
      },
      gauges: {
        profiles: this.profiles.shoppers,
        profile_bytes: this.profiles.bytesPerProfile(),
        sequence: store.nextSequence,
        journal_first_sequence: store.firstSequence,
        dedupe_ids: dedupe.size,
        dedupe_bytes: dedupe.bytes,
        dedupe_horizon_seconds: dedupe.horizonMs(Date.now()) / 1000,
        dead_letters: store.deadLetterCount,
        dead_letter_bytes: store.deadLetterBytes,
        storage_bytes: store.fileBytes,
        storage_bytes_max: this.options.mapSizeMaxBytes,
        joins_pending: this.commands.size,
        refolds_pending: this.refolder.size,
        background_pending: this.background.size,
        turn_max_seconds: this.turnMaxMs / 1000,
        recovery_seconds: recovery?.seconds ?? 0,
        recovery_replayed_records: recovery?.replayedRecords ?? 0,
        checkpoint_seconds: checkpointer?.lastSeconds ?? 0,
        mailbox_messages: this.mailbox.length + this.peerMail.length,
      },
      rejected: Object.fromEntries(ingress.rejectedByCode),
      texts: this.profiles.strings.uses().map(({ field, texts, textsMax, refused }) => {
        return { field, texts, textsMax, refused }
      }),
    }
  }
}
