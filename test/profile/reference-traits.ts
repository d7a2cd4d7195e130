import type { Value } from '../../src/profile/expression.ts'
import type { TraitDefinition } from '../../src/profile/definition.ts'
import { defaultResolutionMs, durationMs } from '../../src/profile/time.ts'
import type { ReferenceExpressions } from './reference-expressions.ts'
import type { Entry, ReferenceProduct } from './reference-record.ts'

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

/** What an event adds: no value, one, or one of each product. */
function valuesOf(
  trait: TraitDefinition,
  entry: Entry,
  expressions: ReferenceExpressions,
): Value[] {
  const { value } = trait
  if (trait.op === 'count' || trait.op === 'since' || value === undefined) return [1]
  const text = trait.text === true || trait.op === 'top' || trait.op === 'distinct'
  const all: Value[] = value.startsWith('products.')
    ? entry.products.map((product) => product[value.slice(9) as keyof ReferenceProduct])
    : [expressions.valueOf(value, entry)]
  if (text) return all.filter((v) => v !== null && v !== '').map((v) => String(v).slice(0, 512))
  return all.map(asNumber).filter(Number.isFinite)
}

export function asNumber(value: Value): number {
  if (typeof value === 'string') return value.trim() === '' ? Number.NaN : Number(value)
  return value === null ? Number.NaN : Number(value)
}

interface Weighed {
  readonly time: number
  readonly value: Value
}

/** The last that came, newest last: its most special name, its time to the second, its value. */
function stepsOf(
  { k = 16, value }: TraitDefinition,
  entries: readonly Entry[],
  expressions: ReferenceExpressions,
): ReferenceStep[] {
  return entries.slice(-k).map((entry) => {
    const event = entry.names[entry.names.length - 1]
    const time = new Date(Math.floor(entry.time / 1000) * 1000).toISOString()
    if (value === undefined) return { event, time }
    const found = Math.fround(asNumber(expressions.valueOf(value, entry)))
    return { event, time, value: Number.isFinite(found) ? found : null }
  })
}

/** A trait's value from all entries that it counts, in the order of the fold. */
export function valueOf(
  trait: TraitDefinition,
  entries: readonly Entry[],
  at: { readonly now: number; readonly expressions: ReferenceExpressions },
): ReferenceValue {
  const { now, expressions } = at
  if (trait.op === 'recent') return stepsOf(trait, entries, expressions)
  const all: Weighed[] = entries.flatMap((entry) =>
    valuesOf(trait, entry, expressions).map((value) => ({ time: entry.time, value })),
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
  if (trait.op === 'first') return extreme(all, (time, known) => time < known)
  if (trait.op === 'last') return extreme(all, (time, known) => time >= known)
  if (trait.halfLife !== undefined) {
    return all.reduce((sum, one) => sum + Number(one.value) * 2 ** ((one.time - now) / halfLife), 0)
  }
  return statistic(
    trait.op,
    inWindow(trait, all, now).map((one) => Number(one.value)),
  )
}

/** The value whose time is before, or after, all others'. */
function extreme(
  all: readonly Weighed[],
  comesFirst: (time: number, known: number) => boolean,
): Value {
  let found: Weighed | null = null
  for (const one of all) if (found === null || comesFirst(one.time, found.time)) found = one
  return found?.value ?? null
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
