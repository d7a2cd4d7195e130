import { ownerOf, parseKey } from '../../src/event/profile-key.ts'
import type { Query } from '../../src/protocol/shards.ts'
import { Inspection } from './inspection.ts'
import { isAcknowledged } from './messages.ts'
import type { Message } from './messages.ts'
import type { Broken } from './promises.ts'
import { Random } from './random.ts'
import { Shoppers } from './shoppers.ts'
import { World } from './world.ts'
import type { Chances } from './world.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const STEPS_MAX = 20_000
const UNDO_TRIES = 100

/**
 * A world in which nothing is left to chance: a dozen operations, told one by one, that lead to one
 * fault. Times are short unless the scenario says otherwise; a crash loses all that is not durable.
 */
export class Scenario {
  readonly world: World
  readonly shoppers: Shoppers
  readonly chances: Mutable<Chances> = {
    commit: () => 1,
    notify: () => 0.1,
    port: () => 0.1,
    peer: () => 0.1,
    soon: () => 0.01,
    together: () => 1,
    kept: () => 0,
    lastWords: () => false,
    polls: () => false,
  }
  private readonly inspection: Inspection
  private readonly used = new Map<string, number>()

  private constructor(shardCount: number) {
    const { chances } = this
    // The scenario may set other chances at any time.
    const now = <K extends keyof Chances>(name: K): Chances[K] =>
      ((...given: [number]) =>
        (chances[name] as (waiting: number) => unknown)(...given)) as Chances[K]
    this.world = new World({
      seed: 1,
      shardCount,
      checkpointIntervalMs: 3_600_000,
      chances: {
        commit: now('commit'),
        notify: now('notify'),
        port: now('port'),
        peer: now('peer'),
        soon: now('soon'),
        together: now('together'),
        kept: now('kept'),
        lastWords: now('lastWords'),
        polls: now('polls'),
      },
    })
    this.shoppers = new Shoppers(this.world)
    this.inspection = new Inspection(this.world, this.shoppers, { random: new Random(1) })
  }

  static async start({ shards = 2 } = {}): Promise<Scenario> {
    const scenario = new Scenario(shards)
    scenario.world.boot()
    await scenario.inspection.untilReady()
    return scenario
  }

  /** An id not used before whose profile lies on that shard. */
  user(shard: number): string {
    return this.idOn('user:', shard)
  }

  device(shard: number): string {
    return this.idOn('anonymous:', shard)
  }

  /** A message of the kind; an id is as {@link user} and {@link device} give it. */
  track(
    id: string,
    more: { imported?: boolean; timestamp?: number; connection?: number } = {},
  ): Message {
    return this.shoppers.message({ type: 'track', ...who(id), event: 'Product Viewed', ...more })
  }

  identify(device: string, user: string, connection = 0): Message {
    const ids = { ...who(user), ...whoseDevice(device) }
    return this.shoppers.message({ type: 'identify', ...ids, connection })
  }

  alias(previous: string, user: string, connection = 0): Message {
    const ids = { ...who(user), previous: bareId(previous) }
    return this.shoppers.message({ type: 'alias', ...ids, connection })
  }

  /** An alias whose former name is that of a device, by the sender's will. */
  aliasOfDevice(device: string, user: string): Message {
    const ids = { ...who(user), previous: bareId(device), previousIsDevice: true }
    return this.shoppers.message({ type: 'alias', ...ids })
  }

  /** Sends without waiting; `connection` says to which shard it goes first. */
  post(messages: readonly Message[], connection = 0): void {
    const imported = messages.some((message) => message.imported)
    this.shoppers.post({ lane: connection }, messages, imported ? 'import' : 'batch')
  }

  /** Sends and waits for the answer. */
  async send(...messages: Message[]): Promise<void> {
    this.post(messages)
    await this.until(() => messages.every((message) => message.inFlight === 0))
    const open = messages.find((message) => !isAcknowledged(message))
    if (open !== undefined) throw new Error(`${open.id} was not acknowledged`)
  }

