import { LimnError } from '../protocol/errors.ts'
import type { MachineDefinition } from './definition.ts'
import { parseExpression } from './expression.ts'
import { durationMs } from './time.ts'

export const MACHINE_STATES_MAX = 250
export const MACHINE_CANDIDATES_MAX = 16
/** Ten years. */
export const DELAY_MS_MAX = 315_360_000_000

/** A fault in a machine's definition; `path` leads to it from the definition's root. */
export class MachineError extends LimnError {
  readonly path: readonly (string | number)[]
  /** The message without machine and path. */
  readonly reason: string

  constructor(code: string, id: string, path: readonly (string | number)[], message: string) {
    const place = path.length === 0 ? '' : `${path.join('.')}: `
    super(code, `machine ${id}: ${place}${message}`)
    this.path = path
    this.reason = message
  }
}

export interface RawTransition {
  readonly target: string | null
  readonly guard: string | null
  readonly reenter: boolean
}

export interface MachineStateNode {
  readonly name: string
  readonly on: ReadonlyMap<string, readonly RawTransition[]>
  /** Shortest delay first. */
  readonly after: readonly {
    readonly delayMs: number
    readonly candidates: readonly RawTransition[]
  }[]
}

export interface NormalizedMachine {
  readonly id: string
  readonly initial: string
  readonly states: readonly MachineStateNode[]
}

type Path = readonly (string | number)[]
type Fail = (path: Path, message: string) => never

const MACHINE_KEYS = ['id', 'description', 'initial', 'states']
const STATE_KEYS = ['description', 'on', 'after']
const TRANSITION_KEYS = ['target', 'guard', 'reenter']

/**
 * Brings every shorthand into one form. Throws {@link MachineError} (`ERR_MACHINE_INVALID`) for
 * what a flat machine cannot have: nested or parallel states, actions, `always`, `invoke`, ….
 */
export function normalizeMachine(definition: MachineDefinition): NormalizedMachine {
  const { id, initial } = definition
  const fail: Fail = (path, message) => {
    throw new MachineError('ERR_MACHINE_INVALID', id, path, message)
  }
  onlyKeys(definition, MACHINE_KEYS, [], fail)
  const names = Object.keys(definition.states)
  if (names.length === 0 || names.length > MACHINE_STATES_MAX) {
    fail(['states'], `found ${names.length} states; allowed: 1–${MACHINE_STATES_MAX}`)
  }
  if (!names.includes(initial)) fail(['initial'], unknownState(initial, names))
  const states = names.map((name) => normalizeState(definition, name, fail))
  return { id, initial, states }
}

/** Milliseconds of `30m`, `1h30m`, or of a whole number of ms; null for anything else. */
export function delayMsOf(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text)
  const duration = durationMs(text)
  return Number.isNaN(duration) ? null : duration
}

function normalizeState(definition: MachineDefinition, name: string, fail: Fail): MachineStateNode {
  const at: Path = ['states', name]
  if (!/^[^.#\s][^.#]*$/.test(name)) fail(at, 'a state name is text without "." and "#"')
  const state = definition.states[name]
  onlyKeys(state, STATE_KEYS, at, fail)
  const names = Object.keys(definition.states)
  const read = (value: unknown, path: Path) => {
    return normalizeCandidates(value, { id: definition.id, path, names, fail })
  }
  const on = new Map<string, RawTransition[]>()
  for (const [event, value] of Object.entries(state.on ?? {})) {
    const path = [...at, 'on', event]
    if (event === '' || (event !== '*' && event.endsWith('*'))) {
      fail(path, 'an event is a whole name, a message type, or * alone')
    }
    on.set(event, read(value, path))
  }
  const after = Object.entries(state.after ?? {}).map(([delay, value]) => {
    const path = [...at, 'after', delay]
    const delayMs = delayMsOf(delay)
    if (delayMs === null || delayMs < 1 || delayMs > DELAY_MS_MAX) {
      return fail(path, `found "${delay}"; allowed: a duration such as 30m, or ms, up to 10 years`)
    }
    return { delayMs, candidates: read(value, path), path }
  })
  after.sort((a, b) => a.delayMs - b.delayMs)
  for (let i = 1; i < after.length; i++) {
    if (after[i].delayMs === after[i - 1].delayMs) fail(after[i].path, 'the same delay twice')
  }
  return { name, on, after: after.map(({ delayMs, candidates }) => ({ delayMs, candidates })) }
}

interface CandidateContext {
  readonly id: string
  readonly path: Path
  readonly names: readonly string[]
  readonly fail: Fail
}

function normalizeCandidates(value: unknown, context: CandidateContext): RawTransition[] {
  const { path, fail } = context
  if (!Array.isArray(value)) return [normalizeTransition(value, context)]
  if (value.length > MACHINE_CANDIDATES_MAX) {
    fail(path, `found ${value.length} candidates; allowed: at most ${MACHINE_CANDIDATES_MAX}`)
  }
  return value.map((item, i) => normalizeTransition(item, { ...context, path: [...path, i] }))
}

function normalizeTransition(value: unknown, context: CandidateContext): RawTransition {
  const { path, names, fail } = context
  const raw = typeof value === 'string' ? { target: value } : value
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return fail(path, 'a transition is a state name, or target, guard and reenter')
  }
  onlyKeys(raw, TRANSITION_KEYS, path, fail)
  const { target, guard, reenter } = raw as Record<string, unknown>
  if (target !== undefined && (typeof target !== 'string' || !names.includes(target))) {
    return fail([...path, 'target'], unknownState(target, names))
  }
  if (reenter !== undefined && typeof reenter !== 'boolean') {
    return fail([...path, 'reenter'], 'allowed: true, false')
  }
  return {
    target: target ?? null,
    guard: guard === undefined ? null : checkGuard(guard, context),
    reenter: reenter ?? false,
  }
}

function checkGuard(guard: unknown, { path, id, fail }: CandidateContext): string {
  const at = [...path, 'guard']
  if (typeof guard !== 'string') return fail(at, 'a guard is an expression')
  try {
    parseExpression(guard)
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
    throw new MachineError(error.code, id, at, error.message)
  }
  return guard
}

function onlyKeys(value: object, allowed: readonly string[], path: Path, fail: Fail): void {
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key)) {
      fail([...path, key], `not supported by flat machines; allowed: ${allowed.join(', ')}`)
    }
  }
}

function unknownState(name: unknown, names: readonly string[]): string {
  return `found ${JSON.stringify(name)}; allowed: ${names.join(', ')}`
}
