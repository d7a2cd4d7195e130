import { MESSAGE_TYPES } from '../event/record.ts'
import { EVENT_NAMES, eventCodeOf } from '../event/vocabulary.ts'
import type { CompiledDefinition, RingGroup, TraitShape } from './compile.ts'
import { Context, NUMBER_FIELD_INDEX, STRING_FIELD_INDEX } from './context.ts'
import {
  compileExpression,
  compilePredicate,
  parseExpression,
  references,
  thresholds,
  unknownNameError,
} from './expression.ts'
import type { Expression, Resolve, Value } from './expression.ts'
import type { ProfileStore } from './store.ts'
import { columnOf } from './layout.ts'
import { ringExpiry } from './rings.ts'
import { storedTagWeight, storedTopWeight, tagReader } from './tags.ts'
import { invalid } from './trait-error.ts'
import { referredTraits } from './trait-references.ts'
import { asNumber, compileReader, compileUpdate } from './trait-programs.ts'
import type { NumberReader, Update } from './trait-programs.ts'

/** What one kind of event does: the updates, and the segments that these may change. */
export interface Program {
  readonly updates: readonly Update[]
  readonly segments: readonly number[]
}

/** Gives the first instant after `afterMs` at which time alone may change a segment. */
export type Trigger = (afterMs: number) => number

/**
 * A definition bound to a store: programs for events, readers for traits, predicates for segments and
 * guards, triggers for due instants. All work on {@link context}'s row and instant.
 */
export class Evaluator {
  readonly context: Context
  readonly readers: readonly NumberReader[]
  readonly segments: readonly (() => boolean)[]
  readonly triggers: readonly Trigger[]
  /** Segments that read a machine's state; those that read identify attributes. */
  readonly ofMachines: readonly number[]
  readonly ofAttributes: readonly number[]
  private readonly compiled: CompiledDefinition
  private readonly byCode: readonly Program[]
  private readonly byType: readonly Program[]
  private readonly byName = new Map<string, Program>()
  private readonly bySignal: ReadonlyMap<string, Program>
  private readonly otherTrack: Program
  private readonly bots: Program
  private readonly shapes: ReadonlyMap<string, TraitShape>

  constructor(compiled: CompiledDefinition, store: ProfileStore) {
    this.compiled = compiled
    this.context = new Context(store)
    this.shapes = new Map(compiled.traits.map((shape) => [shape.name, shape]))
    this.readers = this.compileReaders()
    const parsed = compiled.segments.map((segment) => parseExpression(segment.when))
    this.segments = parsed.map((when) => compilePredicate(when, this.profileNames))
    const names = parsed.map((when) => namesBelow(compiled, when))
    this.ofMachines = indexesOf(names, 'machine.')
    this.ofAttributes = indexesOf(names, 'traits.')
    const programs = new Programs(compiled, parsed, this)
    this.byType = MESSAGE_TYPES.map((type) =>
      programs.of(type === 'track' ? ['*', 'track'] : ['*', type]),
    )
    this.byCode = ['', ...EVENT_NAMES].map((name) => programs.of(['*', 'track', name]))
    this.otherTrack = programs.of(['*', 'track'])
    this.bySignal = new Map(SIGNALS.map((name) => [name, programs.of([name])]))
    this.bots = programs.ofBots()
    for (const name of programs.customNames())
      this.byName.set(name, programs.of(['*', 'track', name]))
    this.triggers = this.compileTriggers(parsed)
  }

  /** The program of the record at hand. */
  programOfRecord(bot: boolean): Program {
    const { cursor } = this.context
    if (bot) return this.bots
    if (cursor.type !== TRACK) return this.byType[cursor.type]
    if (cursor.eventCode > 0) return this.byCode[cursor.eventCode]
    return this.byName.size === 0
      ? this.otherTrack
      : (this.byName.get(cursor.name) ?? this.otherTrack)
  }

  programOfSignal(name: string): Program {
    return this.bySignal.get(name) ?? this.otherTrack
  }

  /** Points at a row as of `now`, with no event at hand. */
  look(row: number, now: number): void {
    const { context } = this
    context.store.at(row)
    context.now = Math.max(now, context.store.clock(row))
    context.time = context.now
    context.signal = null
    context.silent = true
  }

  /** Guards see the event's fields first, then the profile, in which the event is counted already. */
  compileGuards(guards: readonly string[]): (() => boolean)[] {
    return guards.map((guard) => compilePredicate(parseExpression(guard), this.guardNames))
  }

