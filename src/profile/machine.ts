import { MESSAGE_TYPES } from '../event/record.ts'
import type { MachineDefinition } from './definition.ts'
import type { MachineStateNode, RawTransition } from './machine-definition.ts'
import { MachineError, normalizeMachine } from './machine-definition.ts'

/** The signals of a session, which machines may name beside events and message types. */
export const SESSION_SIGNALS = ['Session Started', 'Session Ended'] as const

/** One candidate; candidates are tried in order, and the first whose guard holds is taken. */
export interface Transition {
  /** Index into {@link MachineTable.guards}, or -1 for none. */
  readonly guard: number
  /** The state afterwards: the source itself where the definition names no target. */
  readonly state: number
  /** The state is entered: its `after` delays start anew. */
  readonly entered: boolean
}

/** A delayed transition: due `delayMs` after its state was entered. */
export interface Due {
  readonly delayMs: number
  readonly candidates: readonly Transition[]
}

/**
 * A machine as a table. States and event slots are small integers; a profile keeps one byte, the
 * state, and the instant at which it was entered.
 */
export interface MachineTable {
  readonly id: string
  /** Index of a state → its name; at most {@link MACHINE_STATES_MAX}. */
  readonly stateNames: readonly string[]
  readonly initial: number
  /** Texts of the guards; {@link Transition.guard} is an index here. */
  readonly guards: readonly string[]
  /** Slot → what it stands for: message types first, then session signals, then event names. */
  readonly slotNames: readonly string[]
  /** `candidates[state * slotNames.length + slot]`. */
  readonly candidates: readonly (readonly Transition[])[]
  /** State → its delayed transitions, shortest delay first. */
  readonly dues: readonly (readonly Due[])[]
  /** States that no path from the initial state reaches: a warning, no error. */
  readonly unreachable: readonly string[]
}

const FIXED_SLOTS: readonly string[] = [...MESSAGE_TYPES, ...SESSION_SIGNALS]
const TRACK_SLOT = MESSAGE_TYPES.indexOf('track')

/**
 * Compiles and checks a definition. Throws {@link MachineError} (`ERR_MACHINE_INVALID`,
 * `ERR_MACHINE_AFTER_CYCLE`) with the path of the fault in the definition; a guard that does not
 * parse throws its expression's code.
 *
 * As XState does it: an event's own candidates come before those of `*`, and `*` also follows a
 * delayed transition whose guards all fail. A track event's candidates are those of its name,
 * then of `track`, then of `*`.
 */
export function compileMachine(definition: MachineDefinition): MachineTable {
  const { id, states, initial } = normalizeMachine(definition)
  const stateNames = states.map((state) => state.name)
  const named = new Set(states.flatMap((state) => [...state.on.keys()]))
  for (const name of ['*', ...FIXED_SLOTS]) named.delete(name)
  const slotNames = [...FIXED_SLOTS, ...named]
  const guards: string[] = []
  const compiled = states.map((node, state) => {
    const compile = (raw: RawTransition): Transition => {
      const target = raw.target === null ? state : stateNames.indexOf(raw.target)
      const entered = raw.target !== null && (target !== state || raw.reenter)
      return { guard: guardIndex(guards, raw.guard), state: target, entered }
    }
    const slots = slotNames.map((name, slot) => candidatesOf(node, name, slot).map(compile))
    const anything = (node.on.get('*') ?? []).map(compile)
    const dues = node.after.map(({ delayMs, candidates }) => {
      return { delayMs, candidates: [...candidates.map(compile), ...anything] }
    })
    return { slots, dues }
  })
  const table = {
    id,
    stateNames,
    initial: stateNames.indexOf(initial),
    guards,
    slotNames,
    candidates: compiled.flatMap((state) => state.slots),
    dues: compiled.map((state) => state.dues),
  }
  refuseAfterCycles(table)
  return { ...table, unreachable: unreachableStates(table) }
}

/** The slot of a track event: its name's, or `track`'s where the machine does not name it. */
export function slotOfEvent(table: MachineTable, name: string): number {
  const slot = table.slotNames.indexOf(name, FIXED_SLOTS.length)
  return slot < 0 ? TRACK_SLOT : slot
}

/** The slot of a message type (`page`, `identify`, …) or session signal; -1 for another name. */
export function slotOfType(table: MachineTable, name: string): number {
  const slot = table.slotNames.indexOf(name)
  return slot < FIXED_SLOTS.length ? slot : -1
}

export function candidatesAt(
  table: MachineTable,
  state: number,
  slot: number,
): readonly Transition[] {
  return table.candidates[state * table.slotNames.length + slot]
}

/** The first candidate whose guard holds, or null: nothing happens. Allocates nothing. */
export function chooseTransition(
  candidates: readonly Transition[],
  guard: (index: number) => boolean,
): Transition | null {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]
    if (candidate.guard < 0 || guard(candidate.guard)) return candidate
  }
  return null
}

/** What an event does in a state; null: nothing. */
export function step(
  table: MachineTable,
  state: number,
  slot: number,
  guard: (index: number) => boolean,
): Transition | null {
  return chooseTransition(candidatesAt(table, state, slot), guard)
}

function candidatesOf(node: MachineStateNode, name: string, slot: number): RawTransition[] {
  const found = [...(node.on.get(name) ?? [])]
  if (slot >= FIXED_SLOTS.length) found.push(...(node.on.get('track') ?? []))
  found.push(...(node.on.get('*') ?? []))
  return found
}

function guardIndex(guards: string[], guard: string | null): number {
  if (guard === null) return -1
  const known = guards.indexOf(guard)
  return known < 0 ? guards.push(guard) - 1 : known
}

type Edges = Pick<MachineTable, 'id' | 'stateNames' | 'initial' | 'candidates' | 'dues'>

function unreachableStates(table: Edges): string[] {
  const slots = table.candidates.length / table.stateNames.length
  const reached = new Set([table.initial])
  for (const state of reached) {
    const events = table.candidates.slice(state * slots, (state + 1) * slots).flat()
    const delayed = table.dues[state].flatMap((due) => due.candidates)
    for (const transition of [...events, ...delayed]) reached.add(transition.state)
  }
  return table.stateNames.filter((_, state) => !reached.has(state))
}

/** A circle of delayed transitions would wake silent profiles for ever. */
function refuseAfterCycles(table: Edges): void {
  const done = new Set<number>()
  const follow = (state: number, path: readonly number[]): void => {
    if (path.includes(state)) {
      const names = [...path.slice(path.indexOf(state)), state].map((s) => table.stateNames[s])
      const message = `delayed transitions form a circle: ${names.join(' → ')}`
      const at = ['states', table.stateNames[state], 'after']
      throw new MachineError('ERR_MACHINE_AFTER_CYCLE', table.id, at, message)
    }
    if (done.has(state)) return
    for (const due of table.dues[state]) {
      for (const next of due.candidates) if (next.entered) follow(next.state, [...path, state])
    }
    done.add(state)
  }
  for (let state = 0; state < table.stateNames.length; state++) follow(state, [])
}
