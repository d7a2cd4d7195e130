import type { RecordCursor } from '../event/record.ts'
import { MESSAGE_TYPES, RECORD_FLAG, RECORD_KIND } from '../event/record.ts'
import { eventNameOf } from '../event/vocabulary.ts'
import type { CompiledDefinition, CompiledMachine } from './compile.ts'
import { COLUMN, SESSION_GAP_MS } from './compile.ts'
import type { SessionSignal } from './event-values.ts'
import { EventValues } from './event-values.ts'
import { compilePredicate, references, thresholds } from './expression.ts'
import { parseExpression } from './expression.ts'
import type { Transition } from './machine.ts'
import { candidatesAt, chooseTransition, slotOfEvent, slotOfType } from './machine.ts'
import type { TraitReader } from './reader.ts'
import { readerOf, scalar } from './reader.ts'
import type { ProfileStore } from './store.ts'
import { TraitUpdates } from './updates.ts'

export interface Effect {
  readonly kind: 'segmentEntered' | 'segmentLeft' | 'stateChanged'
  readonly row: number
  readonly name: string
  readonly from?: string
  readonly to?: string
  readonly time: number
}

export class EffectBuffer {
  private list: Effect[] = []
  get length(): number {
    return this.list.length
  }
  push(effect: Effect): void {
    this.list.push(effect)
  }
  take(): Effect[] {
    const taken = this.list
    this.list = []
    return taken
  }
  clear(): void {
    if (this.list.length > 0) this.list = []
  }
}

const ATTRIBUTES_MAX = 64
const ATTRIBUTE_LENGTH_MAX = 1024
const ATTRIBUTES_LENGTH_MAX = 8192
const DUES_A_CALL_MAX = 100_000

/** Applies records to rows. Deterministic: time comes only from records and from `advance`. */
export class Fold {
  readonly effects = new EffectBuffer()
  private readonly compiled: CompiledDefinition
  private readonly store: ProfileStore
  private readonly values = new EventValues()
  private readonly reader: TraitReader
  private readonly updates: TraitUpdates
  private readonly segments: (() => boolean)[]
  private readonly guards: (() => boolean)[][]
  /** Traits `since` that segments compare: column and threshold in ms. */
  private readonly sinceDues: { column: number; afterMs: number }[] = []

  constructor(compiled: CompiledDefinition, store: ProfileStore) {
    this.compiled = compiled
    this.store = store
    this.reader = readerOf(store)
    const resolve = this.values.resolver(this.reader.resolve)
    this.updates = new TraitUpdates(store, resolve)
    this.segments = compiled.segments.map((s) => compilePredicate(s.when, this.reader.resolve))
    this.guards = compiled.machines.map((m) => {
      return m.table.guards.map((text) => compilePredicate(parseExpression(text), resolve))
    })
    this.findSinceDues()
  }

  /** Fires what was due by the record's arrival, then applies it. */
  apply(row: number, cursor: RecordCursor): void {
    const { store } = this
    const time = Math.max(cursor.arrivalTime, cursor.eventTime, store.clock(row))
    this.advance(row, time)
    store.set(row, COLUMN.clock, time)
    if (cursor.kind === RECORD_KIND.event) this.applyEvent(row, cursor, time)
    this.settle(row, time)
  }

  /** Fires due instants ≤ now; true if a machine's state or a segment changed. */
  advance(row: number, now: number): boolean {
    const { store } = this
    const before = this.effects.length
    for (let fired = 0; store.nextDue(row) <= now && fired < DUES_A_CALL_MAX; fired++) {
      const due = Math.max(store.nextDue(row), store.clock(row))
      store.set(row, COLUMN.clock, due)
      const sessionDue = store.get(row, COLUMN.sessionLast) + SESSION_GAP_MS
      if (store.get(row, COLUMN.sessionEvents) > 0 && sessionDue <= due) {
        this.endSession(row, due)
      } else {
        this.fireMachines(row, due)
      }
      this.settle(row, due)
    }
    return this.effects.length > before
  }

  private applyEvent(row: number, cursor: RecordCursor, time: number): void {
    const { store, values } = this
    const bot = (cursor.flags & RECORD_FLAG.bot) !== 0
    const at = cursor.eventTime
    const first = store.get(row, COLUMN.firstSeen)
    if (!(first <= at)) store.set(row, COLUMN.firstSeen, at)
    const type = MESSAGE_TYPES[cursor.type]
    const name = type === 'track' ? eventNameOf(cursor.eventCode) || cursor.name : ''
    if (bot) store.set(row, COLUMN.botEvents, store.get(row, COLUMN.botEvents) + 1)
    else this.touchSession(row, at, time)
    values.record(cursor)
    this.reader.at(row, time)
    this.updates.apply(row, at, { type, name, bot, cursor })
    if (type === 'identify') this.keepAttributes(row)
    if (bot) return
    for (const [i, m] of this.compiled.machines.entries()) {
      const slot = type === 'track' ? slotOfEvent(m.table, name) : slotOfType(m.table, type)
      const state = store.get(row, m.column)
      this.take(row, m, time, this.choose(i, candidatesAt(m.table, state, slot)))
    }
  }

  private touchSession(row: number, at: number, time: number): void {
    const { store } = this
    const events = store.get(row, COLUMN.sessionEvents)
    if (events > 0) {
      store.set(row, COLUMN.sessionEvents, events + 1)
      const last = store.get(row, COLUMN.sessionLast)
      store.set(row, COLUMN.sessionLast, Math.max(last, at))
      store.set(row, COLUMN.sessionStart, Math.min(store.get(row, COLUMN.sessionStart), at))
      return
    }
    store.set(row, COLUMN.sessionEvents, 1)
    store.set(row, COLUMN.sessionStart, at)
    store.set(row, COLUMN.sessionLast, at)
    this.signal(row, { name: 'Session Started', time: at, value: 0, position: 0 }, time)
  }

