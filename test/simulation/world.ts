import { DEFAULT_LIMITS } from '../../src/event/limits.ts'
import { CACHED_BLOCKS } from '../../src/journal/block-cache.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import type { FromShard } from '../../src/protocol/shard-messages.ts'
import { ShardClient } from '../../src/router/client.ts'
import type { ShardOptions } from '../../src/shard/options.ts'
import type { ClockBase } from '../../src/protocol/clock.ts'
import { SimulatedClock } from './clock.ts'
import { Coverage } from './coverage.ts'
import { DEFINITION } from './definition.ts'
import { ENDLESS_ROOM, SimulatedDisk, SimulatedEnvironment } from './disk.ts'
import type { DiskControl } from './disk.ts'
import type { JoinState } from './coverage.ts'
import { JoinTracker } from './joins.ts'
import { Life } from './life.ts'
import type { CallKind } from './life.ts'
import { SimulatedPort, Way } from './ports.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { SimulatedThread } from './thread.ts'

/** 2026-01-01, where simulated wall clocks begin. */
export const EPOCH_MS = 1_767_225_600_000
/** Starts of a process one after another that may fail before that is a fault by itself. */
const FAILED_STARTS_MAX = 5
/** Share of the starts in which a shard crashes before it is live, or soon after. */
const CRASHED_STARTS = 0.15
/** Calls from when a join comes to a state to the crash that is to meet it there. */
const CALLS_AFTER_STATE_MAX = 4
/** Calls of its store in which a turn must get by, whatever is joined or asked; recovery apart. */
const TURN_STORE_CALLS_MAX = 1_024

export interface WorldOptions {
  readonly seed: number
  readonly shardCount: number
  readonly checkpointIntervalMs: number
  /** Directed scenarios decide themselves; what they leave out the seed decides. */
  readonly chances?: Partial<Chances>
}

/** What is left to chance. Times are in ms. */
export interface Chances {
  readonly commit: () => number
  readonly notify: () => number
  /** Between the router and a shard. */
  readonly port: () => number
  /** Between two shards. */
  readonly peer: () => number
  readonly soon: () => number
  /** How many of the transactions that wait the next commit takes. */
  readonly together: (waiting: number) => number
  /** How many of the transactions that wait a crash leaves durable. */
  readonly kept: (waiting: number) => number
  /** Whether what a dying thread posted last arrives for a while. */
  readonly lastWords: () => boolean
  /** Whether messages are given to one who polls, before they are delivered. */
  readonly polls: () => boolean
}

/** What checks watch for, as it happens. */
export interface WorldObserver {
  /** A shard posts these; nothing else has happened since. */
  posted(shard: number, messages: readonly FromShard[]): void
  /** The product broke a rule that its environment watches. */
  broke(rule: 'starts' | 'buffers' | 'turns are bounded', what: string): void
}

interface Armed {
  readonly target: number | null
  calls: number
}

/**
 * A machine: disks that last, and one process after another over them, each with the real router and
 * the real actors. Owns simulated time and all decisions of chance. A crash strikes a thread or the
 * whole process at the n-th call of store, port or clock from when it is armed.
 */
export class World {
  readonly scheduler = new Scheduler()
  readonly coverage = new Coverage()
  readonly joins: JoinTracker
  readonly disks: SimulatedDisk[]
  readonly options: WorldOptions
  client: ShardClient | null = null
  /** Counts processes; an answer of an earlier one reaches nobody. */
  process = 0
  ready = false
  /** Faults of disks and crashes may strike. */
  faults = false
  failNextCommit = false
  /** Time stands still: everything takes none of it. */
  still = false
  wallOffsetMs = EPOCH_MS
  /** Of the process's main thread. */
  clock: SimulatedClock
  observer: WorldObserver = { posted: () => undefined, broke: () => undefined }
  /** (shard, first sequence of a block) → order in which blocks were handed to the disks. */
  private readonly orders: Map<number, number>[]
  private blocksQueued = 0
  private readonly random: Random
  private readonly chances: Chances
  private router: Life
  private readonly threads: (SimulatedThread | undefined)[] = []
  private readonly environments = new Map<Life, SimulatedEnvironment>()
  private readonly notifies = new Map<Life, Way>()
  private armed: Armed | null = null
  private armedAtJoin: { readonly state: JoinState; readonly kind: 'thread' | 'process' } | null =
    null
  private failedStarts = 0
  /** The event that works, and its calls of a store. */
  private worksIn = -1
  private calls = 0

