import { MESSAGE_TYPES, RECORD_FLAG, RECORD_KIND, STRING_FIELDS } from '../event/record.ts'
import type { RecordCursor } from '../event/record-cursor.ts'
import { eventNameOf } from '../event/vocabulary.ts'
import { mergeAttributes, mergeGroup } from './attributes.ts'
import { SESSION_GAP_MS } from './compile.ts'
import type { CompiledDefinition } from './compile.ts'
import type { Context, Signal } from './context.ts'
import { evaluatorOf } from './evaluator.ts'
import type { Evaluator } from './evaluator.ts'
import { chooseTransition, slotOfEvent, slotOfType, step } from './machine.ts'
import type { MachineTable, Transition } from './machine.ts'
import type { ProfileStore } from './store.ts'

/** What a fold emits. */
export interface Effect {
  readonly kind: 'segmentEntered' | 'segmentLeft' | 'stateChanged'
  readonly row: number
  /** The segment or machine. */
  readonly name: string
  readonly from: string | null
  readonly to: string | null
  readonly time: number
}

const EFFECTS_MAX = 65_536
/** Due instants of one profile fired in one go; windows and machines have far fewer. */
const DUES_MAX = 4_096
const NEVER = Number.POSITIVE_INFINITY
const CUSTOM_SLOTS_MAX = 4_096

/** Effects since the last {@link take}; beyond the limit the newest are dropped and counted. */
export class EffectBuffer {
  dropped = 0
  private effects: Effect[] = []

  push(effect: Effect): void {
    if (this.effects.length < EFFECTS_MAX) this.effects.push(effect)
    else this.dropped++
  }

  get length(): number {
    return this.effects.length
  }

  take(): Effect[] {
    const taken = this.effects
    this.effects = []
    return taken
  }

  clear(): void {
    if (this.effects.length > 0) this.effects = []
  }
}

/**
 * The pure fold: (profile row, record) → row, effects. Time comes from records alone.
 *
 * Before a record is applied, the profile's due instants up to its event time are fired in order, so a
 * replay does what timers did. A profile's clock is the newest instant it has seen; a record older
 * than it is late: windows count it where it belongs, machines see it at the clock's time.
 */
export class Fold {
  readonly effects = new EffectBuffer()
  private readonly compiled: CompiledDefinition
  private readonly store: ProfileStore
  private readonly evaluator: Evaluator
  private readonly context: Context
  private readonly machines: readonly MachineRun[]
  private changed = false

  constructor(compiled: CompiledDefinition, store: ProfileStore) {
    this.compiled = compiled
    this.store = store
    this.evaluator = evaluatorOf(store)
    this.context = this.evaluator.context
    this.machines = compiled.machines.map((table) => new MachineRun(table, this.evaluator))
  }

  /** Applies an event or timer record. */
  apply(row: number, cursor: RecordCursor): void {
    const { store, context } = this
    const { columns } = this.compiled
    store.at(row)
    store.page.dirty = true
    if (cursor.kind === RECORD_KIND.timer) return this.applyTimer(row, cursor.eventTime)
    const bot = (cursor.flags & RECORD_FLAG.bot) !== 0
    const time = cursor.eventTime
    if (store.page.f64[store.o8 + columns.nextDue.index] <= time) this.fireUntil(row, time)
    const clock = Math.max(store.page.f64[store.o8 + columns.clock.index], time)
    store.page.f64[store.o8 + columns.clock.index] = clock
    const seen = store.page.f64[store.o8 + columns.firstSeen.index]
    if (time < seen || seen === 0) store.page.f64[store.o8 + columns.firstSeen.index] = time
    const first = !bot && !this.isStarted()
    if (first) this.startMachines(clock)
    if (!bot) this.continueSession(row, time, clock)
    context.cursor = cursor
    context.forget()
    context.signal = null
    context.silent = false
    context.time = time
    context.now = clock
    const program = this.evaluator.programOfRecord(bot)
    const { updates } = program
    for (let i = 0; i < updates.length; i++) updates[i]()
    if (bot) store.page.u32[store.o4 + columns.botEvents.index]++
    if (cursor.type !== TRACK) this.takeIdentity(row, cursor)
    if (!bot) this.dispatchRecord(row, cursor)
    if (this.isStarted()) {
      if (first) this.evaluateAll(row)
      else this.evaluateSegments(row, program.segments)
      if (cursor.type === IDENTIFY) this.evaluateSegments(row, this.evaluator.ofAttributes)
      this.setDue(this.dueAfter(row, clock))
    }
    context.silent = true
  }

