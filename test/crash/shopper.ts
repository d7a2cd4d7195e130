import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/simulator/random.ts'
import type { Channel } from './channel.ts'
import { Cluster, ORDER, VIEW } from './cluster.ts'
import type { Entry, MessageFields } from './cluster.ts'
import type { Category } from './failures.ts'
import type { Gate } from './gate.ts'
import type { ProfileId } from './identity-ledger.ts'
import type { Delivery, Sender } from './sender.ts'
import type { Tallies } from './tally.ts'

/** Longest rest between two steps. */
const REST_MS_MAX = 60
const DAY_MS = 86_400_000
/** History lies this far back: outside of every window of the profile definition. */
const HISTORY_DAYS = { least: 60, most: 400 }
/** A chain of forwards up to this long is never refused. */
const FORWARDS_SAFE = 7

export interface Channels {
  readonly http: Channel
  readonly streams: readonly Channel[]
}

export interface ShopperParts {
  readonly sender: Sender
  readonly channels: Channels
  readonly gate: Gate
  readonly random: Random
  readonly tallies: Tallies
  /** Acknowledged messages are sent once more. */
  readonly repeats: boolean
  readonly report: (category: Category, subject: string, detail: string) => void
}

export interface EventOptions {
  readonly revenue?: number
  readonly predict?: boolean
}

/**
 * Acts for the ids of one cluster. Events go out without waiting, on any channel; joins are waited
 * for, so that their order is known. Invariant: between {@link rest}s, and when a scenario has ended,
 * nothing of the cluster is under way.
 */
export class Shopper {
  readonly cluster: Cluster
  readonly random: Random
  readonly #parts: ShopperParts
  #pending: Promise<boolean>[] = []
  #names = 0

  constructor(name: string, parts: ShopperParts) {
    this.cluster = new Cluster(name)
    this.random = parts.random
    this.#parts = parts
  }

