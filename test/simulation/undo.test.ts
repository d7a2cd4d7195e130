/** Joins that are undone, as stories: whose each event is afterwards, and that nothing else is broken. */
import { describe, expect, test } from 'vitest'
import { ownerOf, parseKey } from '../../src/event/profile-key.ts'
import type { Message } from './messages.ts'
import { Scenario } from './scenario.ts'

/** Places of a device, its user, and whom that one is renamed to, by shard; of two. */
const PLACES = [
  [0, 0, 0],
  [0, 1, 0],
  [1, 0, 1],
  [1, 1, 0],
] as const

test.each(PLACES)('a device gets its events back: shards %i %i', async (at, userAt) => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(at), scenario.user(userAt)]
  const own = [scenario.track(device), scenario.track(device)]
  const other = [scenario.track(user)]
  await scenario.send(...own, ...other)
  const login = scenario.identify(device, user)
  await scenario.send(login)
  const joined = scenario.track(device)
  await scenario.send(joined, scenario.track(user))
  expect(scenario.ownersOf([...own, joined])).toEqual([user, user, user])
  expect(await scenario.undo(device)).toBe(200)
  const later = scenario.track(device)
  await scenario.send(later, ...own, joined, ...other, login)
  expect(scenario.ownersOf([...own, joined, later])).toEqual(Array(4).fill(device))
  expect(scenario.ownersOf([...other, login])).toEqual([user, user])
  expect(await scenario.broken()).toEqual([])
  await scenario.crash()
  expect(await scenario.broken()).toEqual([])
})

test('a second undo changes nothing, and what is not joined is refused', async () => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(0), scenario.user(1)]
  await scenario.send(scenario.track(device), scenario.track(user))
  expect(await scenario.undo(device)).toBe(409)
  expect(await scenario.undo(user)).toBe(409)
  await scenario.send(scenario.identify(device, user))
  expect(await scenario.undo(user)).toBe(409)
  expect(await scenario.undo(device)).toBe(200)
  expect(await scenario.undo(device)).toBe(200)
  const { trail } = await scenario.ask({ kind: 'identity', id: device, limit: 50, before: '' })
  const kinds = (trail as { kind: string }[]).map(({ kind }) => kind)
  expect(kinds.filter((kind) => kind === 'restored')).toHaveLength(1)
  expect(await scenario.broken()).toEqual([])
})

test.each(PLACES)('what was undone can be joined again: shards %i %i', async (at, userAt) => {
  const scenario = await Scenario.start()
  const [device, user] = [scenario.device(at), scenario.user(userAt)]
  const events: Message[] = []
  for (let i = 0; i < 3; i++) {
    const event = scenario.track(device)
    events.push(event)
    await scenario.send(event, scenario.track(user))
    await scenario.send(scenario.identify(device, user))
    expect(scenario.ownersOf(events)).toEqual(events.map(() => user))
    const joined = scenario.track(device)
    events.push(joined)
    await scenario.send(joined)
    expect(await scenario.broken()).toEqual([])
    expect(await scenario.undo(device)).toBe(200)
    expect(scenario.ownersOf(events)).toEqual(events.map(() => device))
    await scenario.send(...events)
    expect(await scenario.broken()).toEqual([])
  }
})

interface Depth {
  readonly scenario: Scenario
  readonly ids: readonly [device: string, user: string, end: string, beside: string]
  /** An event under each of the ids from before the joins, then one from after them. */
  readonly events: Record<'device' | 'user' | 'end' | 'beside', readonly Message[]>
}