  /**
   * Fires the due instants up to `now` of a profile for which no event came; true when that changed
   * its session, a state or a segment. Otherwise the row is as before, but for when it is due next.
   */
  advance(row: number, now: number): boolean {
    this.store.at(row)
    this.changed = false
    this.fireUntil(row, now)
    if (this.changed) this.store.page.dirty = true
    return this.changed
  }

  /** Emits how the same profile as folded elsewhere differs: segments, and states of machines. */
  tellChanges(row: number, other: ProfileStore, otherRow: number): void {
    const { store, compiled, effects } = this
    const time = other.clock(otherRow)
    compiled.segmentNames.forEach((name, i) => {
      const inside = other.inSegment(otherRow, i)
      if (inside === store.inSegment(row, i)) return
      const kind = inside ? 'segmentEntered' : 'segmentLeft'
      effects.push({ kind, row, name, from: null, to: null, time })
    })
    store.at(row)
    other.at(otherRow)
    compiled.machines.forEach(({ id, stateNames }, i) => {
      const [before, after] = [store, other].map(({ page, o1 }) => {
        return stateNames[page.u8[o1 + compiled.columns.states.index + i]] ?? null
      })
      if (before === after) return
      effects.push({ kind: 'stateChanged', row, name: id, from: before, to: after, time })
    })
  }

  private applyTimer(row: number, time: number): void {
    const { store } = this
    const { columns } = this.compiled
    if (store.page.f64[store.o8 + columns.nextDue.index] <= time) this.fireUntil(row, time)
    const clock = Math.max(store.page.f64[store.o8 + columns.clock.index], time)
    store.page.f64[store.o8 + columns.clock.index] = clock
    if (this.isStarted()) this.setDue(this.dueAfter(row, clock))
  }

  /** Whether a person's event came: a profile with bots' events only is in no state or segment. */
  private isStarted(): boolean {
    const { store } = this
    return store.page.u32[store.o4 + this.compiled.columns.sessionEvents.index] > 0
  }

  private startMachines(time: number): void {
    const { store } = this
    const { columns, machines } = this.compiled
    machines.forEach((machine, i) => {
      store.page.u8[store.o1 + columns.states.index + i] = machine.initial
      store.page.f64[store.o8 + columns.enteredAt.index + i] = time
    })
  }

  private fireUntil(row: number, until: number): void {
    const { store } = this
    const due = this.compiled.columns.nextDue.index
    for (let fired = 0; fired < DUES_MAX; fired++) {
      const at = store.page.f64[store.o8 + due]
      if (at > until) return
      const changed = this.fire(row, at)
      if (changed) {
        this.changed = true
        const clock = this.compiled.columns.clock.index
        store.page.f64[store.o8 + clock] = Math.max(store.page.f64[store.o8 + clock], at)
      }
      this.setDue(this.dueAfter(row, at))
    }
    this.setDue(this.dueAfter(row, until))
  }

  /** When the store's row falls due next. */
  private setDue(due: number): void {
    const { page, o8 } = this.store
    page.f64[o8 + this.compiled.columns.nextDue.index] = due
    if (due < page.dueFrom) page.dueFrom = due
  }