  constructor(options: WorldOptions) {
    this.options = options
    this.random = new Random(options.seed * 2 + 1)
    this.chances = { ...this.seededChances(), ...options.chances }
    this.disks = Array.from({ length: options.shardCount }, () => new SimulatedDisk())
    this.orders = this.disks.map(() => new Map())
    this.joins = new JoinTracker(this.coverage)
    this.joins.reached = (state, source, target) => this.strikeJoin(state, source, target)
    this.router = this.newLife('router')
    this.router.alive = false
    this.clock = this.clockOf(this.router, { wallMs: EPOCH_MS, monotonicMs: 0, floorMs: 0 })
  }

  /** Starts a process over the disks; {@link ready} when all its shards are live. */
  boot(): void {
    this.process++
    this.router = this.newLife(`router${this.process}`)
    const { nowMs } = this.scheduler
    const base = { wallMs: this.wallOffsetMs + nowMs, monotonicMs: nowMs, floorMs: 0 }
    this.clock = this.clockOf(this.router, base)
    const { router, process } = this
    const client = new ShardClient({
      count: this.options.shardCount,
      clock: this.clock,
      createChannel: () =>
        SimulatedPort.pair(() => new Way(this.scheduler, () => this.take('peer')), {
          posted: (from, to, message) => this.joins.posted(from, to, message),
        }),
      spawn: (shard) => this.spawn(shard, router),
      segments: [],
      inflightBytesMax: 1 << 26,
      overviewIntervalMs: 1_000,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      onFatal: (error) => this.exit(process, error.code),
    })
    this.client = client
    if (this.faults && this.random.chance(CRASHED_STARTS)) {
      this.arm(this.random.below(this.options.shardCount), 1 + this.random.below(20))
    }
    client.start().then(
      () => {
        if (this.process !== process || !router.alive) return
        this.ready = true
        this.failedStarts = 0
      },
      (error: unknown) => {
        this.failedStarts++
        if (this.failedStarts > FAILED_STARTS_MAX) {
          this.observer.broke('starts', `the process does not start: ${String(error)}`)
        }
        this.exit(process, 'start')
      },
    )
  }

  /** `SIGTERM`: the process drains and ends; {@link boot} follows. */
  stop(): void {
    const { process, client } = this
    this.ready = false
    if (client === null) return
    const end = (): void => this.exit(process, 'stop')
    client.stop().then(end, end)
  }

  /** Strikes at the n-th call from now; null is the process. */
  arm(target: number | null, calls: number): void {
    this.armed = { target, calls }
  }

  /** Strikes a few calls after the next join has come to this state. */
  armAtJoin(state: JoinState, kind: 'thread' | 'process'): void {
    this.armedAtJoin = { state, kind }
  }

  disarm(): void {
    this.armed = null
    this.armedAtJoin = null
  }

  get isArmed(): boolean {
    return this.armed !== null || this.armedAtJoin !== null
  }

  crashThread(shard: number): void {
    const thread = this.threads[shard]
    if (thread === undefined || !thread.life.alive) return
    this.scheduler.note(`crash of ${thread.life.name}`)
    this.joins.crashed(shard)
    void thread.exit()
  }

  crashProcess(): void {
    if (!this.router.alive) return
    this.scheduler.note('crash of the process')
    this.joins.crashed(null)
    this.exit(this.process, 'crash')
  }

