import type {
  MachineTransition,
  ProfileDefinition,
  TraitDefinition,
} from '../../src/profile/definition.ts'
import {
  compileExpression,
  compilePredicate,
  parseExpression,
} from '../../src/profile/expression.ts'
import type { Resolve, Value } from '../../src/profile/expression.ts'
import { defaultResolutionMs, durationMs } from '../../src/profile/time.ts'
import type { MadeEvent } from './made-events.ts'

const SESSION_GAP_MS = 30 * 60_000

export interface ReferenceTag {
  readonly value: string
  readonly weight: number
}
/** `value` is there only where the trait declares one. */
export interface ReferenceStep {
  readonly event: string
  readonly time: string
  readonly value?: number | null
}
export type ReferenceValue = Value | readonly ReferenceTag[] | readonly ReferenceStep[]

/** Something that traits may count: an event or a session's signal. */
interface Entry {
  readonly names: readonly string[]
  readonly time: number
  /** Older than the profile's clock when it came. */
  readonly late: boolean
  readonly bot: boolean
  readonly field: (name: string) => Value
  readonly products: MadeEvent['products']
}

/**
 * A profile by definition: all that came is kept, and every trait is computed from all of it on
 * each reading. Slow and plain on purpose; it shares the expression language with the fold, no more.
 */
export class ReferenceProfile {
  clock = 0
  readonly states: Record<string, string> = {}
  private readonly definition: ProfileDefinition
  private readonly entries: Entry[] = []
  private readonly attributes: Record<string, Value> = {}
  private readonly enteredAt: Record<string, number> = {}
  private session: { start: number; last: number; events: number } | null = null
  private started = false

  constructor(definition: ProfileDefinition) {
    this.definition = definition
    for (const { id, initial } of Object.values(definition.machines)) this.states[id] = initial
  }

  apply(event: MadeEvent): void {
    this.advance(event.time)
    const late = event.time < this.clock
    this.clock = Math.max(this.clock, event.time)
    if (event.bot !== true) this.beginOrProlong(event.time, late)
    const entry = entryOf(event, late)
    this.entries.push(entry)
    for (const [name, value] of Object.entries(event.traits ?? {})) {
      if (value === null) delete this.attributes[name]
      else this.attributes[name] = value
    }
    if (event.bot !== true) this.transition(entry, this.clock)
  }

  timer(now: number): void {
    this.advance(now)
    this.clock = Math.max(this.clock, now)
  }

  /** Ends the session and takes delayed transitions up to `until`; true when there were any. */
  advance(until: number): boolean {
    if (!this.started) return false
    let changed = false
    for (let at = this.nextDue(this.clock); at <= until; at = this.nextDue(at)) {
      changed = this.fire(at) || changed
    }
    return changed
  }

  trait(name: string, now: number): ReferenceValue {
    const trait = this.definition.traits[name]
    if (trait.op === 'ratio') {
      const above = Number(this.trait(trait.numerator ?? '', now) ?? Number.NaN)
      const below = Number(this.trait(trait.denominator ?? '', now) ?? Number.NaN)
      return finite(above / below)
    }
    if (trait.op === 'formula') {
      return compileExpression(parseExpression(trait.formula ?? ''), this.names(now))()
    }
    const entries = this.entries.filter((entry) => selects(trait, entry))
    return valueOf(trait, entries, now)
  }

  isInSegment(name: string, now: number): boolean {
    if (!this.started) return false
    return compilePredicate(parseExpression(this.definition.segments[name].when), this.names(now))()
  }

  private names(now: number, entry?: Entry): Resolve {
    return (name, args) => () => {
      if (name === 'tag' && args !== undefined) return this.tag(String(args[0]), args[1], now)
      if (name.startsWith('machine.')) return this.states[name.slice(8)]
      if (name.startsWith('traits.')) return this.attributes[name.slice(7)] ?? null
      const field = entry?.field(name) ?? null
      if (field !== null || !Object.hasOwn(this.definition.traits, name)) return field
      const value = this.trait(name, now)
      if (this.definition.traits[name].op !== 'top') return value as Value
      return (value as readonly ReferenceTag[])[0]?.weight ?? 0
    }
  }