  /** What falls due at this instant: the session's end, delayed transitions, segments. */
  private fire(row: number, at: number): boolean {
    const { store, context } = this
    const { columns } = this.compiled
    const before = this.effects.length + this.effects.dropped
    let ended = false
    const start = store.page.f64[store.o8 + columns.sessionStart.index]
    const last = store.page.f64[store.o8 + columns.sessionLast.index]
    context.silent = true
    context.signal = null
    context.time = at
    context.now = at
    if (start > 0 && last + SESSION_GAP_MS <= at) {
      const events = store.page.u32[store.o4 + columns.sessionEvents.index]
      store.page.f64[store.o8 + columns.sessionStart.index] = 0
      ended = true
      this.signal(
        row,
        { name: 'Session Ended', value: (last - start) / 1000, position: events },
        at,
      )
    }
    this.machines.forEach((machine, i) => this.fireMachine(row, machine, i, at))
    this.evaluateAll(row)
    return ended || this.effects.length + this.effects.dropped > before
  }

  private fireMachine(row: number, machine: MachineRun, index: number, at: number): void {
    const { store } = this
    const state = store.page.u8[store.o1 + this.compiled.columns.states.index + index]
    const entered = store.page.f64[store.o8 + this.compiled.columns.enteredAt.index + index]
    const due = machine.table.dues[state]?.find(({ delayMs }) => entered + delayMs === at)
    if (due === undefined) return
    this.take(row, index, chooseTransition(due.candidates, machine.guard), at)
  }

  /**
   * Opens or prolongs the session. A late event counts in an open one and opens none; it is the last
   * one where only something else than a person's event has moved the clock beyond it.
   */
  private continueSession(row: number, time: number, clock: number): void {
    const { store } = this
    const { columns } = this.compiled
    const last = store.o8 + columns.sessionLast.index
    if (time > store.page.f64[last]) store.page.f64[last] = time
    if (store.page.f64[store.o8 + columns.sessionStart.index] > 0) {
      store.page.u32[store.o4 + columns.sessionEvents.index]++
      return
    }
    if (time < clock) {
      if (!this.isStarted()) store.page.u32[store.o4 + columns.sessionEvents.index] = 1
      return
    }
    store.page.f64[store.o8 + columns.sessionStart.index] = time
    store.page.u32[store.o4 + columns.sessionEvents.index] = 1
    this.signal(row, { name: 'Session Started', value: 0, position: 0 }, time)
  }

  private signal(row: number, signal: Signal, at: number): void {
    const { context } = this
    context.signal = signal
    context.time = at
    context.now = at
    const program = this.evaluator.programOfSignal(signal.name)
    for (const update of program.updates) update()
    this.machines.forEach((machine, i) =>
      this.dispatch(row, i, machine.slotOfSignal(signal.name), at),
    )
    this.evaluateSegments(row, program.segments)
    context.signal = null
  }

  private dispatchRecord(row: number, cursor: RecordCursor): void {
    for (let i = 0; i < this.machines.length; i++) {
      this.dispatch(row, i, this.machines[i].slotOf(cursor), this.context.now)
    }
  }

  private dispatch(row: number, index: number, slot: number, at: number): void {
    const { store } = this
    const machine = this.machines[index]
    const state = store.page.u8[store.o1 + this.compiled.columns.states.index + index]
    this.take(row, index, step(machine.table, state, slot, machine.guard), at)
  }

  private take(row: number, index: number, transition: Transition | null, at: number): void {
    if (transition === null || !transition.entered) return
    const { store } = this
    const { columns } = this.compiled
    const place = store.o1 + columns.states.index + index
    const from = store.page.u8[place]
    store.page.u8[place] = transition.state
    store.page.f64[store.o8 + columns.enteredAt.index + index] = at
    this.changed = true
    if (from === transition.state) return
    const { id, stateNames } = this.machines[index].table
    const names = { from: stateNames[from] ?? null, to: stateNames[transition.state] }
    this.effects.push({ kind: 'stateChanged', row, name: id, ...names, time: at })
    this.evaluateSegments(row, this.evaluator.ofMachines)
  }

