/**
 * Faults that were found in the product, each as the shortest story that shows it. One that is not
 * mended yet is an expected failure.
 */
import { expect, test } from 'vitest'
import { RENAMES_MAX } from '../../src/identity/limits.ts'
import type { Message } from './messages.ts'
import { Scenario } from './scenario.ts'

test('an acknowledged event, a login and a process crash break nothing', async () => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(0), scenario.user(1)]
  await scenario.send(scenario.track(device))
  await scenario.send(scenario.identify(device, user))
  await scenario.crash()
  await scenario.send(scenario.track(device))
  expect(await scenario.broken()).toEqual([])
})

test('a join is not confirmed before its records are journalled where they end', async () => {
  const scenario = await Scenario.start()
  const [device, user, renamed] = [scenario.device(0), scenario.user(0), scenario.user(1)]
  await scenario.send(scenario.track(device), scenario.track(device), scenario.track(user))
  await scenario.send(scenario.alias(user, renamed))
  scenario.post([scenario.identify(device, user)])
  // The user's profile is on another shard by now, and that one has nothing yet.
  await scenario.untilDurable('forwards', device)
  await scenario.crash()
  expect(await scenario.broken()).toEqual([])
})

test('a join that begins while a checkpoint runs survives a crash', async () => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(0), scenario.user(1)]
  await scenario.send(scenario.track(device), scenario.track(device))
  scenario.chances.peer = () => 1_000
  let checkpoints = 0
  const { client } = scenario.world
  client?.checkpoint().then(
    () => checkpoints++,
    () => undefined,
  )
  await scenario.world.scheduler.sleep(0.5)
  scenario.post([scenario.identify(device, user)])
  await scenario.until(() => checkpoints > 0)
  await scenario.crash()
  expect(await scenario.broken()).toEqual([])
})

test('a join within one shard that a crash cuts in two is finished after it', async () => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(0), scenario.user(0)]
  await scenario.send(scenario.track(device), scenario.track(user))
  scenario.post([scenario.identify(device, user)])
  await scenario.untilDurable('imports', user)
  await scenario.crash()
  expect(await scenario.broken()).toEqual([])
})

test('opposite aliases at once come to an end', async () => {
  const scenario = await Scenario.start()
  const [one, other] = [scenario.user(0), scenario.user(1)]
  await scenario.send(scenario.track(one), scenario.track(other))
  scenario.post([scenario.alias(one, other)], 0)
  scenario.post([scenario.alias(other, one)], 1)
  expect(await scenario.broken()).toEqual([])
})

test('an event of a device that is sent again after its login counts once', async () => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(0), scenario.user(1)]
  const event = scenario.track(device)
  await scenario.send(event)
  await scenario.send(scenario.identify(device, user))
  await scenario.send(event)
  expect(await scenario.broken()).toEqual([])
})

test('a login that is sent again later does not bring the device back', async () => {
  const scenario = await Scenario.start()
  const [device, first, second] = [scenario.device(0), scenario.user(1), scenario.user(1)]
  const login = scenario.identify(device, first)
  await scenario.send(scenario.track(device))
  await scenario.send(login)
  await scenario.send(scenario.identify(device, second))
  await scenario.send(login)
  await scenario.send(scenario.track(device))
  expect(await scenario.broken()).toEqual([])
})

test('an alias that is sent again later is not taken for one of a device', async () => {
  const scenario = await Scenario.start()
  const [device, first, second] = [scenario.device(1), scenario.user(1), scenario.user(1)]
  // Nobody knows a device of that name yet, so it is of a user.
  const alias = scenario.aliasOfDevice(device, first)
  await scenario.send(alias)
  await scenario.send(scenario.track(device))
  await scenario.send(scenario.identify(device, second))
  await scenario.send(alias)
  await scenario.send(scenario.track(device))
  expect(await scenario.broken()).toEqual([])
})

test('a repeat does not overtake its event on a longer way, when the device has another user', async () => {
  const scenario = await Scenario.start({ shards: 3 })
  const device = scenario.device(0)
  const [first, second, third] = [scenario.user(1), scenario.user(2), scenario.user(0)]
  await scenario.send(scenario.track(device))
  await scenario.send(scenario.identify(device, first))
  await scenario.send(scenario.identify(device, second))
  const event = scenario.track(device)
  // On its way to the second user by way of the first, who is asked whether it is a repeat.
  scenario.chances.peer = () => 1_000
  scenario.post([event])
  await scenario.world.scheduler.sleep(5)
  scenario.chances.peer = () => 0.1
  const login = scenario.identify(device, third, 2)
  scenario.post([login], 2)
  await scenario.until(() => login.inFlight === 0)
  scenario.post([event], 2)
  expect(await scenario.broken()).toEqual([])
})