  /** Wall-clock time as the present process sees it. */
  now(): number {
    return this.clock.peek()
  }

  orderOf(shard: number, firstSequence: number): number {
    return this.orders[shard].get(firstSequence) ?? 0
  }

  /** What a shard of this world needs to know. */
  shardOptions(shard: number): ShardOptions {
    const { shardCount, checkpointIntervalMs } = this.options
    return {
      shard,
      shardCount,
      dataDir: 'simulated',
      mapSizeMaxBytes: 1 << 30,
      definition: DEFINITION,
      limits: DEFAULT_LIMITS,
      dedupeHours: 24,
      dedupeBytesMax: 1 << 20,
      checkpointIntervalMs,
      deadLettersMax: 100,
      deadLettersBytesMax: 1 << 20,
      retentionMs: Number.POSITIVE_INFINITY,
      timers: true,
    }
  }

  private exit(process: number, why: string): void {
    if (this.process !== process || !this.router.alive) return
    this.scheduler.note(`process ends: ${why}`)
    this.ready = false
    this.client = null
    this.disarm()
    this.router.alive = false
    for (const thread of this.threads) if (thread !== undefined) this.kill(thread.life)
    this.threads.length = 0
    this.scheduler.after(1 + this.random.below(20), 'boot', () => this.boot())
  }

  private spawn(shard: number, router: Life): SimulatedThread {
    const life = this.newLife(`shard${shard}`)
    const thread = new SimulatedThread({
      scheduler: this.scheduler,
      options: this.shardOptions(shard),
      shardParts: {
        clock: this.clockOf(life, this.clock.base),
        openStore: (options) => this.openStore(options, life),
        loadVersion: () => Promise.reject(new Error('a simulation serves no models')),
      },
      life,
      routerLife: router,
      toThread: this.way(),
      toRouter: this.way(),
      startMs: this.take('soon'),
      exitMs: () => this.take('port'),
      ended: (ended) => this.kill(ended.life),
      posted: (from, messages) => this.observer.posted(from, messages),
      polls: () => this.chances.polls(),
    })
    this.threads[shard] = thread
    return thread
  }

  private openStore(options: ShardOptions, life: Life): ShardStore {
    const { shard, shardCount, deadLettersMax, deadLettersBytesMax } = options
    const disk = this.disks[shard]
    const environment = new SimulatedEnvironment(disk, this.diskControl(shard, life))
    this.environments.set(life, environment)
    // With one, whoever looks at a record after the next was read finds the memory used again.
    const cachedBlocks = this.options.seed % 4 === 1 ? 1 : CACHED_BLOCKS
    const store = { shard, shardCount, deadLettersMax, deadLettersBytesMax, cachedBlocks }
    const opened = ShardStore.over(environment, ENDLESS_ROOM, store)
    this.joins.forgetLost(shard, opened.nextSequence)
    return opened
  }

  private diskControl(shard: number, life: Life): DiskControl {
    return {
      called: () => {
        this.work(life)
        return life.called('store')
      },
      nextCommit: (waiting) => {
        const count = this.chances.together(waiting)
        const fails = this.failNextCommit && this.faults
        if (fails) {
          this.failNextCommit = false
          this.coverage.reach('fault failed commit')
          this.scheduler.note(`a commit of shard ${shard} fails`)
        }
        return { count, fails }
      },
      later: (what, work) => {
        const label = `${life.name} ${what}`
        const alive = (): void => {
          if (life.alive) work()
        }
        if (what === 'commit') this.scheduler.after(this.take('commit'), label, alive)
        else this.notifyWay(life).carry(life, label, alive)
      },
      changedInFlight: (table, key) => {
        this.observer.broke('buffers', `${table} ${key} was changed while its commit was in flight`)
      },
      queued: (block, firstSequence) => {
        this.orders[shard].set(firstSequence, ++this.blocksQueued)
        this.joins.queued(shard, block)
      },
      durable: (block) => this.joins.durable(shard, block),
    }
  }