async function joinedAtDepth([at, userAt, endAt]: readonly number[]): Promise<Depth> {
  const scenario = await Scenario.start()
  const ids = [
    scenario.device(at),
    scenario.user(userAt),
    scenario.user(endAt),
    scenario.user(1 - endAt),
  ] as const
  const [device, user, end, beside] = ids
  const early = ids.map((id) => scenario.track(id))
  await scenario.send(...early)
  await scenario.send(scenario.identify(device, user))
  await scenario.send(scenario.alias(user, end))
  await scenario.send(scenario.alias(beside, end))
  const late = ids.map((id) => scenario.track(id))
  await scenario.send(...late)
  const of = (i: number): readonly Message[] => [early[i], late[i]]
  return { scenario, ids, events: { device: of(0), user: of(1), end: of(2), beside: of(3) } }
}

describe.each(PLACES)('at depth, shards %i %i %i', (...places) => {
  test('a user takes along what was the user’s, then the device goes', async () => {
    const { scenario, ids, events } = await joinedAtDepth(places)
    const [device, user, end] = ids
    const all = Object.values(events).flat()
    expect(scenario.ownersOf(all)).toEqual(all.map(() => end))
    expect(await scenario.undo(user)).toBe(200)
    expect(scenario.ownersOf([...events.device, ...events.user])).toEqual(Array(4).fill(user))
    expect(scenario.ownersOf([...events.end, ...events.beside])).toEqual(Array(4).fill(end))
    await scenario.send(...all)
    expect(await scenario.broken()).toEqual([])
    expect(await scenario.undo(device)).toBe(200)
    expect(scenario.ownersOf(events.device)).toEqual([device, device])
    expect(scenario.ownersOf(events.user)).toEqual([user, user])
    await scenario.send(...all)
    expect(await scenario.broken()).toEqual([])
  })

  test('the device goes first, and does not go along with the user later', async () => {
    const { scenario, ids, events } = await joinedAtDepth(places)
    const [device, user, end] = ids
    expect(await scenario.undo(device)).toBe(200)
    expect(scenario.ownersOf(events.device)).toEqual([device, device])
    // Joined again to the end itself: not the user's any more.
    await scenario.send(scenario.identify(device, end))
    expect(await scenario.undo(user)).toBe(200)
    expect(scenario.ownersOf(events.user)).toEqual([user, user])
    expect(scenario.ownersOf(events.device)).toEqual([end, end])
    await scenario.send(scenario.alias(user, end))
    expect(scenario.ownersOf(events.user)).toEqual([end, end])
    expect(await scenario.broken()).toEqual([])
  })
})

test('a device of two users: the newest join is undone, what the first has stays', async () => {
  const scenario = await Scenario.start()
  const [device, first, second] = [scenario.device(0), scenario.user(1), scenario.user(0)]
  const one = scenario.track(device)
  await scenario.send(one)
  await scenario.send(scenario.identify(device, first))
  const between = scenario.track(device)
  await scenario.send(between)
  await scenario.send(scenario.identify(device, second))
  const two = scenario.track(device)
  await scenario.send(two)
  expect(await scenario.undo(device)).toBe(200)
  await scenario.send(one, between, two)
  expect(scenario.ownersOf([one, between, two])).toEqual([first, first, device])
  expect(await scenario.broken()).toEqual([])
})

test('a repeat that comes while the events are on their way back counts once', async () => {
  const scenario = await Scenario.start()
  // Only the device's shard has not seen what came while it was joined.
  const [device, user, end] = [scenario.device(0), scenario.user(1), scenario.user(1)]
  await scenario.send(scenario.track(device))
  await scenario.send(scenario.identify(device, user))
  await scenario.send(scenario.alias(user, end))
  const joined = scenario.track(device)
  await scenario.send(joined)
  scenario.chances.peer = () => 20
  scenario.beginUndo(user)
  scenario.beginUndo(device)
  await scenario.world.scheduler.sleep(5)
  await scenario.send(joined)
  await scenario.send(joined)
  await scenario.undoSurely(device)
  expect(scenario.ownersOf([joined])).toEqual([device])
  expect(await scenario.broken()).toEqual([])
})