  private endSession(row: number, due: number): void {
    const { store } = this
    const last = store.get(row, COLUMN.sessionLast)
    const value = (last - store.get(row, COLUMN.sessionStart)) / 1000
    const position = store.get(row, COLUMN.sessionEvents)
    store.set(row, COLUMN.sessionEvents, 0)
    const time = last + SESSION_GAP_MS
    this.signal(row, { name: 'Session Ended', time, value, position }, due)
  }

  private signal(row: number, signal: SessionSignal, time: number): void {
    this.values.session(signal)
    this.reader.at(row, time)
    this.updates.apply(row, signal.time, { type: '', name: signal.name, bot: false, cursor: null })
    for (const [i, m] of this.compiled.machines.entries()) {
      const state = this.store.get(row, m.column)
      const slot = slotOfType(m.table, signal.name)
      this.take(row, m, time, this.choose(i, candidatesAt(m.table, state, slot)))
    }
  }

  private choose(machine: number, candidates: readonly Transition[]): Transition | null {
    return chooseTransition(candidates, (guard) => this.guards[machine][guard]())
  }

  private take(row: number, m: CompiledMachine, time: number, next: Transition | null): void {
    if (next === null) return
    const { store } = this
    const from = store.get(row, m.column)
    store.set(row, m.column, next.state)
    if (next.entered) {
      store.set(row, m.column + 1, time)
      store.set(row, m.column + 2, 0)
    }
    if (from === next.state) return
    const { stateNames } = m.table
    const names = { from: stateNames[from], to: stateNames[next.state] }
    this.effects.push({ kind: 'stateChanged', row, name: m.name, ...names, time })
  }

  /** Delays run from entry; a machine's first state is entered with the profile's first event. */
  private machineDue(row: number, m: CompiledMachine): number {
    const due = m.table.dues[this.store.get(row, m.column)][this.store.get(row, m.column + 2)]
    const entered = this.store.get(row, m.column + 1)
    return due === undefined || Number.isNaN(entered) ? Infinity : entered + due.delayMs
  }

  private fireMachines(row: number, time: number): void {
    this.values.session(null)
    this.reader.at(row, time)
    for (const [i, m] of this.compiled.machines.entries()) {
      if (this.machineDue(row, m) > time) continue
      const spent = this.store.get(row, m.column + 2)
      const due = m.table.dues[this.store.get(row, m.column)][spent]
      this.store.set(row, m.column + 2, spent + 1)
      this.take(row, m, time, this.choose(i, due.candidates))
    }
  }

  /** Segments, then the next due instant: a function of the row and its clock alone. */
  private settle(row: number, time: number): void {
    const { store, compiled } = this
    this.reader.at(row, time)
    let bits = store.get(row, COLUMN.segments)
    for (let i = 0; i < this.segments.length; i++) {
      const inside = this.segments[i]()
      if (inside === (((bits >>> i) & 1) === 1)) continue
      bits = (bits ^ (1 << i)) >>> 0
      const kind = inside ? 'segmentEntered' : 'segmentLeft'
      this.effects.push({ kind, row, name: compiled.segmentNames[i], time })
    }
    store.set(row, COLUMN.segments, bits)
    let next = Infinity
    if (store.get(row, COLUMN.sessionEvents) > 0) {
      next = store.get(row, COLUMN.sessionLast) + SESSION_GAP_MS
    }
    for (const m of compiled.machines) {
      if (Number.isNaN(store.get(row, m.column + 1))) store.set(row, m.column + 1, time)
      next = Math.min(next, this.machineDue(row, m))
    }
    for (const { column, afterMs } of this.sinceDues) {
      const due = store.get(row, column) + afterMs
      if (due > time && due < next) next = due
    }
    for (const ring of compiled.rings) {
      const head = store.get(row, ring.head)
      const bucket = Math.floor(time / ring.bucketMs)
      if (head > bucket - ring.buckets) next = Math.min(next, (bucket + 1) * ring.bucketMs)
    }
    store.set(row, COLUMN.nextDue, next)
  }

  private findSinceDues(): void {
    const { segments, traits, traitIndex } = this.compiled
    const expressions = segments.map((s) => s.when)
    for (const expression of expressions) {
      for (const name of references(expression).names) {
        const trait = traits[traitIndex.get(name) ?? -1]
        if (trait?.formula && !expressions.includes(trait.formula)) expressions.push(trait.formula)
        if (trait?.definition.op !== 'since') continue
        for (const seconds of thresholds(expression, name)) {
          this.sinceDues.push({ column: trait.column, afterMs: seconds * 1000 })
          this.sinceDues.push({ column: trait.column, afterMs: seconds * 1000 + 1 })
        }
      }
    }
  }

  private keepAttributes(row: number): void {
    const message = this.values.parsed() as { traits?: Record<string, unknown> } | null
    if (typeof message?.traits !== 'object' || message.traits === null) return
    const { attributes } = this.store.side(row)
    let total = JSON.stringify(attributes).length
    for (const [name, value] of Object.entries(message.traits)) {
      const kept = scalar(value)
      const length = name.length + JSON.stringify(kept).length
      if (name === '__proto__' || length > ATTRIBUTE_LENGTH_MAX) continue
      const known = Object.hasOwn(attributes, name)
      if (!known && Object.keys(attributes).length >= ATTRIBUTES_MAX) continue
      if (total + length > ATTRIBUTES_LENGTH_MAX) continue
      attributes[name] = kept
      total += length
    }
  }
}
