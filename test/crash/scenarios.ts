import type { ProfileId } from './identity-ledger.ts'
import type { Shopper } from './shopper.ts'

/** What one or a few shoppers do in a minute of their lives; `weight` says how often. */
export interface Scenario {
  readonly weight: number
  run(shopper: Shopper): Promise<void>
}

/** More than the eight forwards in a row that a server must take. */
const DEEP_USERS = 12
const CROWD_DEVICES = 10

/** Anonymous visit, login, purchase: events under way on both ids while the login is. */
async function visit(shopper: Shopper): Promise<void> {
  const { cluster, random } = shopper
  const [device, user] = [cluster.newDevice(), cluster.newUser()]
  shopper.events(device, 1 + random.integer(8))
  if (random.next() < 0.5) await shopper.rest()
  if (random.next() < 0.5) shopper.events(user, 1 + random.integer(3))
  shopper.events(device, 2)
  await shopper.login(device, user)
  shopper.events(device, 2)
  shopper.repeat(1)
  await shopper.rest()
  shopper.events(user, 1, { revenue: 1 + random.integer(50), predict: random.next() < 0.7 })
  await shopper.login(device, user)
  shopper.events(device, 2)
}

/** A device that two people use. An old login that comes again does not bring the first one back. */
async function sharedDevice(shopper: Shopper): Promise<void> {
  const { cluster, random } = shopper
  const [device, first, second] = [cluster.newDevice(), cluster.newUser(), cluster.newUser()]
  shopper.events(device, 3)
  const login = await shopper.login(device, first)
  shopper.events(device, 2)
  shopper.events(second, 1)
  await shopper.rest()
  if (random.next() < 0.5) shopper.events(device, 2)
  await shopper.login(device, second)
  shopper.repeatOne(login)
  await shopper.rest()
  shopper.events(device, 3)
  shopper.events(first, 1, { revenue: 3 })
  await shopper.rest()
  if (random.next() < 0.3) await shopper.login(device, first)
  shopper.events(device, 2)
}

/** u1 becomes u2 becomes u3 …; events and logins go on under all names. */
async function chain(shopper: Shopper): Promise<void> {
  await renames(shopper, 2 + shopper.random.integer(3))
}

async function deepChain(shopper: Shopper): Promise<void> {
  await renames(shopper, DEEP_USERS)
}

async function renames(shopper: Shopper, length: number): Promise<void> {
  const { cluster, random } = shopper
  const users = Array.from({ length }, () => cluster.newUser())
  for (const user of users) shopper.events(user, 1 + random.integer(2))
  for (let i = 1; i < length; i++) {
    if (random.next() < 0.4) await shopper.rest()
    const any = users[random.integer(length)]
    shopper.events(any, 1)
    await shopper.alias(users[i - 1], users[i])
    shopper.events(users[random.integer(i + 1)], 1)
  }
  const device = cluster.newDevice()
  shopper.events(device, 2)
  await shopper.login(device, users[0])
  shopper.events(device, 1, { revenue: 5 })
  shopper.repeat(2)
}

/** Each of two users is renamed to the other, at the same time. */
async function opposite(shopper: Shopper): Promise<void> {
  const { cluster, random } = shopper
  const [left, right, device] = [cluster.newUser(), cluster.newUser(), cluster.newDevice()]
  shopper.events(left, 1 + random.integer(4))
  shopper.events(right, 1 + random.integer(4))
  shopper.events(device, 1)
  if (random.next() < 0.5) await shopper.rest()
  const race = shopper.aliasAtOnce([
    [left, right],
    [right, left],
  ])
  // Awaited below; when the login fails first, nobody is left to hear of it.
  race.catch(() => undefined)
  shopper.events(left, 1)
  if (random.next() < 0.5) await shopper.login(device, random.next() < 0.5 ? left : right)
  await race
  shopper.events(right, 1)
}

async function ringAtOnce(shopper: Shopper): Promise<void> {
  const { cluster } = shopper
  const users = [cluster.newUser(), cluster.newUser(), cluster.newUser()]
  for (const user of users) shopper.events(user, 2)
  await shopper.rest()
  await shopper.aliasAtOnce(users.map((user, i) => [user, users[(i + 1) % users.length]] as const))
  for (const user of users) shopper.events(user, 1)
}

/** One after the other: the last one closes the circle and changes nothing. */
async function circle(shopper: Shopper): Promise<void> {
  const { cluster } = shopper
  const users = [cluster.newUser(), cluster.newUser(), cluster.newUser()]
  for (const user of users) shopper.events(user, 1)
  for (const [i, user] of users.entries()) {
    await shopper.alias(user, users[(i + 1) % users.length])
    shopper.events(user, 1)
    await shopper.rest()
  }
}

