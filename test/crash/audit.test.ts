/** The campaign's audit, on answers of a made-up server: it must see each fault, and nothing in none. */
import { describe, expect, test } from 'vitest'
import { auditCluster } from './audit.ts'
import { Cluster, ORDER, VIEW } from './cluster.ts'
import type { Entry } from './cluster.ts'
import type { ProfileId } from './identity-ledger.ts'
import type { Profile, ProfileEvent, ProfileSource } from './profile-reader.ts'

const NOW = Date.UTC(2026, 0, 1)

/** A server that says what it is told to: who is whom, and which messages each profile has. */
class MadeSource implements ProfileSource {
  readonly homes = new Map<ProfileId, ProfileId>()
  readonly entries = new Map<ProfileId, Entry[]>()
  /** Laid over the right profile. */
  readonly overlay = new Map<ProfileId, Partial<Profile>>()
  /** Laid over a profile as of a time. */
  travelled: Partial<Profile> = {}
  links: ProfileId[] = []

  put(root: ProfileId, ...entries: Entry[]): void {
    this.entries.set(root, [...(this.entries.get(root) ?? []), ...entries])
  }

  take(root: ProfileId, entry: Entry): void {
    this.entries.set(
      root,
      (this.entries.get(root) ?? []).filter((known) => known !== entry),
    )
  }

  async profile(id: ProfileId, at?: number): Promise<Profile | null> {
    const root = this.homes.get(id) ?? id
    const events = await this.events(root)
    if (events.length === 0) return null
    const named = (this.entries.get(root) ?? []).findLast(({ attributes }) => 'name' in attributes)
    const orders = events.filter(({ message }) => message.event === ORDER)
    const views = events.filter(({ message }) => message.event === VIEW).length
    return {
      id: root,
      firstSeenAt: events.map(({ time }) => time).sort()[0],
      attributes: named === undefined ? {} : named.attributes,
      behaviour: {
        events: events.length,
        views,
        views_30d: views,
        logins: events.filter(({ type }) => type === 'identify').length,
      },
      consumption: {
        orders: orders.length,
        spend: orders.reduce((sum, { message }) => sum + (message.properties?.revenue ?? 0), 0),
      },
      machines: {},
      segments: [],
      links: this.links.map((link) => ({ id: link })),
      ...this.overlay.get(root),
      ...(at === undefined ? {} : this.travelled),
    }
  }

  events(id: ProfileId): Promise<readonly ProfileEvent[]> {
    const root = this.homes.get(id) ?? id
    const entries = this.entries.get(root) ?? []
    return Promise.resolve(
      entries.map((entry, i) => {
        const message = JSON.parse(entry.text) as ProfileEvent['message']
        const time = new Date(entry.historyTime ?? NOW + i).toISOString()
        return { position: `0:${i}`, type: entry.type, time, message }
      }),
    )
  }
}

/** A device that visited, logged in and visited again, everything answered; and a server to match. */
function visit() {
  const cluster = new Cluster('c')
  const [device, user] = [cluster.newDevice(), cluster.newUser()]
  const track = (id: ProfileId): Entry => {
    const entry = cluster.add({ type: 'track', id, event: VIEW })
    cluster.settle(entry, true)
    return entry
  }
  const source = new MadeSource()
  const before = track(device)
  const login = logIn(cluster, device, user)
  const after = track(device)
  source.put(user, before, login, after)
  source.homes.set(device, user)
  source.links = [device]
  return { cluster, source, device, user, track, before, login, after }
}

function logIn(cluster: Cluster, device: ProfileId, user: ProfileId): Entry {
  cluster.noteJoin(device)
  cluster.identity.beginLogin(device, user)
  const attributes = { name: `name ${cluster.entries.size}` }
  const entry = cluster.add({ type: 'identify', id: user, other: device, attributes })
  cluster.settle(entry, true)
  cluster.identity.endLogin(device, true)
  return entry
}

async function found(cluster: Cluster, source: ProfileSource): Promise<string[]> {
  const failures: string[] = []
  const report = (category: string, subject: string): void => {
    failures.push(`${category} ${subject}`)
  }
  await auditCluster(cluster, source, report, { timeTravel: true })
  return failures
}