test.each([0.1, 3, 30])('an undo while a join is under way, %d ms later', async (ms) => {
  for (const places of PLACES) {
    const scenario = await Scenario.start()
    const [device, user] = [scenario.device(places[0]), scenario.user(places[1])]
    const end = scenario.user(places[2])
    const events = [scenario.track(device), scenario.track(device)]
    await scenario.send(...events, scenario.track(user))
    scenario.chances.peer = () => 10
    scenario.post([scenario.identify(device, user)])
    scenario.post([scenario.alias(user, end, 1)], 1)
    await scenario.world.scheduler.sleep(ms)
    scenario.beginUndo(device)
    scenario.beginUndo(user)
    scenario.post([scenario.identify(device, end, 2)], 2)
    await scenario.world.scheduler.sleep(ms)
    scenario.beginUndo(device)
    expect(await scenario.broken()).toEqual([])
  }
})

test('more undos at once than commands may be under way', async () => {
  const scenario = await Scenario.start({ shards: 1 })
  const pairs = Array.from({ length: 80 }, () => [scenario.device(0), scenario.user(0)] as const)
  const events = pairs.map(([device]) => scenario.track(device))
  await scenario.send(...events)
  for (const [device, user] of pairs) await scenario.send(scenario.identify(device, user))
  for (const [device] of pairs) scenario.beginUndo(device)
  for (const [device] of pairs) await scenario.undoSurely(device)
  expect(scenario.ownersOf(events)).toEqual(pairs.map(([device]) => device))
  expect(await scenario.broken()).toEqual([])
})

/** Calls of store, port and clock that an undo takes at most, with what follows from it. */
const CALLS_MAX = 500
const STRIDE = 2

/** Undoes over again, with a crash at each call in turn, until none meets the undo any more. */
async function crashAtEachCall(
  target: number | null,
  story: (scenario: Scenario, crash: () => void) => Promise<void>,
): Promise<number> {
  for (let calls = 1; calls <= CALLS_MAX; calls += STRIDE) {
    const scenario = await Scenario.start()
    await story(scenario, () => scenario.world.arm(target, calls))
    const met = !scenario.world.isArmed
    expect(await scenario.broken(), `crash at call ${calls}`).toEqual([])
    if (!met) return calls - STRIDE
  }
  throw new Error(`an undo takes more than ${CALLS_MAX} calls`)
}

const TARGETS = [
  ['the process', null],
  ['the shard of the device', 0],
  ['the shard of the user', 1],
] as const

describe.each(TARGETS)('a crash of %s at each call', (_, target) => {
  test('of the undo of a device', async () => {
    const calls = await crashAtEachCall(target, async (scenario, crash) => {
      const [device, user] = [scenario.device(0), scenario.user(1)]
      const events = [scenario.track(device), scenario.track(device)]
      const other = scenario.track(user)
      await scenario.send(...events, other)
      await scenario.send(scenario.identify(device, user))
      const joined = scenario.track(device)
      await scenario.send(joined)
      crash()
      await scenario.undoSurely(device)
      await scenario.sendSurely(...events, joined)
      expect(scenario.ownersOf([...events, joined])).toEqual([device, device, device])
      expect(scenario.ownersOf([other])).toEqual([user])
    })
    expect(calls).toBeGreaterThan(5)
  }, 60_000)

  test('of the undo of a rename, and a login right after it', async () => {
    const calls = await crashAtEachCall(target, async (scenario, crash) => {
      const [device, user, end] = [scenario.device(0), scenario.user(1), scenario.user(0)]
      const events = [scenario.track(device), scenario.track(user), scenario.track(end)]
      await scenario.send(...events)
      await scenario.send(scenario.identify(device, user))
      await scenario.send(scenario.alias(user, end))
      crash()
      scenario.beginUndo(device)
      await scenario.undoSurely(user)
      await scenario.undoSurely(device)
      expect(scenario.ownersOf(events)).toEqual([device, user, end])
      await scenario.sendSurely(scenario.identify(device, end))
      expect(scenario.ownersOf(events)).toEqual([end, user, end])
    })
    expect(calls).toBeGreaterThan(5)
  }, 60_000)
})

