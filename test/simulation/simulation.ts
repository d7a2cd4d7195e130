import { FreshFold } from './copies.ts'
import type { Operation } from './coverage.ts'
import { JournalView } from './journal-view.ts'
import {
  AcknowledgedIsDurable,
  PROMISES,
  checkJournals,
  checkProfiles,
} from './promises.ts'
import type { Broken, LiveAnswer, Promised, Quiet } from './promises.ts'
import { Random } from './random.ts'
import { Shoppers } from './shoppers.ts'
import { World } from './world.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly operations: number
  /** Operations that are left out. */
  readonly without?: readonly Operation[]
  /** Promises that are checked; all if absent. */
  readonly only?: readonly Promised[]
  readonly trace?: (line: string) => void
}

export interface SimulationResult {
  readonly seed: number
  readonly broken: readonly Broken[]
  /** Operations until something was found broken. */
  readonly operations: number
  readonly hash: number
  readonly steps: number
  readonly coverage: readonly (readonly [string, number])[]
}

const WEIGHTS: Readonly<Record<Operation, number>> = {
  track: 45,
  identify: 10,
  alias: 4,
  'alias of a device': 1,
  retry: 6,
  repeat: 8,
  import: 2,
  late: 4,
  flood: 0.6,
  'look-up': 6,
  'time travel': 2,
  events: 1,
  checkpoint: 1.5,
  'thread crash': 1.2,
  'process crash': 0.7,
  stop: 0.15,
  'clock jump': 0.1,
  'failed commit': 0.1,
}

const OPERATIONS_A_QUIET = 100
/** Simulated time in which timers that an import has stopped run again. */
const QUIET_MS = 12_000
/** Events within which all work must have ended after traffic has. */
const QUIET_STEPS_MAX = 20_000
const RETRIES_MAX = 10
/** A due instant between a shard's last tick and now makes one comparison differ, not three. */
const COMPARISONS = 3
/** Quiet points at which shards are recovered over copies of the disks. */
const RECOVERED_SHARE = 0.15
const CALLS_TO_CRASH_MAX = 300
/** Calls of the store within one turn. */
const TURN_STORE_CALLS_MAX = 2_000

