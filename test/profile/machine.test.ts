import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimulatedClock, createActor, createMachine } from 'xstate'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { loadServerConfig } from '../../src/config/server-config.ts'
import type { MachineDefinition } from '../../src/profile/definition.ts'
import type { MachineTable, Transition } from '../../src/profile/machine.ts'
import { chooseTransition, compileMachine } from '../../src/profile/machine.ts'
import { slotOfEvent, slotOfType, step } from '../../src/profile/machine.ts'
import { toXStateConfig } from '../../src/profile/machine-xstate.ts'

/** XState's clock, which also tells when its timers are due. */
class ObservedClock extends SimulatedClock {
  private readonly dueById = new Map<unknown, number>()

  override setTimeout(callback: (...args: unknown[]) => void, timeout: number) {
    const id = super.setTimeout((...args: unknown[]) => {
      this.dueById.delete(id)
      callback(...args)
    }, timeout)
    this.dueById.set(id, this.now() + timeout)
    return id
  }

  override clearTimeout(id: number) {
    this.dueById.delete(id)
    super.clearTimeout(id)
  }

  pending(): number[] {
    return [...this.dueById.values()].sort((a, b) => a - b)
  }

  /** Steps to each due instant, so that a timer set by a timer counts from that instant. */
  advanceTo(instant: number): void {
    for (;;) {
      const [due] = this.pending()
      if (due === undefined || due > instant) break
      this.set(due)
    }
    if (instant > this.now()) this.set(instant)
  }
}

/** Runs a table as the fold does: a state, the instant of its entry, and a clock. */
class TableRun {
  state: number
  private enteredAt = 0
  private clock = 0
  private readonly table: MachineTable
  private readonly guard: (index: number) => boolean

  constructor(table: MachineTable, state: number, holds: (text: string) => boolean) {
    this.table = table
    this.state = state
    this.guard = (index) => holds(table.guards[index])
  }

  send(slot: number): void {
    this.take(step(this.table, this.state, slot, this.guard))
  }

  advanceTo(instant: number): void {
    for (;;) {
      const due = this.table.dues[this.state].find(({ delayMs }) => this.isAhead(delayMs))
      if (due === undefined || this.enteredAt + due.delayMs > instant) break
      this.clock = this.enteredAt + due.delayMs
      this.take(chooseTransition(due.candidates, this.guard))
    }
    this.clock = instant
  }

  pending(): number[] {
    return this.table.dues[this.state]
      .filter(({ delayMs }) => this.isAhead(delayMs))
      .map(({ delayMs }) => this.enteredAt + delayMs)
  }

  private isAhead(delayMs: number): boolean {
    return this.enteredAt + delayMs > this.clock
  }

  private take(transition: Transition | null): void {
    if (transition === null) return
    this.state = transition.state
    if (transition.entered) this.enteredAt = this.clock
  }
}

interface Pair {
  readonly table: MachineTable
  send(slot: number): void
  advanceTo(instant: number): void
  /** Throws where table and XState differ in state or in pending timers. */
  compare(): void
}

/** The same machine twice, both just entered into `state`. */
function startPair(
  definition: MachineDefinition,
  state: number,
  holds: (text: string) => boolean,
): Pair {
  const table = compileMachine(definition)
  const initial = table.stateNames[state]
  const { config, guards } = toXStateConfig({ ...definition, initial }, holds)
  const clock = new ObservedClock()
  const machine = createMachine(config as Parameters<typeof createMachine>[0]).provide({
    guards,
  } as never)
  const actor = createActor(machine, { clock }).start()
  const run = new TableRun(table, state, holds)
  return {
    table,
    send: (slot) => {
      actor.send({ type: table.slotNames[slot] })
      run.send(slot)
    },
    advanceTo: (instant) => {
      clock.advanceTo(instant)
      run.advanceTo(instant)
    },
    compare: () => {
      const both = { state: table.stateNames[run.state], pending: run.pending() }
      const wanted = { state: actor.getSnapshot().value, pending: clock.pending() }
      expect(both).toEqual(wanted)
    },
  }
}

/** Every state × every slot × every valuation of the guards, and every delay of every state. */
function compareExhaustively(definition: MachineDefinition): void {
  const table = compileMachine(definition)
  for (let valuation = 0; valuation < 2 ** table.guards.length; valuation++) {
    const holds = (text: string) => ((valuation >> table.guards.indexOf(text)) & 1) === 1
    for (let state = 0; state < table.stateNames.length; state++) {
      for (let slot = 0; slot < table.slotNames.length; slot++) {
        const pair = startPair(definition, state, holds)
        pair.advanceTo(1)
        pair.send(slot)
        pair.compare()
      }
      const silent = startPair(definition, state, holds)
      for (let count = 0, now = 0; count < 8; count++) {
        const delays = table.dues.flat().map(({ delayMs }) => delayMs)
        now += Math.max(1, ...delays)
        silent.advanceTo(now)
        silent.compare()
      }
      for (const { delayMs } of table.dues[state]) {
        const pair = startPair(definition, state, holds)
        pair.advanceTo(delayMs - 1)
        pair.compare()
        pair.advanceTo(delayMs)
        pair.compare()
      }
    }
  }
}

const STATES = ['a', 'b', 'c', 'd']
const transition = fc.record(
  {
    target: fc.constantFrom(...STATES),
    guard: fc.constantFrom('x > 1', 'y', 'z == 2'),
    reenter: fc.boolean(),
  },
  { requiredKeys: [] },
)
const candidates = fc.oneof(
  fc.constantFrom(...STATES),
  transition,
  fc.array(transition, { maxLength: 3 }),
)
const state = fc.record(
  {
    on: fc.dictionary(
      fc.constantFrom('A', 'B', 'page', 'track', 'Session Ended', '*'),
      candidates,
      { maxKeys: 4 },
    ),
    after: fc.dictionary(fc.constantFrom('10ms', '25', '1s'), candidates, { maxKeys: 2 }),
  },
  { requiredKeys: [] },
)
const definition: fc.Arbitrary<MachineDefinition> = fc.record({
  id: fc.constant('random'),
  initial: fc.constantFrom(...STATES),
  states: fc.record({ a: state, b: state, c: state, d: state }),
})