  private tag(trait: string, text: Value | undefined, now: number): number {
    const tags = this.trait(trait, now) as readonly ReferenceTag[]
    return tags.find(({ value }) => value === text)?.weight ?? 0
  }

  private beginOrProlong(time: number, late: boolean): void {
    if (!this.started) {
      this.started = true
      for (const id of Object.keys(this.states)) this.enteredAt[id] = this.clock
    }
    if (this.session !== null) {
      this.session.events++
      if (!late) this.session.last = time
    } else if (!late) {
      this.session = { start: time, last: time, events: 1 }
      this.signal('Session Started', time, 0, 0)
    }
  }

  private signal(name: string, at: number, value: number, position: number): void {
    const values: Record<string, Value> = { value, position, event: name }
    const field = (of: string): Value => values[of] ?? null
    const entry = { names: [name], time: at, late: false, bot: false, field, products: [] }
    this.entries.push(entry)
    this.transition(entry, at)
  }

  private nextDue(after: number): number {
    let due = Number.POSITIVE_INFINITY
    if (this.session !== null) due = this.session.last + SESSION_GAP_MS
    for (const { id, states } of Object.values(this.definition.machines)) {
      for (const delay of Object.keys(states[this.states[id]].after ?? {})) {
        const at = this.enteredAt[id] + durationMs(delay)
        if (at > after) due = Math.min(due, at)
      }
    }
    return due
  }

  private fire(at: number): boolean {
    let changed = false
    if (this.session !== null && this.session.last + SESSION_GAP_MS <= at) {
      const { start, last, events } = this.session
      this.session = null
      this.signal('Session Ended', at, (last - start) / 1000, events)
      changed = true
    }
    for (const { id, states } of Object.values(this.definition.machines)) {
      for (const [delay, to] of Object.entries(states[this.states[id]].after ?? {})) {
        if (this.enteredAt[id] + durationMs(delay) !== at) continue
        changed = this.take(id, to, at) || changed
        break
      }
    }
    return changed
  }

  private transition(entry: Entry, at: number): void {
    for (const { id, states } of Object.values(this.definition.machines)) {
      const { on = {} } = states[this.states[id]]
      const named = [...entry.names].reverse().filter((name) => name !== '*')
      const found = named.map((name) => on[name]).find((to) => to !== undefined)
      if (found !== undefined) this.take(id, found, at, entry)
    }
  }

  private take(id: string, to: Transitions, at: number, entry?: Entry): boolean {
    const list = typeof to === 'string' ? [{ target: to }] : [to].flat()
    for (const { target, guard, reenter } of list as MachineTransition[]) {
      if (guard !== undefined) {
        if (!compilePredicate(parseExpression(guard), this.names(at, entry))()) continue
      }
      if (target === undefined || (target === this.states[id] && reenter !== true)) return false
      this.states[id] = target
      this.enteredAt[id] = at
      return true
    }
    return false
  }
}

type Transitions = MachineTransition | readonly MachineTransition[] | string

function entryOf(event: MadeEvent, late: boolean): Entry {
  const names = event.type === 'track' ? ['*', 'track', event.name ?? ''] : ['*', event.type]
  const field = (name: string): Value => {
    if (name === 'event') return event.type === 'track' ? (event.name ?? null) : null
    if (name === 'type') return event.type
    if (name.startsWith('properties.')) return event.properties?.[name.slice(11)] ?? null
    const values: Record<string, Value | undefined> = { ...event.numbers, ...event.strings }
    return values[name] ?? null
  }
  const { time, bot = false, products = [] } = event
  return { names, time, late, bot, field, products }
}

function selects(trait: TraitDefinition, entry: Entry): boolean {
  if (entry.bot && trait.bots !== true) return false
  const on = [trait.on ?? []].flat() as string[]
  if (!on.some((selector) => entry.names.includes(selector))) return false
  if (trait.where === undefined) return true
  return compilePredicate(parseExpression(trait.where), (name) => () => entry.field(name))()
}

/** What an event adds: no value, one, or one of each product. */
function valuesOf(trait: TraitDefinition, entry: Entry): Value[] {
  const { value } = trait
  if (trait.op === 'count' || trait.op === 'since' || value === undefined) return [1]
  const text = trait.text === true || trait.op === 'top' || trait.op === 'distinct'
  const all = value.startsWith('products.')
    ? (entry.products ?? []).map((product) => {
        if (value === 'products.quantity') return product.quantity ?? null
        return value === 'products.price' ? (product.price ?? null) : (product.id ?? null)
      })
    : [compileExpression(parseExpression(value), (name) => () => entry.field(name))()]
  return all.filter((v) => (text ? v !== null && v !== '' : typeof v === 'number'))
}

