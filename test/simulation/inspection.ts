import { FreshFold } from './copies.ts'
import { JournalView } from './journal-view.ts'
import { AcknowledgedIsDurable, checkJournals, checkProfiles } from './promises.ts'
import type { Broken, LiveAnswer, Promised, Quiet } from './promises.ts'
import type { Random } from './random.ts'
import type { Shoppers } from './shoppers.ts'
import { PlainValues } from './values.ts'
import type { World } from './world.ts'

/** Simulated time in which timers that an import has stopped run again. */
const QUIET_MS = 12_000
/** Events within which all work must have ended after traffic has. */
const QUIET_STEPS_MAX = 30_000
const RETRIES_MAX = 10
/** A due instant between a shard's last tick and now makes one comparison differ, not three. */
const COMPARISONS = 3
/** Quiet points at which shards are recovered over copies of the disks. */
const RECOVERED_SHARE = 0.15
/** Profiles that are compared at a quiet point before the last. */
const COMPARED_SHARE = 0.08

export interface QuietChoice {
  /** Messages that were not acknowledged are sent again until they are. */
  readonly retries: boolean
  /** All profiles are compared, and with those after a recovery. */
  readonly whole: boolean
}

/**
 * Looks at a world and keeps what it finds broken: all the time for what an answer says, at quiet
 * points for everything else.
 */
export class Inspection {
  readonly broken: Broken[] = []
  readonly view: JournalView
  private readonly world: World
  private readonly shoppers: Shoppers
  private readonly random: Random
  private readonly only: readonly Promised[] | undefined
  private readonly fresh = new FreshFold()
  private readonly values = new PlainValues()
  private process = 0

  constructor(
    world: World,
    shoppers: Shoppers,
    { random, only }: { random: Random; only?: readonly Promised[] | undefined },
  ) {
    this.world = world
    this.shoppers = shoppers
    this.random = random
    this.only = only
    this.view = new JournalView(world.disks, (shard, first) => world.orderOf(shard, first))
    const durable = new AcknowledgedIsDurable(world.disks)
    world.observer = {
      posted: (_shard, messages) => this.note(durable.check(messages)),
      broke: (rule, what) => this.note({ promise: rule, what }),
    }
  }

  /** The connections of a process that has ended are gone. */
  watchProcess(): void {
    if (this.process === this.world.process && this.world.client !== null) return
    this.process = this.world.process
    this.shoppers.disconnected()
  }

  async untilReady(): Promise<void> {
    const { world } = this
    const { scheduler } = world
    const limit = scheduler.steps + QUIET_STEPS_MAX
    await scheduler.run(() => world.ready || scheduler.steps > limit)
    if (!world.ready) this.note({ promise: 'starts', what: 'the process is not ready for long' })
    this.watchProcess()
  }

  /** Faults off; what is under way ends; then everything is checked. */
  async quieten({ retries, whole }: QuietChoice): Promise<void> {
    const { world, shoppers } = this
    world.faults = false
    world.failNextCommit = false
    world.disarm()
    await this.untilReady()
    await this.untilIdle()
    if (this.broken.length > 0) return
    for (let i = 0; retries && i < RETRIES_MAX && shoppers.retryAll(); i++) await this.untilIdle()
    await world.scheduler.sleep(QUIET_MS)
    await this.untilIdle()
    if (this.broken.length > 0) return
    world.joins.settle()
    for (const broken of checkJournals(this.quietPoint([], false))) this.note(broken)
    await this.compareProfiles(whole)
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

  private async compareProfiles(whole: boolean): Promise<void> {
    let broken: Broken[] = []
    const recovers = whole || this.random.chance(RECOVERED_SHARE)
    for (let i = 0; i < COMPARISONS; i++) {
      const keys = [...this.view.shoppers.values()].filter(
        ({ forwardedTo }) => forwardedTo === null,
      )
      const some = keys
        .filter(() => whole || this.random.chance(COMPARED_SHARE))
        .map(({ key }) => key)
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
    const { world, view, fresh, values } = this
    const { messages } = this.shoppers
    return { world, view, messages, nowMs: world.now(), answers, fresh, values, recovers }
  }

  private note(broken: Broken | null): void {
    if (broken === null) return
    if (this.only === undefined || this.only.includes(broken.promise)) this.broken.push(broken)
  }
}