  /** Names of an event: record fields, `event`, `type`, paths into the message. */
  readonly eventNames: Resolve = (name) => {
    const found = this.eventGetter(name)
    if (found === null)
      throw unknownNameError('field', name, [
        ...NUMBER_FIELD_INDEX.keys(),
        ...STRING_FIELD_INDEX.keys(),
      ])
    return found
  }

  private readonly guardNames: Resolve = (name, args) => {
    const field = args === undefined ? this.eventGetter(name) : null
    if (field === null) return this.profileNames(name, args)
    const trait = this.shapes.has(name) ? this.profileNames(name) : null
    if (trait === null) return field
    return () => field() ?? trait()
  }

  /** As a guard's names, but `traits.…` are the profile's attributes whatever the event says. */
  readonly rowNames: Resolve = (name, args) => {
    return name.startsWith('traits.') ? this.profileNames(name, args) : this.guardNames(name, args)
  }

  private readonly profileNames: Resolve = (name, args) => {
    if (name === 'tag' && args !== undefined) {
      const shape = this.shapes.get(String(args[0]))
      if (shape === undefined || shape.definition.op !== 'top') {
        throw unknownNameError('top trait', String(args[0]), this.topNames())
      }
      return tagReader(shape, String(args[1]), this.context)
    }
    if (name.startsWith('machine.')) return this.machineGetter(name.slice(8))
    if (name.startsWith('traits.')) return this.attributeGetter(name.slice(7))
    const shape = this.shapes.get(name)
    if (shape === undefined) throw unknownNameError('trait', name, [...this.shapes.keys()])
    return this.traitGetter(shape)
  }

  /** A trait's value as expressions see it: null for none. */
  traitGetter(shape: TraitShape): () => Value {
    if (shape.definition.op === 'recent') {
      throw invalid(shape.name, 'is a list of events, which no expression reads')
    }
    if (shape.definition.text === true) {
      const { store } = this.context
      const at = columnOf(shape.a)
      return () => {
        const id = store.page.u32[store.o4 + at]
        return id === 0 ? null : store.strings.text(id)
      }
    }
    const read = this.readers[shape.index] ?? this.readerOf(shape, this.pending)
    return () => {
      const value = read()
      return Number.isFinite(value) ? value : null
    }
  }

  private pending: (NumberReader | undefined)[] = []

  private compileReaders(): NumberReader[] {
    this.pending = this.compiled.traits.map(() => undefined)
    return this.compiled.traits.map((shape) => this.readerOf(shape, this.pending))
  }

  private readerOf(shape: TraitShape, made: (NumberReader | undefined)[]): NumberReader {
    const known = made[shape.index]
    if (known !== undefined) return known
    const reader = this.makeReader(shape, made)
    made[shape.index] = reader
    return reader
  }

  private makeReader(shape: TraitShape, made: (NumberReader | undefined)[]): NumberReader {
    const { op, formula, numerator = '', denominator = '', text } = shape.definition
    if (text === true || op === 'recent') return () => Number.NaN
    if (op === 'ratio') {
      const [above, below] = [numerator, denominator].map((name) =>
        this.readerOf(this.shapeOf(name, shape), made),
      )
      return () => {
        const divisor = below()
        return divisor === 0 ? Number.NaN : above() / divisor
      }
    }
    if (op !== 'formula') return compileReader(shape, this.context)
    const names: Resolve = (name, args) => {
      const other = this.shapes.get(name)
      if (other === undefined || other.definition.text === true)
        return this.profileNames(name, args)
      const read = this.readerOf(other, made)
      return () => {
        const value = read()
        return Number.isFinite(value) ? value : null
      }
    }
    const evaluate = compileExpression(parseExpression(formula ?? ''), names)
    return () => asNumber(evaluate())
  }

  private shapeOf(name: string, user: TraitShape): TraitShape {
    const shape = this.shapes.get(name)
    if (shape === undefined) throw invalid(user.name, `there is no trait "${name}"`)
    return shape
  }

  private topNames(): string[] {
    return this.compiled.traits.filter((t) => t.definition.op === 'top').map((t) => t.name)
  }