interface Weighed {
  readonly time: number
  readonly late: boolean
  readonly value: Value
}

/** The last that came, newest last: its most special name, its time to the second, its value. */
function stepsOf({ k = 16, value }: TraitDefinition, entries: readonly Entry[]): ReferenceStep[] {
  return entries.slice(-k).map((entry) => {
    const event = entry.names[entry.names.length - 1]
    const time = new Date(Math.floor(entry.time / 1000) * 1000).toISOString()
    if (value === undefined) return { event, time }
    const found = compileExpression(parseExpression(value), (name) => () => entry.field(name))()
    return { event, time, value: typeof found === 'number' ? Math.fround(found) : null }
  })
}

function valueOf(trait: TraitDefinition, entries: readonly Entry[], now: number): ReferenceValue {
  if (trait.op === 'recent') return stepsOf(trait, entries)
  const all: Weighed[] = entries.flatMap((entry) =>
    valuesOf(trait, entry).map((value) => ({ time: entry.time, late: entry.late, value })),
  )
  const halfLife = durationMs(trait.halfLife ?? '')
  if (trait.op === 'top') return topOf(all, halfLife, trait.k ?? 5, now)
  if (trait.op === 'since') {
    if (all.length === 0) return null
    return (now - Math.max(...all.map((one) => one.time))) / 1000
  }
  if (trait.op === 'distinct') {
    return Math.min(trait.limit ?? 4096, new Set(all.map((one) => one.value)).size)
  }
  if (trait.op === 'first') return all[0]?.value ?? null
  if (trait.op === 'last') {
    let last: Value = null
    for (const { value, late } of all) if (last === null || !late) last = value
    return last
  }
  if (trait.halfLife !== undefined) {
    return all.reduce((sum, one) => sum + Number(one.value) * 2 ** ((one.time - now) / halfLife), 0)
  }
  return statistic(
    trait.op,
    inWindow(trait, all, now).map((one) => Number(one.value)),
  )
}

/** Buckets are aligned to the epoch; the window is the newest of them. */
function inWindow(trait: TraitDefinition, all: Weighed[], now: number): Weighed[] {
  if (trait.window === undefined) return all
  const window = durationMs(trait.window)
  const width = durationMs(trait.resolution ?? '') || defaultResolutionMs(window)
  const oldest = Math.floor(now / width) - window / width
  return all.filter((one) => Math.floor(one.time / width) > oldest)
}

function statistic(op: string, values: readonly number[]): number | null {
  const sum = values.reduce((a, b) => a + b, 0)
  if (op === 'count') return values.length
  if (op === 'sum') return sum
  if (values.length === 0) return null
  if (op === 'mean') return sum / values.length
  return op === 'min' ? Math.min(...values) : Math.max(...values)
}

/** `k` places; a new string takes an empty place, else the first of the lightest. */
function topOf(all: readonly Weighed[], halfLife: number, k: number, now: number): ReferenceTag[] {
  const places: { value: string; weight: number }[] = []
  for (let i = 0; i < k; i++) places.push({ value: '', weight: 0 })
  let reference = 0
  for (const { time, value } of all) {
    if (time >= reference) {
      const factor = 2 ** ((reference - time) / halfLife)
      for (const place of places) place.weight = Math.fround(place.weight * factor)
      reference = time
    }
    const amount = 2 ** ((time - reference) / halfLife)
    const known = places.find((place) => place.value === value)
    const lightest = places.reduce((a, b) => (b.weight < a.weight ? b : a))
    if (known === undefined) {
      lightest.value = String(value)
      lightest.weight = Math.fround(amount)
    } else known.weight = Math.fround(known.weight + amount)
  }
  const factor = 2 ** ((reference - now) / halfLife)
  return places
    .filter((place) => place.value !== '')
    .map(({ value, weight }) => ({ value, weight: weight * factor }))
    .sort((a, b) => b.weight - a.weight)
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