function hasAfterCycle(machine: MachineDefinition): boolean {
  try {
    compileMachine(machine)
    return false
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_MACHINE_AFTER_CYCLE' })
    return true
  }
}

describe('table = XState', () => {
  const { file } = loadServerConfig({ env: {} }).profile
  const { machines } = loadProfileConfig(file).definition
  for (const [id, machine] of Object.entries(machines)) {
    test(`the shipped machine ${id}, exhaustively`, () => compareExhaustively(machine))
  }

  test('random machines, exhaustively', () => {
    const property = fc.property(definition, (machine) => {
      fc.pre(!hasAfterCycle(machine))
      compareExhaustively(machine)
    })
    fc.assert(property, { numRuns: 20, interruptAfterTimeLimit: 20_000 })
  })

  test('random machines on random walks with changing guards', () => {
    const move = fc.record({
      wait: fc.constantFrom(0, 1, 9, 10, 15, 25, 990, 2000),
      slot: fc.nat(100),
      valuation: fc.nat(7),
    })
    const property = fc.property(definition, fc.array(move, { maxLength: 30 }), (machine, walk) => {
      fc.pre(!hasAfterCycle(machine))
      let valuation = 0
      const { guards, initial } = compileMachine(machine)
      const holds = (text: string) => ((valuation >> guards.indexOf(text)) & 1) === 1
      const pair = startPair(machine, initial, holds)
      let now = 0
      for (const { wait, slot, valuation: next } of walk) {
        valuation = next
        now += wait
        pair.advanceTo(now)
        pair.compare()
        pair.send(slot % pair.table.slotNames.length)
        pair.compare()
      }
    })
    fc.assert(property, { numRuns: 300, interruptAfterTimeLimit: 20_000 })
  })
})

describe('compileMachine', () => {
  const machine = (states: MachineDefinition['states'], initial = 'a'): MachineDefinition => {
    return { id: 'm', initial, states }
  }
  const faultOf = (wrong: unknown) => {
    try {
      compileMachine(wrong as MachineDefinition)
    } catch (error) {
      return error
    }
    throw new Error('was accepted')
  }

  test('finds slots of events, types and signals', () => {
    const table = compileMachine(machine({ a: { on: { 'Order Completed': 'a', page: 'a' } } }))
    expect(table.slotNames[slotOfEvent(table, 'Order Completed')]).toBe('Order Completed')
    expect(table.slotNames[slotOfEvent(table, 'Never Named')]).toBe('track')
    expect(table.slotNames[slotOfEvent(table, 'page')]).toBe('track')
    expect(table.slotNames[slotOfType(table, 'page')]).toBe('page')
    expect(table.slotNames[slotOfType(table, 'Session Ended')]).toBe('Session Ended')
    expect(slotOfType(table, 'Order Completed')).toBe(-1)
  })

  test('lists unreachable states', () => {
    const table = compileMachine(
      machine({ a: { after: { '1h': 'b' } }, b: {}, c: { on: { x: 'a' } } }),
    )
    expect(table.unreachable).toEqual(['c'])
    expect(table.dues[0][0].delayMs).toBe(3_600_000)
  })

  test.each([
    [{ a: { on: { x: 'z' } } }, 'ERR_MACHINE_INVALID', ['states', 'a', 'on', 'x', 'target']],
    [{ a: { entry: 'log' } }, 'ERR_MACHINE_INVALID', ['states', 'a', 'entry']],
    [
      { a: { on: { x: { actions: 'log' } } } },
      'ERR_MACHINE_INVALID',
      ['states', 'a', 'on', 'x', 'actions'],
    ],
    [{ a: { after: { soon: 'a' } } }, 'ERR_MACHINE_INVALID', ['states', 'a', 'after', 'soon']],
    [
      { a: { after: { '60s': 'a', '1m': 'a' } } },
      'ERR_MACHINE_INVALID',
      ['states', 'a', 'after', '1m'],
    ],
    [{ a: { on: { 'x.*': 'a' } } }, 'ERR_MACHINE_INVALID', ['states', 'a', 'on', 'x.*']],
    [{ 'a.b': {}, a: {} }, 'ERR_MACHINE_INVALID', ['states', 'a.b']],
    [
      { a: { on: { x: { guard: '1 +' } } } },
      'ERR_EXPRESSION_SYNTAX',
      ['states', 'a', 'on', 'x', 'guard'],
    ],
    [
      { a: { after: { '1m': 'b' } }, b: { after: { '1m': 'a' } } },
      'ERR_MACHINE_AFTER_CYCLE',
      ['states', 'a', 'after'],
    ],
    [
      { a: { after: { '1m': { target: 'a', reenter: true } } } },
      'ERR_MACHINE_AFTER_CYCLE',
      ['states', 'a', 'after'],
    ],
  ])('refuses %j', (states, code, path) => {
    expect(faultOf(machine(states as MachineDefinition['states']))).toMatchObject({ code, path })
  })

  test('refuses an unknown initial state and keys of other machines', () => {
    expect(faultOf(machine({ a: {} }, 'b'))).toMatchObject({ path: ['initial'] })
    const parallel = { ...machine({ a: {} }), type: 'parallel' }
    expect(faultOf(parallel)).toMatchObject({ code: 'ERR_MACHINE_INVALID', path: ['type'] })
  })
})