  private machineGetter(id: string): () => Value {
    const index = this.compiled.machines.findIndex((machine) => machine.id === id)
    if (index < 0)
      throw unknownNameError(
        'machine',
        id,
        this.compiled.machines.map((m) => m.id),
      )
    const { store } = this.context
    const { stateNames, initial } = this.compiled.machines[index]
    const at = this.compiled.columns.states.index + index
    return () => stateNames[store.page.u8[store.o1 + at]] ?? stateNames[initial]
  }

  private attributeGetter(name: string): () => Value {
    const { store } = this.context
    return () => store.sideOf(store.row)?.attributes?.[name] ?? null
  }

  private eventGetter(name: string): (() => Value) | null {
    const { context } = this
    if (name === 'event') return () => context.eventName()
    if (name === 'type') return () => context.typeName()
    const number = NUMBER_FIELD_INDEX.get(name)
    if (number !== undefined) {
      return () => {
        const value = context.number(number)
        return Number.isNaN(value) ? null : value
      }
    }
    const text = STRING_FIELD_INDEX.get(name)
    if (text !== undefined) return () => context.text(text)
    const [root] = name.split('.', 1)
    if (!['properties', 'traits', 'context'].includes(root) || root === name) return null
    const parts = name.split('.')
    return () => {
      const value = context.path(parts)
      return typeof value === 'object' || value === undefined ? null : (value as Value)
    }
  }

  /** Instants at which time alone may change a segment, from the traits that segments read. */
  private compileTriggers(segments: readonly Expression[]): Trigger[] {
    const triggers = new Map<string, Trigger>()
    for (const when of segments) {
      this.triggersBelow(when, triggers)
    }
    return [...triggers.values()]
  }

  private triggersBelow(expression: Expression, triggers: Map<string, Trigger>): void {
    const { names, tags } = references(expression)
    for (const name of names) this.triggersOf(name, expression, triggers)
    for (const tag of tags) {
      const shape = this.shapes.get(tag.trait)
      if (shape === undefined) continue
      const stored = (): number => storedTagWeight(shape, tag.value, this.context.store)
      for (const bound of thresholds(expression, tag)) {
        const name = `tag ${tag.trait} ${tag.value} ${bound}`
        triggers.set(name, this.decayTrigger(shape, bound, stored))
      }
    }
  }

  private triggersOf(name: string, expression: Expression, triggers: Map<string, Trigger>): void {
    const shape = this.shapes.get(name)
    if (shape === undefined) return
    const { group, definition } = shape
    if (group !== null) {
      triggers.set(name, (after) => ringExpiry(shape, group as RingGroup, this.context, after))
    } else if (definition.op === 'formula') {
      const formula = parseExpression(definition.formula ?? '')
      this.triggersBelow(formula, triggers)
    } else if (definition.op === 'ratio') {
      for (const other of referredTraits(this.compiled.definition, name))
        this.triggersOf(other, expression, triggers)
    } else {
      for (const bound of thresholds(expression, name)) {
        if (definition.op === 'since')
          triggers.set(`${name} ${bound}`, this.sinceTrigger(shape, bound))
        else if (shape.halfLifeMs > 0)
          triggers.set(`${name} ${bound}`, this.decayTrigger(shape, bound, this.storedOf(shape)))
      }
    }
  }

  private sinceTrigger(shape: TraitShape, seconds: number): Trigger {
    const { store } = this.context
    const column = columnOf(shape.a)
    return (after) => {
      const last = store.page.f64[store.o8 + column]
      if (last === 0) return Number.POSITIVE_INFINITY
      // At the threshold `>=` turns, one past it `>` does.
      const at = last + seconds * 1000
      const due = Math.ceil(at) > after ? Math.ceil(at) : Math.floor(at) + 1
      return due > after ? due : Number.POSITIVE_INFINITY
    }
  }

  private storedOf(shape: TraitShape): NumberReader {
    const { store } = this.context
    if (shape.definition.op === 'top') return () => storedTopWeight(shape, store)
    const value = columnOf(shape.a)
    return () => store.page.f64[store.o8 + value]
  }

  /** When a decaying value, of which `stored` is what it was at the reference time, meets a bound. */
  private decayTrigger(shape: TraitShape, bound: number, stored: NumberReader): Trigger {
    const { store } = this.context
    const reference = columnOf(shape.b)
    return (after) => {
      const known = stored()
      if (bound === 0 || !(known / bound > 1)) return Number.POSITIVE_INFINITY
      const crossing = shape.halfLifeMs * Math.log2(known / bound)
      const due = Math.ceil(store.page.f64[store.o8 + reference] + crossing) + 1
      return due > after ? due : Number.POSITIVE_INFINITY
    }
  }
}

