/**
 * Data of the first storage format, as its crashes and its livelock left it, is put right when the
 * product opens it: whenever it is cut short there, everything is there once, and where it belongs.
 */
import { describe, expect, test } from 'vitest'
import { ownerOf, parseKey } from '../../src/event/profile-key.ts'
import { RENAMES_MAX } from '../../src/identity/limits.ts'
import type { ShardClient } from '../../src/router/client.ts'
import { recoverCopy } from './copies.ts'
import { JournalView } from './journal-view.ts'
import { isAcknowledged } from './messages.ts'
import type { Message } from './messages.ts'
import { OldData } from './old-data.ts'
import { Shoppers } from './shoppers.ts'
import { EPOCH_MS, World } from './world.ts'

const SHARDS = 3
const DAY_MS = 86_400_000
const STEPS_MAX = 60_000
/** Rows that take many turns to walk through. */
const CROWD = 9_000
/** Calls of store, port and clock, at each of which one run is cut short; more than there are. */
const CALLS_MAX = 5_000
/** Every so many calls are one; odd, so that each time the disks keep more or less. */
const STRIDE = 7

/** Message ids by the profile that they belong to. */
type Expected = Readonly<Record<string, readonly string[]>>

interface Story {
  readonly expected: Expected
  /** Ids that lead to a profile. */
  readonly leads: Readonly<Record<string, string>>
}

class Directory {
  readonly world: World
  readonly old: OldData
  private readonly used = new Map<string, number>()

  constructor({ kept = 0, turnMs = 0.01 } = {}) {
    this.world = new World({
      seed: 1,
      shardCount: SHARDS,
      checkpointIntervalMs: 3_600_000,
      chances: {
        commit: () => 1,
        notify: () => 0.1,
        port: () => 0.1,
        peer: () => 0.1,
        soon: () => turnMs,
        together: () => 1,
        kept: (waiting) => Math.floor(waiting * kept),
        lastWords: () => false,
        polls: () => false,
      },
    })
    this.old = new OldData(this.world.disks, EPOCH_MS - DAY_MS)
  }

  user(shard: number): string {
    return this.idOn('user:u', shard)
  }

  device(shard: number): string {
    return this.idOn('anonymous:a', shard)
  }

  async until(reached: () => boolean): Promise<void> {
    const { scheduler } = this.world
    const limit = scheduler.steps + STEPS_MAX
    await scheduler.run(() => reached() || scheduler.steps > limit)
    if (!reached()) throw new Error('it does not come to an end')
  }

  /** So many devices that logged in before they did anything: a long walk through the rows. */
  crowd(): void {
    const user = this.user(0)
    for (let i = 0; i < CROWD; i++) this.old.forward(this.device(i % SHARDS), user)
  }

  get healed(): boolean {
    return this.world.disks.every(({ meta }) => meta.has('joinsHealed'))
  }

  /** Until a process is ready, has healed everything, and nothing is under way. */
  async rest(): Promise<void> {
    const { world } = this
    await this.until(() => world.ready && this.healed)
    await this.until(() => world.scheduler.pending === 0)
    await world.scheduler.sleep(2_000)
    await this.until(() => world.scheduler.pending === 0)
  }

  /** Asks while time stands still. */
  private async ask<T>(question: (client: ShardClient, nowMs: number) => Promise<T>): Promise<T> {
    const { client, scheduler } = this.world
    if (client === null) throw new Error('no process')
    const answers: T[] = []
    this.world.still = true
    question(client, this.world.now()).then(
      (answer) => answers.push(answer),
      (error: unknown) => scheduler.fail(error),
    )
    await scheduler.run(() => answers.length > 0, scheduler.nowMs)
    this.world.still = false
    if (answers.length === 0) throw new Error('no answer')
    return answers[0]
  }

