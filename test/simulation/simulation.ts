import { JOIN_STATES } from './coverage.ts'
import type { Operation } from './coverage.ts'
import { Inspection } from './inspection.ts'
import { PROMISES } from './promises.ts'
import type { Broken, Promised } from './promises.ts'
import { Random } from './random.ts'
import { Shoppers } from './shoppers.ts'
import { EPOCH_MS, World } from './world.ts'

export interface SimulationOptions {
  readonly seed: number
  /** At least: a message sent, a look-up, a crash is one each. */
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
  undo: 1.5,
  'look-up': 6,
  'time travel': 1,
  events: 1,
  checkpoint: 1.5,
  'thread crash': 1,
  'process crash': 0.5,
  stop: 0.15,
  'clock jump': 0.1,
  'failed commit': 0.1,
}

const OPERATIONS_A_QUIET = 250
const JUMPED_MS_MAX = (20 * 3_600_000) / 2
const CALLS_TO_CRASH_MAX = 300
/** Ends at which all profiles are compared, and recovered over copies: they cost as much as the rest. */
const WHOLE_SHARE = 0.4
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
  private readonly inspection: Inspection
  private readonly weights: Record<string, number>

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
    const { random } = this
    this.inspection = new Inspection(this.world, this.shoppers, { random, only: options.only })
    this.weights = { ...WEIGHTS }
    for (const left of options.without ?? []) this.weights[left] = 0
  }

  async run(): Promise<SimulationResult> {
    const { world, options, inspection } = this
    const { broken } = inspection
    let operations = 0
    world.boot()
    await inspection.untilReady()
    world.faults = true
    let quietAt = OPERATIONS_A_QUIET
    while (operations < options.operations && broken.length === 0) {
      operations += await this.operate(this.random.weighted(this.weights) as Operation)
      const last = operations >= options.operations
      if (!last && operations < quietAt) continue
      quietAt = operations + OPERATIONS_A_QUIET
      await inspection.quieten({
        retries: last || this.random.chance(0.7),
        whole: last && this.random.chance(WHOLE_SHARE),
      })
      world.faults = true
    }
    const { scheduler, coverage } = world
    const order = (b: Broken): number => PROMISES.indexOf(b.promise)
    return {
      seed: options.seed,
      broken: broken.sort((a, b) => order(a) - order(b)),
      operations,
      hash: scheduler.hash,
      steps: scheduler.steps,
      coverage: [...coverage.counts],
    }
  }

  /** Returns how many operations it was. */
  private async operate(operation: Operation): Promise<number> {
    const { world, shoppers, random } = this
    let count = 1
    switch (operation) {
      case 'retry':
        count = shoppers.retry()
        break
      case 'repeat':
        count = shoppers.repeat()
        break
      case 'undo':
        this.undo()
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
        count = shoppers.send(operation)
    }
    await world.scheduler.sleep(random.chance(0.1) ? random.float() * 60 : random.float() * 4)
    this.inspection.watchProcess()
    return Math.max(1, count)
  }

  private arm(operation: Operation, target: number | null): void {
    const { world, random } = this
    if (world.isArmed) return
    world.coverage.reach(`operation ${operation}`)
    if (this.weights.identify > 0 && random.chance(0.6)) {
      world.armAtJoin(random.pick(JOIN_STATES), target === null ? 'process' : 'thread')
      this.shoppers.send('identify')
      return
    }
    world.arm(target, 1 + random.below(random.chance(0.5) ? 40 : CALLS_TO_CRASH_MAX))
  }

  private jump(): void {
    const { world, random } = this
    world.coverage.reach('operation clock jump')
    const ms = random.pick([5_000, 3_600_000, 86_400_000]) * random.float()
    const at = world.wallOffsetMs + (random.chance(0.5) ? ms : -ms)
    // Further, and message ids would rightly be forgotten: a repeat would be a new message.
    if (Math.abs(at - EPOCH_MS) < JUMPED_MS_MAX) world.wallOffsetMs = at
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

  private undo(): void {
    const { world, shoppers } = this
    const { client } = world
    if (!world.ready || client === null) return
    world.coverage.reach('operation undo')
    client.undo(shoppers.anId(), {
      answered: (status) => world.coverage.reach(`undo answered ${status}`),
      failed: (error) => world.scheduler.fail(error),
    })
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
}