/** A user who was renamed is renamed again under the old name: the whole profile moves. */
async function fork(shopper: Shopper): Promise<void> {
  const { cluster } = shopper
  const [first, second, third] = [cluster.newUser(), cluster.newUser(), cluster.newUser()]
  for (const user of [first, second, third]) shopper.events(user, 2)
  await shopper.alias(first, second)
  shopper.events(first, 1)
  await shopper.rest()
  await shopper.alias(first, third)
  for (const user of [first, second, third]) shopper.events(user, 1)
}

async function aliasOfDevice(shopper: Shopper): Promise<void> {
  const { cluster } = shopper
  const [device, user] = [cluster.newDevice(), cluster.newUser()]
  shopper.events(device, 3)
  await shopper.rest()
  await shopper.login(device, user, 'alias')
  shopper.events(device, 2)
}

/** Many devices of one user log in at the same time. */
async function crowd(shopper: Shopper): Promise<void> {
  const { cluster } = shopper
  const user = cluster.newUser()
  const devices = Array.from({ length: CROWD_DEVICES }, () => cluster.newDevice())
  for (const device of devices) shopper.events(device, 2)
  await shopper.rest()
  // As aliases, which set no attributes: of logins at the same time nobody knows which came last.
  await Promise.all(devices.map((device) => shopper.login(device, user, 'alias')))
  for (const device of devices) shopper.events(device, 1)
}

/** Visit, login and what follows in one body. */
async function oneBody(shopper: Shopper): Promise<void> {
  const { cluster } = shopper
  const [device, user] = [cluster.newDevice(), cluster.newUser()]
  const view = { type: 'track', event: 'Product Viewed' } as const
  cluster.identity.beginLogin(device, user)
  const accepted = await shopper.together([
    { ...view, id: device },
    { ...view, id: device },
    { type: 'identify', id: user, other: device },
    { ...view, id: device },
    { ...view, id: user },
  ])
  cluster.identity.endLogin(device, accepted)
  await shopper.rest()
  shopper.events(device, 1)
  shopper.repeat(2)
}

/** Only events: what silence does to them is for the timers. */
async function silence(shopper: Shopper): Promise<void> {
  const user = shopper.cluster.newUser()
  shopper.events(user, 1 + shopper.random.integer(10))
}

/** Last year comes in for shoppers who are known, before and after they log in. */
async function pastLife(shopper: Shopper): Promise<void> {
  const { cluster, random } = shopper
  const [device, user] = [cluster.newDevice(), cluster.newUser()]
  if (random.next() < 0.5) shopper.history(user, 4)
  shopper.events(device, 2)
  shopper.history(device, 3)
  await shopper.rest()
  await shopper.login(device, user)
  shopper.history(random.next() < 0.5 ? device : user, 3)
  shopper.events(user, 1, { revenue: 4 })
  await shopper.rest()
  shopper.repeat(3)
  shopper.history(user, 2)
}

/** Any of the cluster's ids, again after a while, and after starts. */
export async function comeBack(shopper: Shopper): Promise<void> {
  const { cluster, random } = shopper
  const users = [...cluster.identity.users]
  const devices = [...cluster.identity.devices]
  const any = (ids: readonly ProfileId[]): ProfileId => ids[random.integer(ids.length)]
  shopper.events(any([...users, ...devices]), 1 + random.integer(3))
  shopper.repeat(2)
  await shopper.rest()
  if (devices.length > 0 && users.length > 0 && random.next() < 0.3) {
    await shopper.login(any(devices), any(users))
  }
  if (users.length > 1 && random.next() < 0.2) {
    const [previous, next] = [any(users), any(users)]
    if (previous !== next) await shopper.alias(previous, next)
  }
  shopper.events(any([...users, ...devices]), 1)
}

/** By name, as `--only` takes them. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  visit: { weight: 24, run: visit },
  shared: { weight: 14, run: sharedDevice },
  chain: { weight: 10, run: chain },
  deep: { weight: 1, run: deepChain },
  opposite: { weight: 6, run: opposite },
  ring: { weight: 3, run: ringAtOnce },
  circle: { weight: 4, run: circle },
  fork: { weight: 5, run: fork },
  aliasOfDevice: { weight: 4, run: aliasOfDevice },
  crowd: { weight: 2, run: crowd },
  oneBody: { weight: 8, run: oneBody },
  silence: { weight: 8, run: silence },
  history: { weight: 10, run: pastLife },
}