  /** The profile that an id leads to, live and by time travel to now, and when that was. */
  profile(id: string): Promise<{ live: string; atNow: string; nowMs: number }> {
    return this.ask(async (client, nowMs) => {
      const query = { kind: 'profile', id, scope: 'all', minPosition: '' } as const
      const [live, then] = await Promise.all([
        client.query({ ...query, at: null }),
        client.query({ ...query, at: nowMs }),
      ])
      return { live: live.body, atNow: then.body, nowMs }
    })
  }

  async eventsOf(id: string): Promise<string[]> {
    const query = { kind: 'events', id, limit: 1000, before: '' } as const
    const { body } = await this.ask((client) => client.query(query))
    const { events } = JSON.parse(body) as { events: { message: { messageId: string } }[] }
    return events.map(({ message }) => message.messageId).sort()
  }

  async pending(): Promise<number> {
    const stats = await this.ask((client) => client.stats())
    return stats.reduce((sum, { gauges }) => sum + gauges.joins_pending, 0)
  }

  records(): number {
    return this.world.disks.reduce((sum, { tables }) => {
      return sum + tables.journal.keys.length
    }, 0)
  }

  private idOn(prefix: string, shard: number): string {
    for (let i = this.used.get(prefix) ?? 0; ; i++) {
      const id = `${prefix}${i}`
      if (ownerOf(parseKey(id), SHARDS) !== shard) continue
      this.used.set(prefix, i + 1)
      return id
    }
  }
}

/** A live profile is the one that time travel to now gives, and a recovery over the same disk. */
async function checkWays(directory: Directory, id: string): Promise<void> {
  const { world } = directory
  const { live, atNow, nowMs } = await directory.profile(id)
  expect(bare(atNow), id).toBe(bare(live))
  const shard = ownerOf(parseKey(id), SHARDS)
  const copy = recoverCopy(world.disks[shard], world.shardOptions(shard), { nowMs, keys: [id] })
  expect(copy.get(id), id).toBe(live)
}

function bare(text: string): string {
  return text.replace(/"position":"[^"]*",/, '').replace(/,"links":\[.*?\]\}$/, '}')
}

async function checkAll(
  directory: Directory,
  { expected, leads }: Story,
  { ways = true } = {},
): Promise<void> {
  expect(await directory.pending()).toBe(0)
  const places = new Map<string, string[]>()
  for (const id of Object.keys(expected)) places.set(id, await directory.eventsOf(id))
  expect(Object.fromEntries(places)).toEqual(
    Object.fromEntries(Object.entries(expected).map(([id, ids]) => [id, [...ids].sort()])),
  )
  for (const [id, root] of Object.entries(leads)) {
    const { live } = await directory.profile(id)
    const { id: found } = JSON.parse(live) as { id: string }
    expect(found, id).toBe(root)
  }
  for (const id of Object.keys(expected)) if (ways) await checkWays(directory, id)
}

/** Faults 1 and 2: confirmed, and imported by nobody. */
function confirmedAndLost(directory: Directory): Story {
  const { old } = directory
  const [user, renamed, other] = [directory.user(0), directory.user(1), directory.user(1)]
  const [device, second] = [directory.device(0), directory.device(0)]
  old.track(user, 'lost u1')
  old.join(user, renamed)
  old.track(device, 'lost a1', 'lost a2')
  old.confirm(old.forward(device, user))
  old.asked(renamed, 'lost login', { anonymous_id: device.slice(10) })
  old.track(second, 'lost b1')
  old.track(other, 'lost o1')
  old.confirm(old.forward(second, other))
  return {
    expected: {
      [renamed]: ['lost u1', 'lost a1', 'lost a2', 'lost login'],
      [other]: ['lost b1', 'lost o1'],
    },
    leads: { [device]: renamed, [user]: renamed, [second]: other },
  }
}

/** Fault 3: imported and not confirmed; and neither. */
function stuck(directory: Directory): Story {
  const { old } = directory
  const [user, device, second] = [directory.user(2), directory.device(2), directory.device(1)]
  old.track(device, 'stuck a1')
  old.track(user, 'stuck u1')
  old.arrives(old.forward(device, user), user)
  old.track(second, 'stuck b1', 'stuck b2')
  old.forward(second, user)
  return {
    expected: { [user]: ['stuck a1', 'stuck u1', 'stuck b1', 'stuck b2'] },
    leads: { [device]: user, [second]: user },
  }
}