test.each([2, 6, 12, 25, 60])('a checkpoint %d ms into an undo, and a crash', async (ms) => {
  for (const places of PLACES) {
    const scenario = await Scenario.start()
    const [device, user] = [scenario.device(places[0]), scenario.user(places[1])]
    const end = scenario.user(places[2])
    const events = [scenario.track(device), scenario.track(user), scenario.track(end)]
    await scenario.send(...events)
    await scenario.send(scenario.identify(device, user))
    await scenario.send(scenario.alias(user, end))
    scenario.chances.peer = () => 5
    scenario.beginUndo(user)
    scenario.beginUndo(device)
    await scenario.world.scheduler.sleep(ms)
    let checkpoints = 0
    const { client } = scenario.world
    client?.checkpoint().then(
      () => checkpoints++,
      () => undefined,
    )
    await scenario.until(() => checkpoints > 0)
    await scenario.crash()
    await scenario.undoSurely(user)
    await scenario.undoSurely(device)
    expect(scenario.ownersOf(events)).toEqual([device, user, end])
    expect(await scenario.broken()).toEqual([])
  }
})

test('who an id is, before, between and after', async () => {
  const scenario = await Scenario.start()
  const [device, user, end] = [scenario.device(0), scenario.user(1), scenario.user(0)]
  await scenario.send(scenario.track(device))
  await scenario.send(scenario.identify(device, user))
  await scenario.send(scenario.alias(user, end))
  const about = (id: string, limit = 50, before = ''): Promise<Record<string, unknown>> =>
    scenario.ask({ kind: 'identity', id, limit, before })
  expect(await about(device)).toMatchObject({
    id: device,
    path: [device, user, end],
    joined: { to: user, since: expect.any(String) as string },
    links: [],
    pendingCount: 0,
    profile: { id: end, pendingCount: 0 },
  })
  const { profile } = await about(device)
  const ids = (profile as { links: { id: string }[] }).links.map(({ id }) => id)
  expect(ids.toSorted()).toEqual([device, user].toSorted())
  await scenario.undo(user)
  await scenario.undo(device)
  expect(await about(device)).toMatchObject({
    path: [device],
    joined: null,
    links: [],
    former: [{ id: user }],
    profile: { id: device, links: [] },
  })
  expect(await about(end)).toMatchObject({ path: [end], links: [] })
  // Page by page, newest first.
  const kinds: string[] = []
  let before: string | null = ''
  while (before !== null) {
    const page = await about(device, 1, before)
    for (const { kind } of page.trail as { kind: string }[]) kinds.push(kind)
    before = (page.cursor as { next: string | null }).next
  }
  expect(kinds).toEqual(['confirmed', 'returned', 'restored', 'confirmed', 'forward'])
  expect(await scenario.broken()).toEqual([])
})

test('two undos, one above the other, the end of which was joined to the lower since', async () => {
  const scenario = await Scenario.start()
  const [low, middle] = [scenario.user(0), scenario.user(1)]
  let end = scenario.user(0)
  // An alias goes by way of the device that might have the same id: not to another shard.
  while (ownerOf(parseKey(end.replace('user', 'anonymous')), 2) !== 0) end = scenario.user(0)
  const events = [low, middle, end].map((id) => scenario.track(id))
  await scenario.send(...events)
  await scenario.send(scenario.alias(low, middle))
  await scenario.send(scenario.alias(middle, end))
  scenario.beginUndo(low)
  scenario.beginUndo(middle)
  await scenario.untilDurable('restored', middle)
  // What the middle asks back is with the lower by the time it asks, which waits for the middle.
  scenario.chances.peer = () => 1_000
  await scenario.send(scenario.alias(end, low))
  scenario.chances.peer = () => 0.1
  expect(await scenario.broken()).toEqual([])
  expect(scenario.ownersOf(events)).toEqual([low, middle, low])
})
