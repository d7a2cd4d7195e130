import { RECORD_KIND, STRING_FIELDS } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import type {
  MachineTransition,
  ProfileDefinition,
  TraitDefinition,
} from '../../src/profile/definition.ts'
import { compileExpression, compilePredicate } from '../../src/profile/expression.ts'
import type { Resolve, Value } from '../../src/profile/expression.ts'
import { durationMs } from '../../src/profile/time.ts'
import { recordOf } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'
import { ReferenceExpressions } from './reference-expressions.ts'
import { ReferenceIdentity } from './reference-identity.ts'
import { entryOf, traitsOf } from './reference-record.ts'
import type { Entry } from './reference-record.ts'
import { asNumber, valueOf } from './reference-traits.ts'
import type { ReferenceTag, ReferenceValue } from './reference-traits.ts'

const SESSION_GAP_MS = 30 * 60_000
const GROUP_ID = STRING_FIELDS.indexOf('group_id')

interface Reading {
  readonly now: number
  readonly entries: number
  readonly values: Map<string, ReferenceValue>
}

interface Session {
  readonly start: number
  readonly last: number
  readonly events: number
}

/**
 * A profile by definition: all that came is kept, and every trait is computed from all of it on
 * each reading. Slow and plain on purpose; it shares the expression language and the record's cursor
 * with the fold, no more.
 */
export class ReferenceProfile {
  clock = 0
  /** Of all events; 0 for none. */
  firstSeen = 0
  /** Of people's events; 0 for none. */
  lastSeen = 0
  readonly states: Record<string, string> = {}
  readonly identity = new ReferenceIdentity()
  private readonly definition: ProfileDefinition
  private readonly expressions: ReferenceExpressions
  private readonly entries: Entry[] = []
  private readonly enteredAt: Record<string, number> = {}
  private session: Session | null = null
  private started = false
  /** Values that were computed for one instant and so many entries. */
  private read: Readonly<Reading> = { now: 0, entries: 0, values: new Map() }

  constructor(definition: ProfileDefinition, expressions = new ReferenceExpressions()) {
    this.definition = definition
    this.expressions = expressions
    for (const { id, initial } of Object.values(definition.machines)) this.states[id] = initial
  }

  /** The profile as it will be at `now` if nothing comes: a copy. */
  asOf(now: number): ReferenceProfile {
    const copy = new ReferenceProfile(this.definition, this.expressions)
    copy.clock = this.clock
    copy.firstSeen = this.firstSeen
    copy.lastSeen = this.lastSeen
    Object.assign(copy.states, this.states)
    Object.assign(copy.enteredAt, this.enteredAt)
    copy.identity.takeAll(this.identity)
    copy.entries.push(...this.entries)
    copy.session = this.session
    copy.started = this.started
    copy.advance(now)
    return copy
  }

  apply(event: MadeEvent): void {
    this.applyRecord(recordOf(event))
  }

  /** Applies a record of its own bytes; false for one that is neither event nor timer. */
  applyRecord(bytes: Uint8Array): boolean {
    const cursor = new RecordCursor().over(bytes).at(0)
    if (cursor.kind === RECORD_KIND.timer) this.timer(cursor.eventTime)
    else if (cursor.kind === RECORD_KIND.event) this.applyEvent(cursor)
    else return false
    return true
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
      const formula = this.expressions.parse(trait.formula ?? '')
      return finite(asNumber(compileExpression(formula, this.names(now))()))
    }
    if (this.read.now !== now || this.read.entries !== this.entries.length) {
      this.read = { now, entries: this.entries.length, values: new Map() }
    }
    const known = this.read.values.get(name)
    if (known !== undefined) return known
    const entries = this.entries.filter((entry) => this.selects(trait, entry))
    const value = valueOf(trait, entries, { now, expressions: this.expressions })
    this.read.values.set(name, value)
    return value
  }

  isInSegment(name: string, now: number): boolean {
    if (!this.started) return false
    return compilePredicate(
      this.expressions.parse(this.definition.segments[name].when),
      this.names(now),
    )()
  }

  private applyEvent(cursor: RecordCursor): void {
    const entry = entryOf(cursor)
    const { time, bot } = entry
    this.advance(time)
    const late = time < this.clock
    this.clock = Math.max(this.clock, time)
    this.firstSeen = this.firstSeen === 0 ? time : Math.min(this.firstSeen, time)
    if (!bot) this.beginOrProlong(time, late)
    this.entries.push(entry)
    if (entry.names.includes('identify')) this.identity.identify(traitsOf(cursor), time)
    if (entry.names.includes('group')) this.identity.group(cursor.text(GROUP_ID), time)
    if (!bot) this.transition(entry, this.clock)
  }

  /** What expressions see; with `guard`, a machine's: `traits.…` are then the event's. */
  private names(now: number, guard?: { entry: Entry | null }): Resolve {
    return (name, args) => () => {
      if (name === 'tag' && args !== undefined) return this.tag(String(args[0]), args[1], now)
      if (name.startsWith('machine.')) return this.states[name.slice(8)]
      const field = guard?.entry?.field(name) ?? null
      if (name.startsWith('traits.')) {
        return guard === undefined ? this.identity.attribute(name.slice(7)) : field
      }
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
    this.lastSeen = Math.max(this.lastSeen, time)
    if (this.session !== null) {
      const { start, last, events } = this.session
      this.session = { start, last: Math.max(last, time), events: events + 1 }
    } else if (!late) {
      this.session = { start: time, last: time, events: 1 }
      this.signal('Session Started', time, 0, 0)
    }
  }

  private signal(name: string, at: number, value: number, position: number): void {
    const values: Record<string, Value> = { value, position, event: name }
    const field = (of: string): Value => values[of] ?? null
    const entry = { names: [name], time: at, bot: false, field, products: [] }
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
      const { after = {}, on = {} } = states[this.states[id]]
      for (const [delay, to] of Object.entries(after)) {
        if (this.enteredAt[id] + durationMs(delay) !== at) continue
        changed = this.take(id, [...candidates(to), ...candidates(on['*'])], at, null) || changed
        break
      }
    }
    return changed
  }

  /** The candidates of the most special name come first, those of `*` last. */
  private transition(entry: Entry, at: number): void {
    const names = [...entry.names.filter((name) => name !== '*').reverse(), '*']
    for (const { id, states } of Object.values(this.definition.machines)) {
      const { on = {} } = states[this.states[id]]
      this.take(
        id,
        names.flatMap((name) => candidates(on[name])),
        at,
        entry,
      )
    }
  }

  private selects(trait: TraitDefinition, entry: Entry): boolean {
    if (entry.bot && trait.bots !== true) return false
    const on = [trait.on ?? []].flat() as string[]
    if (!on.some((selector) => entry.names.includes(selector))) return false
    return this.expressions.holds(trait.where, entry)
  }

  private take(id: string, list: MachineTransition[], at: number, entry: Entry | null): boolean {
    for (const { target, guard, reenter } of list) {
      if (guard !== undefined) {
        if (!compilePredicate(this.expressions.parse(guard), this.names(at, { entry }))()) continue
      }
      if (target === undefined || (target === this.states[id] && reenter !== true)) return false
      this.states[id] = target
      this.enteredAt[id] = at
      return true
    }
    return false
  }
}

function candidates(
  to: MachineTransition | readonly MachineTransition[] | string | undefined,
): MachineTransition[] {
  if (to === undefined) return []
  return typeof to === 'string' ? [{ target: to }] : ([to].flat() as MachineTransition[])
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
