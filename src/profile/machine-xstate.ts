import type { MachineDefinition } from './definition.ts'
import { MESSAGE_TYPES } from '../event/record.ts'
import type { RawTransition } from './machine-definition.ts'
import { normalizeMachine } from './machine-definition.ts'
import { SESSION_SIGNALS } from './machine.ts'

export interface XStateTransition {
  readonly target?: string
  readonly guard?: string
  readonly reenter?: boolean
}

/** What XState's `createMachine` takes; guards are named by their expression's text. */
export interface XStateConfig {
  readonly id: string
  readonly initial: string
  readonly states: Readonly<
    Record<
      string,
      {
        readonly on: Readonly<Record<string, readonly XStateTransition[]>>
        readonly after: Readonly<Record<number, readonly XStateTransition[]>>
      }
    >
  >
}

export interface XStateMachine {
  readonly config: XStateConfig
  /** For `createMachine(config, { guards })`. */
  readonly guards: Readonly<Record<string, () => boolean>>
}

/**
 * The same machine for XState v5. The event's `type` is the event name of a track event that the
 * machine names, else the message type, else the session signal. `guard` answers for a guard's
 * expression text.
 */
export function toXStateConfig(
  definition: MachineDefinition,
  guard: (text: string) => boolean,
): XStateMachine {
  const machine = normalizeMachine(definition)
  const fixed: ReadonlySet<string> = new Set([...MESSAGE_TYPES, ...SESSION_SIGNALS, '*'])
  const named = new Set<string>()
  const guards: Record<string, () => boolean> = {}
  for (const { on, after } of machine.states) {
    for (const name of on.keys()) if (!fixed.has(name)) named.add(name)
    for (const raw of [...[...on.values()].flat(), ...after.flatMap((due) => due.candidates)]) {
      const text = raw.guard
      if (text !== null) guards[text] = () => guard(text)
    }
  }
  const states = machine.states.map((state) => {
    const track = state.on.get('track') ?? []
    const on: [string, XStateTransition[]][] = []
    for (const [name, own] of state.on) {
      on.push([name, (fixed.has(name) ? own : [...own, ...track]).map(toTransition)])
    }
    for (const name of track.length === 0 ? [] : named) {
      if (!state.on.has(name)) on.push([name, track.map(toTransition)])
    }
    const after = state.after.map(({ delayMs, candidates }) => {
      return [delayMs, candidates.map(toTransition)]
    })
    return [state.name, { on: Object.fromEntries(on), after: Object.fromEntries(after) }]
  })
  const { id, initial } = machine
  return { config: { id, initial, states: Object.fromEntries(states) }, guards }
}

function toTransition({ target, guard, reenter }: RawTransition): XStateTransition {
  return {
    ...(target === null ? {} : { target }),
    ...(guard === null ? {} : { guard }),
    ...(reenter ? { reenter } : {}),
  }
}