  /** Asks to undo the newest join of an id; resolves with the status, 0 where the process ended. */
  async undo(id: string): Promise<number> {
    let status = -1
    this.beginUndo(id, (given) => (status = given))
    const { process } = this.world
    await this.until(() => status >= 0 || this.world.process !== process)
    return Math.max(0, status)
  }

  /** The same without waiting. */
  beginUndo(id: string, answered: (status: number) => void = () => undefined): void {
    this.world.client?.undo(id, {
      answered: (status) => answered(status),
      failed: (error) => this.world.scheduler.fail(error),
    })
  }

  /** Until an undo is answered as done, through crashes. */
  async undoSurely(id: string): Promise<void> {
    for (let tries = 0; tries < UNDO_TRIES; tries++) {
      await this.inspection.untilReady()
      const status = await this.undo(id)
      if (status === 200) return
      if (status !== 202 && status !== 503 && status !== 0) throw new Error(`undo: ${status}`)
      await this.world.scheduler.sleep(50)
    }
    throw new Error(`${id} does not come back`)
  }

  /** Sends until it is acknowledged, through crashes. */
  async sendSurely(...messages: Message[]): Promise<void> {
    for (let tries = 0; tries < UNDO_TRIES; tries++) {
      await this.inspection.untilReady()
      const left = messages.filter((message) => !isAcknowledged(message))
      if (left.length === 0) return
      this.post(left)
      const { process } = this.world
      await this.until(
        () => left.every(({ inFlight }) => inFlight === 0) || this.world.process !== process,
      )
      await this.world.scheduler.sleep(50)
    }
    throw new Error('not acknowledged')
  }

  /** Whose each message is, by the journals; several where it is there more than once. */
  ownersOf(messages: readonly Message[]): string[] {
    const { view } = this.inspection
    view.refresh()
    return messages.map(({ id }) => {
      const found = [...view.shoppers.values()].flatMap(({ key, records }) =>
        records.filter(({ messageId }) => messageId === id).map(() => key),
      )
      return found.join(' and ')
    })
  }

  /** The answer to a query. */
  async ask(query: Query): Promise<Record<string, unknown>> {
    let body: string | null = null
    this.world.client?.query(query).then(
      (reply) => (body = reply.body),
      (error: unknown) => this.world.scheduler.fail(error),
    )
    await this.until(() => body !== null)
    return JSON.parse(body ?? '{}') as Record<string, unknown>
  }

  /** Runs until then. */
  async until(reached: () => boolean): Promise<void> {
    const { scheduler } = this.world
    const limit = scheduler.steps + STEPS_MAX
    await scheduler.run(() => reached() || scheduler.steps > limit)
    if (!reached()) throw new Error('the scenario does not come to the point it is about')
  }

  /** Runs until the newest record of the kind of a shopper is on the disk. */
  async untilDurable(list: 'forwards' | 'imports' | 'restored', key: string): Promise<void> {
    const { view } = this.inspection
    await this.until(() => {
      view.refresh()
      return view[list].some((record) => record.key === key)
    })
  }

  async crash(): Promise<void> {
    this.world.crashProcess()
    await this.inspection.untilReady()
  }

  /** What is broken when everything has come to rest; what was not acknowledged is not sent again. */
  async broken(): Promise<readonly Broken[]> {
    await this.inspection.quieten({ retries: false, whole: true })
    return this.inspection.broken
  }

  private idOn(prefix: 'user:' | 'anonymous:', shard: number): string {
    const { shardCount } = this.world.options
    for (let i = this.used.get(prefix) ?? 0; ; i++) {
      const id = `${prefix}${prefix === 'user:' ? 'u' : 'a'}${i}`
      if (ownerOf(parseKey(id), shardCount) !== shard) continue
      this.used.set(prefix, i + 1)
      return id
    }
  }
}

function bareId(id: string): string {
  return id.slice(id.indexOf(':') + 1)
}

function who(id: string): { user: string | null; anonymous: string | null } {
  const bare = bareId(id)
  return id.startsWith('user:') ? { user: bare, anonymous: null } : { user: null, anonymous: bare }
}

function whoseDevice(id: string): { anonymous: string } {
  return { anonymous: bareId(id) }
}