/** Fault 4, as a crash left it: both forwards pending, a device that was to join the circle too. */
function circle(directory: Directory): Story {
  const { old } = directory
  const [one, other, before] = [directory.user(0), directory.user(1), directory.user(2)]
  const [device, late] = [directory.device(0), directory.device(1)]
  old.track(device, 'circle a1')
  old.join(device, one)
  old.track(before, 'circle b1')
  old.join(before, one)
  old.track(one, 'circle u1')
  old.track(other, 'circle v1', 'circle v2')
  old.forward(one, other)
  old.forward(other, one)
  old.track(late, 'circle l1')
  old.forward(late, one)
  const ids = ['a1', 'b1', 'u1', 'v1', 'v2', 'l1'].map((id) => `circle ${id}`)
  return {
    expected: { [other]: ids },
    leads: { [one]: other, [before]: other, [device]: other, [late]: other },
  }
}

/** Longer, through users without history, within one millisecond; another user leads into it. */
function longCircle(directory: Directory): Story {
  const { old } = directory
  const [a, b, c] = [directory.user(2), directory.user(0), directory.user(1)]
  const tail = directory.user(0)
  old.track(a, 'long a1')
  old.track(tail, 'long t1')
  old.forward(b, c)
  old.atOnce(() => {
    old.forward(c, a)
    old.forward(a, b)
  })
  old.forward(tail, b)
  // Which of two that were made in one millisecond is the newest, their shards decide.
  return { expected: { [a]: ['long a1', 'long t1'] }, leads: { [b]: a, [c]: a, [tail]: a } }
}

/** A circle after an import whose links a resend had dropped: its records lie in several chains. */
function circleOverImports(directory: Directory): Story {
  const { old } = directory
  const [u, v, w] = [directory.user(1), directory.user(2), directory.user(0)]
  old.track(u, 'over u1')
  old.join(u, v)
  old.track(v, 'over v1')
  const join = old.forward(v, w)
  old.arrives(join, w, { links: [] })
  old.confirm(join)
  old.track(w, 'over w1')
  old.forward(w, u)
  return { expected: { [w]: ['over u1', 'over v1', 'over w1'] }, leads: { [u]: w, [v]: w } }
}

/** What looks like a fault and is none: a device that went on to somebody else, or by a renamed user. */
function rightAlready(directory: Directory): Story {
  const { old } = directory
  const [user, renamed, second] = [directory.user(0), directory.user(2), directory.user(1)]
  const [device, lost] = [directory.device(0), directory.device(2)]
  old.track(user, 'right u1')
  old.join(user, renamed)
  old.track(device, 'right a1')
  old.join(device, user, renamed)
  old.forward(device, second)
  old.track(second, 'right s1')
  // This one went on as well, and its history had not arrived.
  old.track(lost, 'right l1')
  old.confirm(old.forward(lost, user))
  old.forward(lost, second)
  return {
    expected: { [renamed]: ['right u1', 'right a1', 'right l1'], [second]: ['right s1'] },
    leads: { [device]: second, [lost]: second, [user]: renamed },
  }
}

/** Events that were not answered before the crash came again, and were taken by the user. */
function sentAgain(directory: Directory): Story {
  const { old } = directory
  const [user, renamed, device] = [directory.user(1), directory.user(2), directory.device(0)]
  old.track(user, 'again u1')
  old.join(user, renamed)
  old.track(device, 'again a1', 'again a2', 'again a3')
  old.confirm(old.forward(device, user))
  old.track(renamed, 'again a3', 'again a2')
  const ids = ['again u1', 'again a1', 'again a2', 'again a3']
  return { expected: { [renamed]: ids }, leads: { [device]: renamed } }
}

const STORIES = {
  confirmedAndLost,
  stuck,
  circle,
  longCircle,
  circleOverImports,
  rightAlready,
  sentAgain,
} as const