  private evaluateAll(row: number): void {
    for (let i = 0; i < this.evaluator.segments.length; i++) this.evaluateSegment(row, i)
  }

  private evaluateSegments(row: number, segments: readonly number[]): void {
    for (let i = 0; i < segments.length; i++) this.evaluateSegment(row, segments[i])
  }

  private evaluateSegment(row: number, segment: number): void {
    const inside = this.evaluator.segments[segment]()
    if (inside === this.store.inSegment(row, segment)) return
    this.store.setSegment(row, segment, inside)
    this.effects.push({
      kind: inside ? 'segmentEntered' : 'segmentLeft',
      row,
      name: this.compiled.segmentNames[segment],
      from: null,
      to: null,
      time: this.context.now,
    })
  }

  /** The first instant after `after` at which time alone may change the row. */
  private dueAfter(row: number, after: number): number {
    const { store } = this
    const { columns } = this.compiled
    store.at(row)
    const { page, o8, o1 } = store
    let due = NEVER
    if (page.f64[o8 + columns.sessionStart.index] > 0) {
      due = Math.max(page.f64[o8 + columns.sessionLast.index] + SESSION_GAP_MS, after + 1)
    }
    for (let i = 0; i < this.machines.length; i++) {
      const entered = page.f64[o8 + columns.enteredAt.index + i]
      const dues = this.machines[i].table.dues[page.u8[o1 + columns.states.index + i]] ?? []
      for (let d = 0; d < dues.length; d++) {
        const at = entered + dues[d].delayMs
        if (at <= after) continue
        if (at < due) due = at
        break
      }
    }
    for (const trigger of this.evaluator.triggers) {
      const at = trigger(after)
      if (at < due) due = at
    }
    return due
  }

  /** Identify attributes and groups, within the limits of side data. */
  private takeIdentity(row: number, cursor: RecordCursor): void {
    if (cursor.type === GROUP) {
      mergeGroup(this.store.ensureSide(row), cursor.text(GROUP_ID), cursor.eventTime)
    }
    if (cursor.type !== IDENTIFY) return
    const traits = this.context.path(['traits'])
    if (typeof traits !== 'object' || traits === null) return
    const side = this.store.ensureSide(row)
    mergeAttributes(side, traits as Record<string, unknown>, cursor.eventTime)
  }
}

const TRACK = MESSAGE_TYPES.indexOf('track')
const IDENTIFY = MESSAGE_TYPES.indexOf('identify')
const GROUP = MESSAGE_TYPES.indexOf('group')
const GROUP_ID = STRING_FIELDS.indexOf('group_id')

/** A machine's table bound to an evaluator, with the slots of events looked up once. */
class MachineRun {
  readonly table: MachineTable
  readonly guard: (index: number) => boolean
  private readonly byCode: number[] = []
  private readonly byType: readonly number[]
  private readonly byName = new Map<string, number>()

  constructor(table: MachineTable, evaluator: Evaluator) {
    this.table = table
    const guards = evaluator.compileGuards(table.guards)
    this.guard = (index) => guards[index]()
    this.byType = MESSAGE_TYPES.map((type) => slotOfType(table, type))
  }

  slotOf(cursor: RecordCursor): number {
    if (cursor.type !== TRACK) return this.byType[cursor.type]
    const { eventCode } = cursor
    if (eventCode === 0) return this.slotOfName(cursor.name)
    return (this.byCode[eventCode] ??= slotOfEvent(this.table, eventNameOf(eventCode)))
  }

  slotOfSignal(name: string): number {
    return slotOfType(this.table, name)
  }

  private slotOfName(name: string): number {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    const slot = slotOfEvent(this.table, name)
    if (this.byName.size < CUSTOM_SLOTS_MAX) this.byName.set(name, slot)
    return slot
  }
}