describe('a visit and a login', () => {
  test('nothing is found where nothing is wrong', async () => {
    const { cluster, source } = visit()
    expect(await found(cluster, source)).toEqual([])
  })

  test('an acknowledged event that no profile has', async () => {
    const { cluster, source, user, before } = visit()
    source.take(user, before)
    expect(await found(cluster, source)).toEqual([`lost ${before.messageId}`])
  })

  test('one that was not acknowledged may be there or not, once', async () => {
    const { cluster, source, device, user } = visit()
    const open = cluster.add({ type: 'track', id: device, event: VIEW })
    expect(await found(cluster, source)).toEqual([])
    source.put(user, open)
    expect(await found(cluster, source)).toEqual([])
    source.put(user, open)
    expect(await found(cluster, source)).toEqual([`doubled ${open.messageId}`])
  })

  test('an event twice, in one profile or in two', async () => {
    const { cluster, source, device, user, before, after } = visit()
    source.put(user, after)
    expect(await found(cluster, source)).toEqual([`doubled ${after.messageId}`])
    source.take(user, after)
    source.put(user, after)
    source.put(device, before)
    source.homes.delete(device)
    expect(await found(cluster, source)).toEqual([
      `misplaced ${device}`,
      `doubled ${before.messageId}`,
      // The device's profile is none of its own any more.
      `portrait ${device} links`,
    ])
  })

  test('an event that was refused, or that nobody sent', async () => {
    const { cluster, source, user, device } = visit()
    const refused = cluster.add({ type: 'track', id: device, event: VIEW })
    cluster.settle(refused, false)
    source.put(user, refused)
    expect(await found(cluster, source)).toEqual([`phantom ${refused.messageId}`])
    const other = new Cluster('other')
    const foreign = other.add({ type: 'track', id: other.newUser(), event: VIEW })
    source.take(user, refused)
    source.put(user, foreign)
    expect(await found(cluster, source)).toEqual([`misplaced ${foreign.messageId}`])
  })

  test('traits that are not what the events say', async () => {
    const { cluster, source, user } = visit()
    const behaviour = { events: 3, views: 2, views_30d: 1, logins: 1 }
    source.overlay.set(user, { behaviour })
    expect(await found(cluster, source)).toEqual([`counts ${user}`])
  })

  test('first seen, name and links', async () => {
    const { cluster, source, user } = visit()
    source.overlay.set(user, {
      firstSeenAt: '2027-01-01T00:00:00.000Z',
      attributes: { name: 'of long ago' },
      links: [{ id: `anonymous:${user}` }],
    })
    expect(await found(cluster, source)).toEqual([
      `portrait ${user} first seen`,
      `portrait ${user} name`,
      `portrait ${user} links`,
      `portrait ${user} no links`,
    ])
  })

  test('time travel that tells another profile', async () => {
    const { cluster, source, user } = visit()
    source.travelled = { consumption: { orders: 1, spend: 0 } }
    expect(await found(cluster, source)).toEqual([`timeTravel ${user}`])
  })
})

describe('a device that logs in as somebody else', () => {
  test('what follows belongs to the second, what came between may be either’s', async () => {
    const { cluster, source, device, user, track } = visit()
    const second = cluster.newUser()
    const between = cluster.add({ type: 'track', id: device, event: VIEW })
    const login = logIn(cluster, device, second)
    cluster.settle(between, true)
    const after = track(device)
    source.homes.set(device, second)
    source.put(second, login, after, between)
    expect(await found(cluster, source)).toEqual([])
    source.take(second, between)
    source.put(user, between)
    expect(await found(cluster, source)).toEqual([])
    source.take(second, after)
    source.put(user, after)
    expect(await found(cluster, source)).toEqual([`misplaced ${after.messageId}`])
    source.homes.set(device, user)
    expect(await found(cluster, source)).toContain(`misplaced ${device}`)
  })
})

describe('users who are renamed', () => {
  function renamed(pairs: readonly (readonly [number, number])[]) {
    const cluster = new Cluster('c')
    const source = new MadeSource()
    const users = [cluster.newUser(), cluster.newUser(), cluster.newUser()]
    const entries = users.map((id) => cluster.add({ type: 'track', id, event: VIEW }))
    for (const entry of entries) cluster.settle(entry, true)
    for (const [previous, next] of pairs) cluster.identity.alias(users[previous], users[next])
    return { cluster, source, users, entries }
  }

  test('under an old name that has been given up already: the whole profile moves', async () => {
    const { cluster, source, users, entries } = renamed([
      [0, 1],
      [0, 2],
    ])
    for (const user of users) source.homes.set(user, users[2])
    source.put(users[2], ...entries)
    source.links = users.slice(0, 2)
    expect(await found(cluster, source)).toEqual([])
    source.homes.set(users[1], users[1])
    source.take(users[2], entries[1])
    source.put(users[1], entries[1])
    const failures = await found(cluster, source)
    expect(failures).toContain(`misplaced ${users[1]}`)
    expect(failures).toContain(`misplaced ${entries[1].messageId}`)
  })

  test('in a circle: the last one changes nothing', async () => {
    const { cluster, source, users, entries } = renamed([
      [0, 1],
      [1, 2],
      [2, 0],
    ])
    for (const user of users) source.homes.set(user, users[2])
    source.put(users[2], ...entries)
    expect(await found(cluster, source)).toEqual([])
  })

  test('at once in both directions: either may win, and stays', async () => {
    const { cluster, source, users, entries } = renamed([])
    cluster.identity.aliasAtOnce([
      [users[0], users[1]],
      [users[1], users[0]],
    ])
    source.put(users[2], entries[2])
    source.put(users[0], entries[0], entries[1])
    source.homes.set(users[1], users[0])
    expect(await found(cluster, source)).toEqual([])
    source.entries.delete(users[0])
    source.put(users[1], entries[0], entries[1])
    source.homes.delete(users[1])
    source.homes.set(users[0], users[1])
    expect(await found(cluster, source)).toContain(`misplaced ${users[0]}`)
  })

  test('at once, and each is left with its own half', async () => {
    const { cluster, source, users, entries } = renamed([])
    cluster.identity.aliasAtOnce([
      [users[0], users[1]],
      [users[1], users[0]],
    ])
    users.forEach((user, i) => source.put(user, entries[i]))
    expect((await found(cluster, source)).length).toBeGreaterThan(0)
  })
})
