import { createHash } from 'node:crypto'
import { LimnError } from '../protocol/errors.ts'
import type { ProfileDefinition, TraitDefinition } from './definition.ts'
import type { Expression } from './expression.ts'
import { parseExpression } from './expression.ts'
import { delayMsOf } from './machine-definition.ts'
import type { MachineTable } from './machine.ts'
import { compileMachine } from './machine.ts'

/** A session ends this long after its last event. */
export const SESSION_GAP_MS = 1_800_000
export const DISTINCT_LIMIT_DEFAULT = 4096
const BUCKETS_MAX = 1024
const SEGMENTS_MAX = 32

/** Fixed f64 columns of every row; trait columns follow. Times are ms; NaN is "none". */
export const COLUMN = {
  lastSequence: 0,
  clock: 1,
  nextDue: 2,
  firstSeen: 3,
  sessionStart: 4,
  sessionLast: 5,
  sessionEvents: 6,
  segments: 7,
  botEvents: 8,
} as const
const FIXED_COLUMNS = 9

export interface WindowRing {
  readonly bucketMs: number
  readonly buckets: number
  /** f64 column of the newest bucket's index. */
  readonly head: number
  /** First f32 column of the values. */
  readonly at: number
}

export interface CompiledTrait {
  readonly name: string
  readonly index: number
  readonly definition: TraitDefinition
  readonly selectors: readonly string[]
  readonly where: Expression | null
  readonly value: Expression | null
  readonly formula: Expression | null
  readonly numerator: number
  readonly denominator: number
  /** First f64 column: two columns (value, and count or time). */
  readonly column: number
  readonly ring: WindowRing | null
  /** `mean` over a window: counts beside the sums. */
  readonly counts: WindowRing | null
  readonly halfLifeMs: number
  readonly text: boolean
}

export interface CompiledMachine {
  readonly name: string
  readonly table: MachineTable
  /** f64 columns: state, instant of entry, delays already spent in this state. */
  readonly column: number
}

export interface CompiledSegment {
  readonly name: string
  readonly when: Expression
}

export interface CompiledDefinition {
  readonly traits: readonly CompiledTrait[]
  readonly traitIndex: ReadonlyMap<string, number>
  readonly machines: readonly CompiledMachine[]
  readonly segments: readonly CompiledSegment[]
  readonly segmentNames: readonly string[]
  readonly machineNames: readonly string[]
  /** Every bucket ring, for clearing. */
  readonly rings: readonly WindowRing[]
  readonly columns: number
  readonly rowBytes: number
  readonly schemaHash: string
}

/** Throws a LimnError (`ERR_DEFINITION_INVALID` or an expression's code) naming the path. */
export function compileDefinition(definition: ProfileDefinition): CompiledDefinition {
  const names = Object.keys(definition.traits)
  const traitIndex = new Map(names.map((name, index) => [name, index]))
  const layout = { f64: FIXED_COLUMNS, f32: 0 }
  const rings: WindowRing[] = []
  const ring = (trait: TraitDefinition, path: string): WindowRing => {
    const windowMs = duration(trait.window, path)
    const bucketMs = trait.resolution
      ? duration(trait.resolution, path)
      : defaultResolution(windowMs)
    const buckets = windowMs / bucketMs
    if (!Number.isInteger(buckets) || buckets > BUCKETS_MAX) {
      throw invalid(path, `resolution must divide the window into at most ${BUCKETS_MAX} buckets`)
    }
    const made = { bucketMs, buckets, head: layout.f64++, at: layout.f32 }
    layout.f32 += buckets
    rings.push(made)
    return made
  }
  const traits = names.map((name, index): CompiledTrait => {
    const trait = definition.traits[name]
    const path = `traits.${name}`
    const column = layout.f64
    layout.f64 += 2
    const on = trait.on === undefined ? [] : typeof trait.on === 'string' ? [trait.on] : trait.on
    const other = (ref: string | undefined): number => {
      const found = traitIndex.get(ref ?? '')
      if (trait.op === 'ratio' && found === undefined) throw invalid(path, `no trait "${ref}"`)
      return found ?? -1
    }
    return {
      name,
      index,
      definition: trait,
      selectors: on,
      where: parseAt(trait.where, path),
      value: trait.value?.startsWith('products.') ? null : parseAt(trait.value, path),
      formula: parseAt(trait.formula, path),
      numerator: other(trait.numerator),
      denominator: other(trait.denominator),
      column,
      ring: trait.window ? ring(trait, path) : null,
      counts: trait.window && trait.op === 'mean' ? ring(trait, path) : null,
      halfLifeMs: trait.halfLife ? duration(trait.halfLife, path) : Infinity,
      text: trait.text === true,
    }
  })
  const machines = Object.entries(definition.machines).map(([name, machine]) => {
    const column = layout.f64
    layout.f64 += 3
    return { name, table: compileMachine(machine), column }
  })
  const segmentNames = Object.keys(definition.segments)
  if (segmentNames.length > SEGMENTS_MAX) throw invalid('segments', `at most ${SEGMENTS_MAX}`)
  const segments = segmentNames.map((name) => {
    return { name, when: parseExpression(definition.segments[name].when) }
  })
  const firstF32 = layout.f64 * 2
  const shift = (r: WindowRing): WindowRing => ({ ...r, at: r.at + firstF32 })
  return {
    traits: traits.map((t) => ({
      ...t,
      ring: t.ring && shift(t.ring),
      counts: t.counts && shift(t.counts),
    })),
    traitIndex,
    machines,
    segments,
    segmentNames,
    machineNames: machines.map((m) => m.name),
    rings: rings.map(shift),
    columns: layout.f64,
    rowBytes: (layout.f64 * 8 + layout.f32 * 4 + 7) & ~7,
    schemaHash: createHash('sha256').update(JSON.stringify(definition)).digest('hex').slice(0, 32),
  }
}

function invalid(path: string, message: string): LimnError {
  return new LimnError('ERR_DEFINITION_INVALID', `${path}: ${message}`)
}

function parseAt(text: string | undefined, path: string): Expression | null {
  if (text === undefined) return null
  try {
    return parseExpression(text)
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
    throw new LimnError(error.code, `${path}: ${error.message}`, { cause: error })
  }
}

function duration(text: string | undefined, path: string): number {
  const ms = delayMsOf(text ?? '')
  if (ms === null || ms <= 0) throw invalid(path, `"${text}" is not a duration such as 30m or 7d`)
  return ms
}

function defaultResolution(windowMs: number): number {
  if (windowMs <= 3_600_000) return windowMs / 12
  if (windowMs <= 86_400_000) return windowMs / 12
  return windowMs <= 604_800_000 ? windowMs / 7 : windowMs / 10
}
