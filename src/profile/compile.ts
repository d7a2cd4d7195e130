import { LimnError } from '../protocol/errors.ts'
import type { ProfileDefinition, TraitDefinition } from './definition.ts'
import { RowLayout } from './layout.ts'
import type { Column } from './layout.ts'
import { compileMachine } from './machine.ts'
import type { MachineTable } from './machine.ts'
import { defaultResolutionMs, durationMs } from './time.ts'
import { invalid } from './trait-error.ts'
import { checkReferences } from './trait-references.ts'

/** A silent shopper's session ends this long after its last event. */
export const SESSION_GAP_MS = 30 * 60_000
const DISTINCT_DEFAULT = 4096
const TOP_DEFAULT = 5
const RECENT_DEFAULT = 16
/** Events that a `recent` trait keeps at most: they cost memory in every profile. */
export const RECENT_MAX = 32
const BUCKETS_MAX = 1440

/** Rings of all windows with the same buckets: they share a head and lie bucket by bucket. */
export interface RingGroup {
  readonly resolutionMs: number
  readonly buckets: number
  /** Newest bucket's number (event time / resolution). */
  head: Column
  /** u8 counts (see byte-counts.ts): cell = bucket × countRings + ring. */
  counts: Column
  countRings: number
  /** f32 values, likewise. */
  values: Column
  valueRings: number
  /** Rings whose empty cell is NaN (minimum, maximum). */
  readonly extremes: number[]
}

/** A trait's place in the row; which fields are set depends on `op`, `window` and `halfLife`. */
export interface TraitShape {
  readonly name: string
  readonly index: number
  readonly definition: TraitDefinition
  readonly halfLifeMs: number
  readonly group: RingGroup | null
  countRing: number
  valueRing: number
  /** count, sum, extreme, first/last value, time of `since`, decayed value, recent's events */
  a: Column | null
  /** mean's count; reference time of decay and top; handle of distinct's hashes; recent's times */
  b: Column | null
  /** top's weights; recent's values */
  c: Column | null
  /** event time, in whole ms, of the value that `first` and `last` hold: its upper 32 bits of 48 */
  timeHigh: Column | null
  /** and its lower 16 bits */
  timeLow: Column | null
  /** where recent's next event goes, which is where its oldest is */
  head: Column | null
  readonly k: number
  readonly limit: number
}

export interface CompiledSegment {
  readonly name: string
  readonly when: string
}

export interface FixedColumns {
  readonly lastSequence: Column
  readonly clock: Column
  readonly nextDue: Column
  readonly firstSeen: Column
  readonly sessionStart: Column
  readonly sessionLast: Column
  readonly sessionEvents: Column
  readonly botEvents: Column
  readonly enteredAt: Column
  readonly states: Column
  readonly segments: Column
  /** {@link ROW_MARK} bits. */
  readonly marks: Column
  /** The latest arrival among the profile's records. */
  readonly arrival: Column
  /** Records that the profile is the fold of. */
  readonly history: Column
}

/** What a look at one byte tells of a row. */
export const ROW_MARK = {
  /** Joined to another profile, which has its records. */
  forwarded: 1,
  /** Has records that are not folded yet: the profile is to be folded again. */
  refold: 2,
  /** Its events went to another profile before, which may know a repeat. */
  former: 4,
} as const

/** A definition compiled to columns; immutable and shared by all stores of a process. */
export interface CompiledDefinition {
  readonly definition: ProfileDefinition
  /** Changes when the columns or their meaning change. */
  readonly schemaHash: string
  readonly layout: RowLayout
  readonly columns: FixedColumns
  readonly traits: readonly TraitShape[]
  readonly groups: readonly RingGroup[]
  readonly segments: readonly CompiledSegment[]
  readonly segmentNames: readonly string[]
  readonly machines: readonly MachineTable[]
}

/** Bump when the fold computes something else from the same definition. */
const FOLD_VERSION = 3

/** Compiles a definition. Throws `ERR_TRAIT_INVALID` naming the trait, or an expression's code. */
export function compileDefinition(definition: ProfileDefinition): CompiledDefinition {
  const machines = Object.values(definition.machines).map(compileMachine)
  const segments = Object.entries(definition.segments).map(([name, { when }]) => ({ name, when }))
  const layout = new RowLayout()
  const columns = fixedColumns(layout, machines.length, segments.length)
  machines.forEach((machine, i) => refuseManyStates(machine, i))
  const groups: RingGroup[] = []
  const traits = Object.entries(definition.traits).map(([name, trait], index) =>
    shapeOf({ name, index, trait }, layout, groups),
  )
  checkReferences(definition)
  for (const group of groups) addGroupColumns(layout, group)
  layout.finish()
  return {
    definition,
    schemaHash: hashText(`${FOLD_VERSION} ${JSON.stringify(definition)}`),
    layout,
    columns,
    traits,
    groups,
    segments,
    segmentNames: segments.map((segment) => segment.name),
    machines,
  }
}

function fixedColumns(layout: RowLayout, machines: number, segments: number): FixedColumns {
  return {
    lastSequence: layout.add('f64', 1, -1),
    clock: layout.add('f64'),
    nextDue: layout.add('f64', 1, Number.POSITIVE_INFINITY),
    firstSeen: layout.add('f64'),
    sessionStart: layout.add('f64'),
    sessionLast: layout.add('f64'),
    sessionEvents: layout.add('u32'),
    botEvents: layout.add('u32'),
    enteredAt: layout.add('f64', machines),
    states: layout.add('u8', machines, 255),
    segments: layout.add('u8', Math.ceil(segments / 8)),
    marks: layout.add('u8'),
    arrival: layout.add('f64'),
    history: layout.add('u32'),
  }
}