const TRACK = MESSAGE_TYPES.indexOf('track')
const SIGNALS = ['Session Started', 'Session Ended'] as const

function indexesOf(names: readonly ReadonlySet<string>[], prefix: string): number[] {
  return names.flatMap((set, i) => ([...set].some((name) => name.startsWith(prefix)) ? [i] : []))
}

/** The names that an expression reads, itself or by way of formulas. */
function namesBelow(
  compiled: CompiledDefinition,
  expression: Expression,
  found = new Set<string>(),
): Set<string> {
  for (const name of references(expression).names) {
    if (found.has(name)) continue
    found.add(name)
    const trait = compiled.definition.traits[name]
    if (trait?.formula !== undefined) namesBelow(compiled, parseExpression(trait.formula), found)
  }
  return found
}

/** Which traits an event updates and which segments follow from these. */
class Programs {
  private readonly compiled: CompiledDefinition
  private readonly updates: readonly (Update | null)[]
  private readonly readers: readonly ReadonlySet<string>[]
  private readonly timed: readonly boolean[]

  constructor(compiled: CompiledDefinition, segments: readonly Expression[], evaluator: Evaluator) {
    this.compiled = compiled
    this.updates = compiled.traits.map((shape) => {
      const { op } = shape.definition
      if (op === 'ratio' || op === 'formula') return null
      return compileUpdate(shape, evaluator.context, evaluator.eventNames)
    })
    this.readers = segments.map((when) => this.baseTraits(when))
    this.timed = this.readers.map((names) => [...names].some((name) => this.movesWithTime(name)))
  }

  of(names: readonly string[]): Program {
    return this.program((shape) => selects(shape, names))
  }

  ofBots(): Program {
    return this.program(
      (shape) => shape.definition.bots === true && shape.definition.on !== undefined,
    )
  }

  /** Event names in the definition that are not of the vocabulary. */
  customNames(): string[] {
    const names = this.compiled.traits.flatMap((shape) => selectorsOf(shape))
    const known = new Set<string>(['*', ...MESSAGE_TYPES, ...SIGNALS])
    return [...new Set(names)].filter((name) => !known.has(name) && eventCodeOf(name) === 0)
  }

  private program(takes: (shape: TraitShape) => boolean): Program {
    const updates: Update[] = []
    const changed = new Set<string>()
    for (const shape of this.compiled.traits) {
      const update = this.updates[shape.index]
      if (update === null || !takes(shape)) continue
      updates.push(update)
      changed.add(shape.name)
    }
    const segments = this.readers.flatMap((names, i) => {
      return this.timed[i] || [...names].some((name) => changed.has(name)) ? [i] : []
    })
    return { updates, segments }
  }

  private baseTraits(expression: Expression, found = new Set<string>()): Set<string> {
    const { names, tags } = references(expression)
    for (const name of [...names, ...tags.map((tag) => tag.trait)]) this.addBase(name, found)
    return found
  }

  private addBase(name: string, found: Set<string>): void {
    if (!Object.hasOwn(this.compiled.definition.traits, name)) return
    found.add(name)
    for (const other of referredTraits(this.compiled.definition, name)) this.addBase(other, found)
  }

  private movesWithTime(name: string): boolean {
    const { op, window, halfLife } = this.compiled.definition.traits[name]
    return op === 'since' || window !== undefined || halfLife !== undefined
  }
}

function selectorsOf(shape: TraitShape): readonly string[] {
  const { on } = shape.definition
  if (on === undefined) return []
  return typeof on === 'string' ? [on] : on
}

function selects(shape: TraitShape, names: readonly string[]): boolean {
  return selectorsOf(shape).some((selector) => {
    if (names.includes(selector)) return true
    const code = eventCodeOf(selector)
    return code > 0 && names.includes(EVENT_NAMES[code - 1])
  })
}

const evaluators = new WeakMap<ProfileStore, Evaluator>()

/** The store's evaluator, made once. */
export function evaluatorOf(store: ProfileStore): Evaluator {
  const known = evaluators.get(store)
  if (known !== undefined) return known
  const made = new Evaluator(store.compiled, store)
  evaluators.set(store, made)
  return made
}