  /** Some events of now, in one message or many. */
  events(id: ProfileId, count: number, { revenue, predict }: EventOptions = {}): void {
    const event = revenue === undefined ? VIEW : ORDER
    const fields = { type: 'track', id, event, revenue } as const
    this.#send(
      Array.from({ length: count }, () => this.cluster.add(fields)),
      { predict },
    )
  }

  /** Some events of long ago; with attributes that were true then. */
  history(id: ProfileId, count: number): void {
    const { least, most } = HISTORY_DAYS
    const days = least + this.random.integer(most - least)
    const start = Date.now() - days * DAY_MS
    const entries = Array.from({ length: count }, (_, i) => {
      const historyTime = start + i * 60_000
      if (i === 0 && id.startsWith('user:')) {
        const attributes = { name: 'of long ago' }
        return this.cluster.add({ type: 'identify', id, attributes, historyTime })
      }
      return this.cluster.add({ type: 'track', id, event: ORDER, revenue: 2, historyTime })
    })
    this.#send(entries, { history: true })
  }

  /** The device logs in; also under the alias form. Resolves when that is answered. */
  async login(
    device: ProfileId,
    user: ProfileId,
    form: 'identify' | 'alias' = 'identify',
  ): Promise<Entry> {
    const { identity } = this.cluster
    const before = identity.loginOf(device)
    if (before === null) this.cluster.noteJoin(device)
    identity.beginLogin(device, user)
    const attributes = form === 'identify' ? { name: `name ${this.#names++}` } : undefined
    const entry = this.cluster.add({ type: form, id: user, other: device, attributes })
    const accepted = await this.#deliver([entry], {})
    identity.endLogin(device, accepted)
    if (accepted) this.#parts.tallies.add('logins')
    if (accepted && before !== null && before !== user) this.#parts.tallies.add('secondLogins')
    this.#judgeRefusal(entry, identity.heightAfter(user, user) + 1)
    return entry
  }

  /** The user is renamed. Resolves when that is answered. */
  async alias(previous: ProfileId, next: ProfileId): Promise<void> {
    const { identity } = this.cluster
    const entry = this.#aliasEntry(previous, next)
    const height = identity.heightAfter(previous, next)
    this.cluster.noteJoin(previous)
    if (await this.#deliver([entry], {})) identity.alias(previous, next)
    this.#judgeRefusal(entry, height)
  }

  /** Renames under way at the same time, on different connections. */
  async aliasAtOnce(pairs: readonly (readonly [ProfileId, ProfileId])[]): Promise<void> {
    const entries = pairs.map(([previous, next]) => this.#aliasEntry(previous, next))
    const { http, streams } = this.#parts.channels
    const ways = [http, ...streams]
    const answers = await Promise.all(
      entries.map((entry, i) => this.#deliver([entry], { channel: ways[i % ways.length] })),
    )
    const { identity } = this.cluster
    identity.aliasAtOnce(pairs.filter((_, i) => answers[i]))
    this.#parts.tallies.add('races', pairs.length)
    for (const entry of entries) this.#judgeRefusal(entry, 0)
  }

  /** Messages in one body, in their order; joins among them must be entered by the caller. */
  together(messages: readonly MessageFields[]): Promise<boolean> {
    const entries = messages.map((fields) => this.cluster.add(fields))
    return this.#deliver(entries, { whole: true })
  }

  /** Some messages that are acknowledged already, once more. */
  repeat(count: number): void {
    const known = this.cluster.acknowledged()
    for (let i = 0; i < count; i++) {
      const which = Math.floor(this.random.next() * known.length)
      if (known.length > 0) this.repeatOne(known[which])
    }
  }

  repeatOne(entry: Entry): void {
    if (!this.#parts.repeats || entry.state !== 'acknowledged') return
    this.#parts.tallies.add('repeated')
    this.#send([entry], { history: entry.historyTime !== null })
  }

  /** Resolves when everything sent is answered. */
  async settle(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    await Promise.all(pending)
  }

  /** A moment in which the audit may read. */
  async rest(): Promise<void> {
    const { gate } = this.#parts
    await this.settle()
    gate.leave()
    await sleep(this.random.next() * REST_MS_MAX)
    await gate.enter()
  }

  #aliasEntry(previous: ProfileId, next: ProfileId): Entry {
    return this.cluster.add({ type: 'alias', id: next, other: previous })
  }

  /** One to three bodies, on any channels. */
  #send(
    entries: readonly Entry[],
    { predict, history }: { predict?: boolean; history?: boolean },
  ): void {
    const bodies = 1 + this.random.integer(Math.min(3, entries.length))
    const size = Math.ceil(entries.length / bodies)
    for (let first = 0; first < entries.length; first += size) {
      const part = entries.slice(first, first + size)
      const delivered = this.#deliver(part, { predict, history })
      // Awaited by settle(); a server that is gone is told there and not as an unhandled rejection.
      delivered.catch(() => undefined)
      this.#pending.push(delivered)
    }
  }

  #deliver(
    entries: readonly Entry[],
    options: { channel?: Channel; whole?: boolean; predict?: boolean; history?: boolean },
  ): Promise<boolean> {
    const { sender } = this.#parts
    const { whole = false, predict = false, history = false } = options
    const channel = predict ? this.#parts.channels.http : (options.channel ?? this.#anyChannel())
    const single = !whole && this.random.next() < 0.6
    const delivery: Delivery = { cluster: this.cluster, entries, channel, history, predict, single }
    return sender.deliver(delivery)
  }

  #anyChannel(): Channel {
    const { http, streams } = this.#parts.channels
    if (this.random.next() < 0.5) return http
    return streams[this.random.integer(streams.length)]
  }

  #judgeRefusal({ state, messageId, text }: Entry, height: number): void {
    if (state !== 'refused' || height > FORWARDS_SAFE) return
    const detail = `refused with ${height} forwards in a row, within every bound: ${text}`
    this.#parts.report('refused', messageId, detail)
  }
}