  /** Counts what one turn of a thread asks of its store. */
  private work(life: Life): void {
    const { steps } = this.scheduler
    if (this.worksIn !== steps) {
      this.worksIn = steps
      this.calls = 0
    }
    // A check asks for many profiles at once while time stands still.
    if (life.starting || this.still || ++this.calls !== TURN_STORE_CALLS_MAX + 1) return
    const what = `a turn of ${life.name} asks more than ${TURN_STORE_CALLS_MAX} times of its store`
    this.observer.broke('turns are bounded', what)
  }

  private notifyWay(life: Life): Way {
    const known = this.notifies.get(life)
    if (known !== undefined) return known
    const made = new Way(this.scheduler, () => this.take('notify'))
    this.notifies.set(life, made)
    return made
  }

  /** A thread is no more: what it posted last and wrote last may be lost. */
  private kill(life: Life): void {
    if (!life.alive) return
    life.alive = false
    const keeps = this.chances.lastWords()
    life.lostAfterMs = this.scheduler.nowMs + (keeps ? this.random.float() : -1)
    if (!keeps) this.coverage.reach('fault message lost by a crash')
    this.environments.get(life)?.crash((waiting) => {
      const kept = this.chances.kept(waiting)
      if (kept > 0) this.coverage.reach('fault commit kept through a crash')
      if (kept < waiting) this.coverage.reach('fault commit lost by a crash')
      return kept
    })
    this.environments.delete(life)
    this.notifies.delete(life)
  }

  private newLife(name: string): Life {
    return new Life(name, (life, kind) => this.struck(life, kind))
  }

  private struck(life: Life, kind: CallKind): void {
    const { armed } = this
    if (armed === null) return
    if (armed.target !== null && this.threads[armed.target]?.life !== life) return
    armed.calls--
    if (armed.calls > 0) return
    this.armed = null
    this.coverage.reach(`fault crash at a call of ${kind}`)
    if (!this.ready) this.coverage.reach('race crash during recovery')
    if (armed.target === null) this.crashProcess()
    else this.crashThread(armed.target)
  }

  private strikeJoin(state: JoinState, sourceShard: number, targetShard: number): void {
    const armed = this.armedAtJoin
    if (armed === null || armed.state !== state) return
    this.armedAtJoin = null
    const atTarget = targetShard >= 0 && this.random.chance(0.5)
    const target = armed.kind === 'process' ? null : atTarget ? targetShard : sourceShard
    this.arm(target, 1 + this.random.below(CALLS_AFTER_STATE_MAX))
  }

  private clockOf(life: Life, base: ClockBase): SimulatedClock {
    return new SimulatedClock(this.scheduler, life, base, () => this.take('soon'))
  }

  /** How long something takes now. */
  private take(what: 'commit' | 'notify' | 'port' | 'peer' | 'soon'): number {
    return this.still ? 0 : this.chances[what]()
  }

  private way(): Way {
    return new Way(this.scheduler, () => this.take('port'))
  }

  private seededChances(): Chances {
    const { random } = this
    return {
      commit: () => {
        if (!this.faults || !random.chance(0.01)) return 0.2 + random.float() * 2
        this.coverage.reach('fault slow commit')
        return 20 + random.float() * 300
      },
      notify: () => random.float() * 0.2,
      port: () => random.float() * (random.chance(0.02) ? 20 : 0.3),
      peer: () => random.float() * (random.chance(0.05) ? 20 : 0.3),
      soon: () => random.float() * 0.1,
      together: (waiting) => (random.chance(0.5) ? waiting : 1 + random.below(waiting)),
      kept: (waiting) => random.below(waiting + 1),
      lastWords: () => random.chance(0.5),
      polls: () => random.chance(0.5),
    }
  }
}