function all(directory: Directory): Story {
  const stories = Object.values(STORIES).map((tell) => tell(directory))
  return {
    expected: Object.assign({}, ...stories.map(({ expected }) => expected)) as Expected,
    leads: Object.assign({}, ...stories.map(({ leads }) => leads)) as Story['leads'],
  }
}

describe('data of the first format', () => {
  for (const [name, tell] of Object.entries(STORIES)) {
    test(`${name}: everything is there once, and where it belongs`, async () => {
      const directory = new Directory()
      const story = tell(directory)
      directory.world.boot()
      await directory.rest()
      await checkAll(directory, story)
      const records = directory.records()
      directory.world.crashProcess()
      await directory.rest()
      expect(directory.records()).toBe(records)
      await checkAll(directory, story)
    })
  }

  for (const target of [null, 0, 1]) {
    const what = target === null ? 'the process' : `shard ${target}`
    test(`a crash of ${what} at any call changes nothing`, async () => {
      let cuts = 0
      for (let calls = 1; calls < CALLS_MAX; calls += STRIDE) {
        const directory = new Directory({ kept: calls % 2 })
        const story = all(directory)
        const { world } = directory
        world.boot()
        // Before that the product only reads; and a shard that dies there ends the process.
        await directory.until(() => world.ready)
        world.arm(target, calls)
        await directory.until(() => directory.healed || !world.isArmed)
        const cut = !world.isArmed
        world.disarm()
        await directory.rest()
        await checkAll(directory, story, { ways: calls % 8 === 0 })
        if (!cut) break
        cuts++
      }
      expect(cuts).toBeGreaterThan(20)
    }, 120_000)
  }

  test('serving goes on: who comes while a circle is undone is let in after it', async () => {
    const directory = new Directory({ turnMs: 1 })
    const { world } = directory
    const { expected, leads } = circle(directory)
    directory.crowd()
    const [root] = Object.keys(expected)
    const users = Object.keys(leads).filter((id) => id.startsWith('user:'))
    const shoppers = new Shoppers(world)
    world.boot()
    await directory.until(() => world.ready)
    expect(directory.healed).toBe(false)
    const messages = users.flatMap((id, i) => {
      const user = id.slice(5)
      return [
        shoppers.message({ type: 'track', user, anonymous: null, event: 'Product Viewed' }),
        shoppers.message({ type: 'identify', user, anonymous: `new${i}` }),
        shoppers.message({ type: 'alias', user, anonymous: null, previous: root.slice(5) }),
      ]
    })
    messages.forEach((message, i) => shoppers.post({ lane: i % 4 }, [message], 'batch'))
    await directory.rest()
    expect(messages.filter((message) => !isAcknowledged(message))).toEqual([])
    expect(messages.map(({ refused }) => refused).filter((code) => code !== null)).toEqual([])
    const ids = [...expected[root], ...messages.map(({ id }) => id)]
    await checkAll(directory, { expected: { [root]: ids }, leads })
  })

  test('a rename that comes before the forest is whole waits for it', async () => {
    const directory = new Directory({ turnMs: 1 })
    const { world, old } = directory
    const [user, renamed, third] = [directory.user(2), directory.user(1), directory.user(0)]
    old.track(user, 'u')
    old.join(user, renamed)
    directory.crowd()
    const shoppers = new Shoppers(world)
    world.boot()
    await directory.until(() => world.ready)
    const who = { user: third.slice(5), anonymous: null, previous: user.slice(5) }
    const message = shoppers.message({ type: 'alias', ...who })
    shoppers.post({ lane: 0 }, [message], 'batch')
    await directory.rest()
    expect(isAcknowledged(message)).toBe(true)
    await checkAll(directory, {
      expected: { [third]: ['u', message.id] },
      leads: { [user]: third, [renamed]: third },
    })
  })

  test('a device whose history is not found yet is asked about again when it is', async () => {
    const directory = new Directory({ turnMs: 1 })
    const { world, old } = directory
    const [device, user, second] = [directory.device(0), directory.user(1), directory.user(2)]
    old.track(device, 'first')
    old.confirm(old.forward(device, user))
    directory.crowd()
    const shoppers = new Shoppers(world)
    world.boot()
    await directory.until(() => world.ready)
    const login = { anonymous: device.slice(10), user: second.slice(5) }
    const message = shoppers.message({ type: 'identify', ...login })
    shoppers.post({ lane: 0 }, [message], 'batch')
    await directory.rest()
    expect(isAcknowledged(message)).toBe(true)
    await checkAll(directory, {
      expected: { [user]: ['first'], [second]: [message.id] },
      leads: { [device]: second },
    })
  })

  test('what has arrived is not moved again', async () => {
    const directory = new Directory()
    const { world, old } = directory
    const [user, renamed, second] = [directory.user(0), directory.user(1), directory.user(2)]
    const [device, stays] = [directory.device(2), directory.device(0)]
    for (const id of [user, device, stays]) old.track(id, `event of ${id}`)
    old.join(stays, user)
    old.join(user, renamed)
    old.join(device, user, renamed)
    old.forward(device, second)
    const view = new JournalView(world.disks, () => 0)
    view.refresh()
    const before = view.imports.length
    world.boot()
    await directory.rest()
    view.refresh()
    expect(before).toBe(3)
    expect(view.imports.slice(before)).toEqual([])
    await checkAll(directory, {
      expected: { [renamed]: [user, device, stays].map((id) => `event of ${id}`) },
      leads: { [user]: renamed, [stays]: renamed },
    })
  })

  test('renames are in the forest: a chain longer than allowed holds, and grows no more', async () => {
    const directory = new Directory()
    const { world, old } = directory
    const users = Array.from({ length: RENAMES_MAX + 4 }, (_, i) => directory.user(i % SHARDS))
    const ids = users.map((user) => `event of ${user}`)
    users.forEach((user, i) => {
      old.track(user, ids[i])
      if (i > 0) old.join(users[i - 1], user)
    })
    const [first] = users
    const last = users[users.length - 1]
    const other = directory.user(0)
    const shoppers = new Shoppers(world)
    world.boot()
    await directory.rest()
    const alias = (previous: string, user: string): Message => {
      const who = { user: user.slice(5), anonymous: null, previous: previous.slice(5) }
      const message = shoppers.message({ type: 'alias', ...who })
      shoppers.post({ lane: 0 }, [message], 'batch')
      return message
    }
    const [known, opposite] = [alias(first, last), alias(last, users[2])]
    await directory.rest()
    const longer = alias(first, other)
    await directory.rest()
    expect([known.refused, opposite.refused]).toEqual([null, null])
    expect(longer.refused).toBe('ERR_IDENTITY_FORWARDS')
    const everything = [...ids, known.id, opposite.id].sort()
    expect(await directory.eventsOf(last)).toEqual(everything)
  })

  test('an alias of users shows no device of that name', async () => {
    const directory = new Directory()
    const { world, old } = directory
    const [user, renamed, again] = [directory.user(0), directory.user(1), directory.user(2)]
    old.track(user, 'u1')
    old.join(user, renamed)
    old.asked(renamed, 'alias 1', { previous_id: user.slice(5) })
    const join = old.forward(renamed, again)
    old.arrives(join, again, { links: [...join.links, `anonymous:${user.slice(5)}`] })
    old.confirm(join)
    old.asked(again, 'alias 2', { previous_id: renamed.slice(5) })
    world.boot()
    await directory.rest()
    const { live } = await directory.profile(again)
    const { links } = JSON.parse(live) as { links: { id: string }[] }
    expect(links.map(({ id }) => id).sort()).toEqual([user, renamed].sort())
  })

  test('where nothing is left to heal, a start writes nothing', async () => {
    const directory = new Directory()
    directory.world.boot()
    await directory.rest()
    expect(directory.records()).toBe(0)
  })
})