function refuseManyStates(machine: MachineTable, index: number): void {
  if (machine.stateNames.length < 255) return
  throw new LimnError('ERR_MACHINE_INVALID', `machine ${index} has more than 254 states`)
}

function shapeOf(
  { name, index, trait }: { name: string; index: number; trait: TraitDefinition },
  layout: RowLayout,
  groups: RingGroup[],
): TraitShape {
  const windowMs = trait.window === undefined ? 0 : parseDuration(name, trait.window)
  const halfLifeMs = trait.halfLife === undefined ? 0 : parseDuration(name, trait.halfLife)
  const shape: TraitShape = {
    name,
    index,
    definition: trait,
    halfLifeMs,
    group: windowMs === 0 ? null : groupFor(name, trait, windowMs, groups),
    countRing: -1,
    valueRing: -1,
    a: null,
    b: null,
    c: null,
    timeHigh: null,
    timeLow: null,
    head: null,
    k: trait.k ?? (trait.op === 'recent' ? RECENT_DEFAULT : TOP_DEFAULT),
    limit: trait.limit ?? DISTINCT_DEFAULT,
  }
  if (shape.group !== null) addRings(shape, shape.group)
  else addColumns(shape, layout)
  return shape
}

function addRings(shape: TraitShape, group: RingGroup): void {
  const { op } = shape.definition
  if (op === 'count' || op === 'mean') shape.countRing = group.countRings++
  if (op === 'sum' || op === 'mean' || op === 'min' || op === 'max')
    shape.valueRing = group.valueRings++
  if (op === 'min' || op === 'max') group.extremes.push(shape.valueRing)
  if (shape.countRing >= 0 || shape.valueRing >= 0) return
  throw invalid(shape.name, `${op} has no window; windows are for count, sum, mean, min and max`)
}

function addColumns(shape: TraitShape, layout: RowLayout): void {
  const { op, text } = shape.definition
  if (op === 'top') {
    if (shape.halfLifeMs === 0) throw invalid(shape.name, 'top needs a halfLife')
    shape.a = layout.add('u32', shape.k)
    shape.c = layout.add('f32', shape.k)
    shape.b = layout.add('f64')
  } else if (shape.halfLifeMs > 0) {
    if (op !== 'count' && op !== 'sum')
      throw invalid(shape.name, 'halfLife is for count, sum and top')
    shape.a = layout.add('f64')
    shape.b = layout.add('f64')
  } else if (op === 'count') shape.a = layout.add('u32')
  else if (op === 'sum') shape.a = layout.add('f64')
  else if (op === 'mean') {
    shape.a = layout.add('f64')
    shape.b = layout.add('u32')
  } else if (op === 'min' || op === 'max') shape.a = layout.add('f64', 1, Number.NaN)
  else if (op === 'first' || op === 'last') {
    shape.a = text === true ? layout.add('u32') : layout.add('f64', 1, Number.NaN)
    // Any event comes before the time that `first` begins with, and after that of `last`.
    shape.timeHigh = layout.add('u32', 1, op === 'first' ? 0xffff_ffff : 0)
    shape.timeLow = layout.add('u16', 1, op === 'first' ? 0xffff : 0)
  } else if (op === 'since') shape.a = layout.add('f64')
  else if (op === 'distinct') {
    shape.a = layout.add('u16')
    shape.b = layout.add('u32')
  } else if (op === 'recent') addRecentColumns(shape, layout)
}

/** 8 bytes an event, 12 with a value, and one for the head. */
function addRecentColumns(shape: TraitShape, layout: RowLayout): void {
  const { name, definition, k } = shape
  if (k > RECENT_MAX) throw invalid(name, `found k ${k}; recent keeps 1–${RECENT_MAX} events`)
  if (definition.text === true) throw invalid(name, 'text is for first and last')
  if (definition.value?.startsWith('products.') === true) {
    throw invalid(name, 'the value of recent is one number an event, not products.*')
  }
  shape.a = layout.add('u32', k)
  shape.b = layout.add('u32', k)
  if (definition.value !== undefined) shape.c = layout.add('f32', k)
  shape.head = layout.add('u8')
}

function groupFor(
  name: string,
  trait: TraitDefinition,
  windowMs: number,
  groups: RingGroup[],
): RingGroup {
  const resolutionMs =
    trait.resolution === undefined
      ? defaultResolutionMs(windowMs)
      : parseDuration(name, trait.resolution)
  const buckets = windowMs / resolutionMs
  if (!Number.isInteger(buckets) || buckets > BUCKETS_MAX) {
    throw invalid(name, `the resolution must divide the window into at most ${BUCKETS_MAX} buckets`)
  }
  const known = groups.find((g) => g.resolutionMs === resolutionMs && g.buckets === buckets)
  if (known !== undefined) return known
  const none: Column = { type: 'u8', index: 0, length: 0, initial: 0 }
  const group = {
    resolutionMs,
    buckets,
    head: none,
    counts: none,
    countRings: 0,
    values: none,
    valueRings: 0,
    extremes: [],
  }
  groups.push(group)
  return group
}

function addGroupColumns(layout: RowLayout, group: RingGroup): void {
  group.head = layout.add('u32')
  group.counts = layout.add('u8', group.countRings * group.buckets)
  group.values = layout.add('f32', group.valueRings * group.buckets)
}

function parseDuration(name: string, text: string): number {
  const ms = durationMs(text)
  if (ms > 0) return ms
  throw invalid(name, `"${text}" is not a duration such as 30m, 24h or 7d`)
}

/** FNV-1a over UTF-16, twice with other offsets: 64 bits in hex. */
function hashText(text: string): string {
  let a = 0x811c9dc5
  let b = 0x01000193
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (a >>> 7)
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0')
}