/** Runs one seed to its end, or to the first quiet point at which a promise is found broken. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const run = new Simulation(options)
  return await run.run()
}

class Simulation {
  private readonly options: SimulationOptions
  private readonly random: Random
  private readonly world: World
  private readonly shoppers: Shoppers
  private readonly view: JournalView
  private readonly durable: AcknowledgedIsDurable
  private readonly fresh = new FreshFold()
  private readonly broken: Broken[] = []
  private readonly weights: Record<string, number>
  private process = 0

  constructor(options: SimulationOptions) {
    this.options = options
    this.random = new Random(options.seed)
    this.world = new World({
      seed: options.seed,
      shardCount: this.random.pick([2, 3, 2, 4]),
      checkpointIntervalMs: this.random.pick([500, 2_000, 10_000]),
    })
    this.world.scheduler.trace = options.trace ?? null
    this.shoppers = new Shoppers(this.world)
    this.view = new JournalView(this.world.disks, (shard, first) => this.world.orderOf(shard, first))
    this.durable = new AcknowledgedIsDurable(this.world.disks)
    this.weights = { ...WEIGHTS }
    for (const left of options.without ?? []) this.weights[left] = 0
    this.world.observer = {
      posted: (_shard, messages) => this.note(this.durable.check(messages)),
      broke: (rule, what) => this.note({ promise: rule as Promised, what }),
    }
  }

  async run(): Promise<SimulationResult> {
    const { world, options } = this
    let operations = 0
    world.boot()
    await this.untilReady()
    world.faults = true
    while (operations < options.operations && this.broken.length === 0) {
      operations++
      await this.operate(this.random.weighted(this.weights) as Operation)
      const last = operations === options.operations
      if (last || operations % OPERATIONS_A_QUIET === 0) await this.quieten(last)
    }
    const { scheduler, coverage } = world
    const order = (b: Broken): number => PROMISES.indexOf(b.promise)
    return {
      seed: options.seed,
      broken: this.broken.sort((a, b) => order(a) - order(b)),
      operations,
      hash: scheduler.hash,
      steps: scheduler.steps,
      coverage: [...coverage.counts],
    }
  }

  private note(broken: Broken | null): void {
    if (broken === null) return
    const { only } = this.options
    if (only === undefined || only.includes(broken.promise)) this.broken.push(broken)
  }

  private async operate(operation: Operation): Promise<void> {
    const { world, shoppers, random } = this
    switch (operation) {
      case 'retry':
        shoppers.retry()
        break
      case 'repeat':
        shoppers.repeat()
        break
      case 'look-up':
      case 'time travel':
      case 'events':
        this.ask(operation)
        break
      case 'checkpoint':
        this.checkpoint()
        break
      case 'thread crash':
        this.arm(operation, random.below(world.options.shardCount))
        break
      case 'process crash':
        this.arm(operation, null)
        break
      case 'failed commit':
        world.coverage.reach('operation failed commit')
        world.failNextCommit = true
        break
      case 'stop':
        world.coverage.reach('operation stop')
        if (world.ready) world.stop()
        break
      case 'clock jump':
        this.jump()
        break
      default:
        shoppers.send(operation)
    }
    await world.scheduler.sleep(random.chance(0.1) ? random.float() * 60 : random.float() * 4)
    this.watchProcess()
  }

  private arm(operation: Operation, target: number | null): void {
    const { world, random } = this
    if (world.isArmed) return
    world.coverage.reach(`operation ${operation}`)
    world.arm(target, 1 + random.below(random.chance(0.5) ? 40 : CALLS_TO_CRASH_MAX))
    // Half of all crashes strike while a join may be under way.
    if (this.weights.identify > 0 && random.chance(0.7)) this.shoppers.send('identify')
  }

  private jump(): void {
    const { world, random } = this
    world.coverage.reach('operation clock jump')
    const ms = random.pick([5_000, 3_600_000, 86_400_000]) * random.float()
    world.wallOffsetMs += random.chance(0.5) ? ms : -ms
  }

  private checkpoint(): void {
    const { world } = this
    if (!world.ready || world.client === null) return
    world.coverage.reach('operation checkpoint')
    if (world.joins.pending > 0) world.coverage.reach('race checkpoint while a join is pending')
    world.client.checkpoint().catch(() => undefined)
    if (this.random.chance(0.3)) {
      world.coverage.reach('race crash during a checkpoint')
      world.arm(this.random.chance(0.5) ? null : 0, 1 + this.random.below(60))
    }
  }

  private ask(operation: 'look-up' | 'time travel' | 'events'): void {
    const { world, shoppers, random } = this
    const { client } = world
    if (!world.ready || client === null) return
    world.coverage.reach(`operation ${operation}`)
    const id = shoppers.anId()
    const at = operation === 'look-up' ? null : world.now() - random.below(5_000)
    const asked =
      operation === 'events'
        ? client.query({ kind: 'events', id, limit: 10, before: '' })
        : client.query({ kind: 'profile', id, scope: 'all', minPosition: '', at })
    asked.catch((error: unknown) => world.scheduler.fail(error))
  }

  private watchProcess(): void {
    if (this.process === this.world.process && this.world.client !== null) return
    this.process = this.world.process
    this.shoppers.disconnected()
  }

  private async untilReady(): Promise<void> {
    const { world } = this
    const { scheduler } = world
    const limit = scheduler.steps + QUIET_STEPS_MAX
    await scheduler.run(() => world.ready || scheduler.steps > limit || this.broken.length > 0)
    if (!world.ready) this.note({ promise: 'starts', what: 'the process is not ready for long' })
    this.watchProcess()
  }

  /** Faults off; what is under way ends; then everything is checked. */
  private async quieten(last: boolean): Promise<void> {
    const { world, shoppers } = this
    const { scheduler } = world
    world.faults = false
    world.failNextCommit = false
    world.disarm()
    await this.untilReady()
    const retries = last || this.random.chance(0.7) ? RETRIES_MAX : 0
    await this.untilIdle()
    for (let i = 0; i < retries && shoppers.retryAll(); i++) await this.untilIdle()
    await scheduler.sleep(QUIET_MS)
    await this.untilIdle()
    if (this.broken.length > 0) return
    world.joins.settle()
    for (const broken of checkJournals(this.quietPoint([], false))) this.note(broken)
    await this.compareProfiles(last)
    world.faults = true
  }

  private async untilIdle(): Promise<void> {
    const { world, shoppers } = this
    const { scheduler } = world
    const limit = scheduler.steps + QUIET_STEPS_MAX
    const idle = (): boolean => scheduler.pending === 0 || scheduler.steps > limit
    await scheduler.run(idle)
    this.watchProcess()
    if (scheduler.steps > limit) {
      const what = `work goes on for ever: ${scheduler.pending} events wait after ${QUIET_STEPS_MAX}`
      this.note({ promise: 'quiet', what })
    } else if (shoppers.inFlight > 0) {
      this.note({ promise: 'quiet', what: `${shoppers.inFlight} frames are never answered` })
    }
  }

  private async compareProfiles(last: boolean): Promise<void> {
    let broken: Broken[] = []
    const recovers = last || this.random.chance(RECOVERED_SHARE)
    for (let i = 0; i < COMPARISONS; i++) {
      const keys = [...this.view.shoppers.values()].filter(({ forwardedTo }) => forwardedTo === null)
      const some = keys.filter(() => last || this.random.chance(0.3)).map(({ key }) => key)
      broken = checkProfiles(this.quietPoint(await this.answersFor(some), recovers))
      if (broken.length === 0) return
      await this.world.scheduler.sleep(700)
      this.view.refresh()
    }
    for (const found of broken) this.note(found)
  }

  /** Asks while time stands still. */
  private async answersFor(keys: readonly string[]): Promise<LiveAnswer[]> {
    const { world } = this
    const { scheduler, client } = world
    if (client === null) return []
    world.still = true
    const nowMs = world.now()
    const found: LiveAnswer[] = []
    const asked = keys.map(async (key) => {
      const ask = { kind: 'profile', id: key, scope: 'all', minPosition: '' } as const
      const [live, then] = await Promise.all([
        client.query({ ...ask, at: null }),
        client.query({ ...ask, at: nowMs }),
      ])
      found.push({ key, live: live.body, atNow: then.body })
    })
    let done = false
    Promise.all(asked).then(
      () => (done = true),
      (error: unknown) => scheduler.fail(error),
    )
    await scheduler.run(() => done, scheduler.nowMs)
    world.still = false
    if (!done) this.note({ promise: 'quiet', what: 'look-ups are not answered' })
    return found
  }

  private quietPoint(answers: readonly LiveAnswer[], recovers: boolean): Quiet {
    const { world, view, fresh } = this
    const { messages } = this.shoppers
    return { world, view, messages, nowMs: world.now(), answers, fresh, recovers }
  }
}

export { TURN_STORE_CALLS_MAX }