test('the ids of a user who is renamed go along through a crash', async () => {
  const scenario = await Scenario.start()
  const [device, user, renamed] = [scenario.device(0), scenario.user(0), scenario.user(1)]
  await scenario.send(scenario.track(device))
  await scenario.send(scenario.identify(device, user))
  scenario.chances.peer = () => 1_000
  scenario.post([scenario.alias(user, renamed)])
  await scenario.untilDurable('forwards', user)
  scenario.chances.peer = () => 0.1
  await scenario.crash()
  expect(await scenario.broken()).toEqual([])
})

test('a rename of users makes no device', async () => {
  const scenario = await Scenario.start()
  const [user, renamed] = [scenario.user(0), scenario.user(1)]
  await scenario.send(scenario.track(user))
  await scenario.send(scenario.alias(user, renamed))
  expect(await scenario.broken()).toEqual([])
})

test('no answer leaves over a commit that failed', async () => {
  const scenario = await Scenario.start()
  const { world } = scenario
  const [one, other] = [scenario.user(0), scenario.user(0)]
  scenario.chances.commit = () => 10
  scenario.post([scenario.track(one)])
  await world.scheduler.sleep(5)
  scenario.post([scenario.track(other)])
  await world.scheduler.sleep(2)
  world.faults = true
  world.failNextCommit = true
  scenario.chances.commit = () => 0
  await scenario.until(() => !world.failNextCommit)
  expect(await scenario.broken()).toEqual([])
})

test('what a failed checkpoint did not write, the next one does', async () => {
  const scenario = await Scenario.start()
  const { world } = scenario
  const checkpoint = async (): Promise<boolean | null> => {
    let done: boolean | null = null
    world.client?.checkpoint().then(
      () => (done = true),
      () => (done = false),
    )
    await scenario.until(() => done !== null)
    return done
  }
  const send = (): Promise<void> =>
    scenario.send(scenario.track(scenario.user(0)), scenario.track(scenario.user(1)))
  await send()
  expect(await checkpoint()).toBe(true)
  await send()
  world.faults = true
  world.failNextCommit = true
  expect(await checkpoint()).toBe(false)
  world.faults = false
  expect(await checkpoint()).toBe(true)
  await scenario.crash()
  expect(await scenario.broken()).toEqual([])
})

test('a profile into which last year is imported is the same live and by time travel', async () => {
  const scenario = await Scenario.start()
  const user = scenario.user(0)
  await scenario.send(scenario.track(user))
  const timestamp = scenario.world.now() - 300 * 86_400_000
  await scenario.send(scenario.track(user, { imported: true, timestamp }))
  expect(await scenario.broken()).toEqual([])
})

test('a login that comes late does not overwrite what is known since', async () => {
  const scenario = await Scenario.start()
  const { world, shoppers } = scenario
  const user = scenario.user(0)
  const login = (plan: string, timestamp: number): Message =>
    shoppers.message({ type: 'identify', user: user.slice(5), anonymous: null, timestamp, plan })
  await scenario.send(login('paid', world.now()))
  await scenario.send(login('free', world.now() - 3_600_000))
  expect(await scenario.broken()).toEqual([])
})

test('events that two shards took in are the same live and by time travel', async () => {
  const scenario = await Scenario.start()
  const user = scenario.user(0)
  scenario.chances.peer = () => 20
  scenario.post([scenario.track(user, { connection: 1 })], 1)
  await scenario.world.scheduler.sleep(5)
  // Arrives later, at the shard that has the profile itself, and is applied first.
  scenario.post([scenario.track(user)], 0)
  expect(await scenario.broken()).toEqual([])
})

test('a device of a user who was renamed as often as one may be is found', async () => {
  const scenario = await Scenario.start()
  const device = scenario.device(0)
  const users = Array.from({ length: RENAMES_MAX + 1 }, (_, i) => scenario.user(i % 2))
  const event = scenario.track(device)
  await scenario.send(event, scenario.identify(device, users[0]))
  for (let i = 1; i < users.length; i++) {
    await scenario.send(scenario.alias(users[i - 1], users[i]))
  }
  const last = users[RENAMES_MAX]
  const ask = { kind: 'profile', id: device, scope: 'all', minPosition: '' } as const
  for (const at of [null, scenario.world.now()]) {
    expect(await scenario.ask({ ...ask, at })).toMatchObject({ id: last })
  }
  const identity = { kind: 'identity', id: device, limit: 5, before: '' } as const
  expect(await scenario.ask(identity)).toMatchObject({ profile: { id: last } })
  expect(scenario.ownersOf([event])).toEqual([last])
  expect(await scenario.broken()).toEqual([])
})
