import type { RecordCursor } from '../event/record.ts'
import { hashBytes } from '../event/record.ts'
import type { RingGroup, TraitShape } from './compile.ts'
import { invalid } from './compile.ts'
import type { Context } from './context.ts'
import { NUMBER_FIELD_INDEX, STRING_FIELD_INDEX } from './context.ts'
import { compileExpression, compilePredicate, parseExpression } from './expression.ts'
import type { Resolve, Value } from './expression.ts'
import type { ProfileStore } from './store.ts'

/** Applies one event to one trait of the context's row. */
export type Update = () => void
/** A trait's value now; NaN for none. */
export type NumberReader = () => number

/** Moves a group's newest bucket up to `now`, emptying the buckets that this passes. */
export function advanceGroup(context: Context, group: RingGroup): void {
  const { store, now } = context
  const { page, o4, o1 } = store
  const current = Math.floor(now / group.resolutionMs)
  const head = page.u32[o4 + group.head.index]
  if (current <= head) return
  const { buckets, countRings, valueRings } = group
  const steps = Math.min(current - head, buckets)
  for (let s = 0; s < steps; s++) {
    const bucket = (current - s) % buckets
    const counts = o1 + group.counts.index + bucket * countRings
    for (let ring = 0; ring < countRings; ring++) store.counts.clear(counts + ring)
    const values = o4 + group.values.index + bucket * valueRings
    page.f32.fill(0, values, values + valueRings)
    for (const ring of group.extremes) page.f32[values + ring] = Number.NaN
  }
  page.u32[o4 + group.head.index] = current
}

/** The cell's bucket for the event's time, or -1 when the window does not reach it any more. */
function bucketFor(context: Context, group: RingGroup): number {
  advanceGroup(context, group)
  const bucket = Math.floor(context.time / group.resolutionMs)
  const head = context.store.page.u32[context.store.o4 + group.head.index]
  return bucket > head - group.buckets && bucket <= head ? bucket % group.buckets : -1
}

/** Compiles what an event does to a trait. `resolve` finds names in `where` and `value`. */
export function compileUpdate(shape: TraitShape, context: Context, resolve: Resolve): Update {
  const { op, where } = shape.definition
  const update = op === 'count' ? countUpdate(shape, context) : valueUpdate(shape, context, resolve)
  if (where === undefined) return update
  if (where.includes('products.')) throw invalid(shape.name, 'where does not take products.*')
  const holds = compilePredicate(parseExpression(where), resolve)
  return () => {
    if (holds()) update()
  }
}

function countUpdate(shape: TraitShape, context: Context): Update {
  const { store } = context
  if (shape.group !== null) {
    const { group, countRing } = shape
    return () => countInRing(context, group, countRing)
  }
  if (shape.halfLifeMs > 0) return decayUpdate(shape, context, () => 1)
  const at = columnOf(shape.a)
  return () => {
    store.page.u32[store.o4 + at]++
  }
}

function countInRing(context: Context, group: RingGroup, ring: number): void {
  const bucket = bucketFor(context, group)
  if (bucket < 0) return
  const { counts, o1 } = context.store
  counts.increment(o1 + group.counts.index + bucket * group.countRings + ring)
}

function valueUpdate(shape: TraitShape, context: Context, resolve: Resolve): Update {
  const { op, value, text } = shape.definition
  if (op === 'since') return sinceUpdate(shape, context)
  if (value === undefined) throw invalid(shape.name, `${op} needs a value`)
  if (op === 'top' || op === 'distinct' || text === true) {
    return textUpdate(shape, value, context, resolve)
  }
  const take = takeNumber(shape, context)
  if (value === 'products.quantity' || value === 'products.price') {
    const quantity = value === 'products.quantity'
    const visit = (price: number, count: number): void => {
      const number = quantity ? count : price
      if (Number.isFinite(number)) take(number)
    }
    return () => {
      if (!context.silent && context.signal === null) context.cursor.eachProduct(visit)
    }
  }
  const read = numberOf(value, context, resolve)
  return () => {
    const number = read()
    if (Number.isFinite(number)) take(number)
  }
}

/** A numeric field is read without closures over expressions; anything else is compiled. */
function numberOf(value: string, context: Context, resolve: Resolve): () => number {
  const field = NUMBER_FIELD_INDEX.get(value)
  if (field !== undefined) return () => context.number(field)
  const evaluate = compileExpression(parseExpression(value), resolve)
  return () => asNumber(evaluate())
}

export function asNumber(value: Value): number {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string' && value.trim() !== '') return Number(value)
  return Number.NaN
}

function takeNumber(shape: TraitShape, context: Context): (value: number) => void {
  const { store } = context
  const { op } = shape.definition
  if (shape.group !== null) return takeInRing(shape, shape.group, context)
  if (shape.halfLifeMs > 0) {
    let pending = 0
    const decay = decayUpdate(shape, context, () => pending)
    return (value) => {
      pending = value
      decay()
    }
  }
  const at = columnOf(shape.a)
  if (op === 'sum') return (value) => void (store.page.f64[store.o8 + at] += value)
  if (op === 'mean') {
    const count = columnOf(shape.b)
    return (value) => {
      store.page.f64[store.o8 + at] += value
      store.page.u32[store.o4 + count]++
    }
  }
  if (op === 'min' || op === 'max') {
    const sign = op === 'min' ? 1 : -1
    return (value) => {
      const known = store.page.f64[store.o8 + at]
      if (Number.isNaN(known) || value * sign < known * sign) store.page.f64[store.o8 + at] = value
    }
  }
  if (op === 'first') {
    return (value) => {
      if (Number.isNaN(store.page.f64[store.o8 + at])) store.page.f64[store.o8 + at] = value
    }
  }
  return (value) => {
    const late = context.time < context.now
    if (!late || Number.isNaN(store.page.f64[store.o8 + at])) store.page.f64[store.o8 + at] = value
  }
}

function takeInRing(
  shape: TraitShape,
  group: RingGroup,
  context: Context,
): (value: number) => void {
  const { store } = context
  const { op } = shape.definition
  const { valueRing, countRing } = shape
  return (value) => {
    const bucket = bucketFor(context, group)
    if (bucket < 0) return
    const cell = store.o4 + group.values.index + bucket * group.valueRings + valueRing
    const known = store.page.f32[cell]
    if (op === 'min') store.page.f32[cell] = Number.isNaN(known) ? value : Math.min(known, value)
    else if (op === 'max')
      store.page.f32[cell] = Number.isNaN(known) ? value : Math.max(known, value)
    else store.page.f32[cell] = known + value
    if (op === 'mean') countInRing(context, group, countRing)
  }
}

/** value ← value · 2^(−Δ/halfLife) + amount, kept as of the newest event (exponential decay). */
function decayUpdate(shape: TraitShape, context: Context, amount: () => number): Update {
  const { store } = context
  const at = columnOf(shape.a)
  const reference = columnOf(shape.b)
  const { halfLifeMs } = shape
  return () => {
    const { f64 } = store.page
    const known = f64[store.o8 + reference]
    const { time } = context
    if (time >= known) {
      f64[store.o8 + at] = f64[store.o8 + at] * 2 ** ((known - time) / halfLifeMs) + amount()
      f64[store.o8 + reference] = time
    } else {
      f64[store.o8 + at] += amount() * 2 ** ((time - known) / halfLifeMs)
    }
  }
}

function sinceUpdate(shape: TraitShape, context: Context): Update {
  const { store } = context
  const at = columnOf(shape.a)
  return () => {
    if (context.time > store.page.f64[store.o8 + at]) store.page.f64[store.o8 + at] = context.time
  }
}

type TakeBytes = (bytes: Uint8Array, start: number, end: number) => void

/** Traits over text: from a record's own bytes where the value is a field, else through text. */
function textUpdate(shape: TraitShape, value: string, context: Context, resolve: Resolve): Update {
  const take = takeText(shape, context)
  const product = PRODUCT_TEXTS.indexOf(value)
  if (product >= 0) {
    const visit = (...ranges: number[]): void => {
      const start = ranges[2 + product * 2]
      const end = ranges[3 + product * 2]
      if (end > start) take(context.cursor.bytes, start, end)
    }
    return () => {
      if (!context.silent && context.signal === null) context.cursor.eachProduct(visit)
    }
  }
  const field = STRING_FIELD_INDEX.get(value)
  if (field !== undefined) {
    return () => {
      if (!context.silent && context.signal === null) takeField(context.cursor, field, take)
    }
  }
  const evaluate = compileExpression(parseExpression(value), resolve)
  return () => {
    const result = evaluate()
    if (result === null || result === '') return
    const bytes = encoder.encode(String(result).slice(0, TEXT_CHARACTERS_MAX))
    take(bytes, 0, bytes.length)
  }
}

const PRODUCT_TEXTS = ['products.product_id', 'products.category', 'products.brand']
const TEXT_CHARACTERS_MAX = 512
const encoder = new TextEncoder()

function takeField(cursor: RecordCursor, field: number, take: TakeBytes): void {
  const start = cursor.stringStart(field)
  if (start < 0) return
  const end = cursor.stringEnd(field)
  if (end > start) take(cursor.bytes, start, end)
}

function takeText(shape: TraitShape, context: Context): TakeBytes {
  const { store } = context
  const { op } = shape.definition
  if (op === 'top') return takeTop(shape, context)
  if (op === 'distinct') return takeDistinct(shape, context)
  const at = columnOf(shape.a)
  return (bytes, start, end) => {
    const known = store.page.u32[store.o4 + at]
    const late = context.time < context.now
    if (known !== 0) {
      if (op === 'first' || late || store.strings.is(known, bytes, start, end)) return
    }
    store.page.u32[store.o4 + at] = store.strings.intern(bytes, start, end)
  }
}

function takeDistinct(shape: TraitShape, context: Context): TakeBytes {
  const { store } = context
  const at = columnOf(shape.a)
  const handleAt = columnOf(shape.b)
  const hash = { low: 0, high: 0 }
  return (bytes, start, end) => {
    const { page, o2, o4 } = store
    const count = page.u16[o2 + at]
    if (count >= shape.limit) return
    hashBytes(bytes, start, end, DISTINCT_SEED, hash)
    const value = (hash.high & 0x1f_ffff) * 2 ** 32 + hash.low
    const handle = store.sets.add(page.u32[o4 + handleAt], count, value === 0 ? 1 : value)
    if (handle === 0) return
    page.u32[o4 + handleAt] = handle
    page.u16[o2 + at] = count + 1
  }
}

const DISTINCT_SEED = 13

/**
 * Keeps `k` weights, all as of the newest event. A new string takes an empty place, else that of the
 * lightest; so beyond `k` live strings the light ones are approximate.
 */
function takeTop(shape: TraitShape, context: Context): TakeBytes {
  const { store } = context
  const { k, halfLifeMs } = shape
  const ids = columnOf(shape.a)
  const weights = columnOf(shape.c)
  const reference = columnOf(shape.b)
  return (bytes, start, end) => {
    const id = store.strings.intern(bytes, start, end)
    if (id === 0) return
    const { page, o4, o8 } = store
    const known = page.f64[o8 + reference]
    let amount = 1
    if (context.time >= known) {
      const factor = 2 ** ((known - context.time) / halfLifeMs)
      for (let i = 0; i < k; i++) page.f32[o4 + weights + i] *= factor
      page.f64[o8 + reference] = context.time
    } else amount = 2 ** ((context.time - known) / halfLifeMs)
    let lightest = 0
    for (let i = 0; i < k; i++) {
      const here = page.u32[o4 + ids + i]
      if (here === id) return void (page.f32[o4 + weights + i] += amount)
      if (page.f32[o4 + weights + i] < page.f32[o4 + weights + lightest]) lightest = i
    }
    page.u32[o4 + ids + lightest] = id
    page.f32[o4 + weights + lightest] = amount
  }
}

/** A string of a `top` trait with its weight now. */
export interface Tag {
  readonly value: string
  readonly weight: number
}

/** Heaviest first. */
export function readTags(shape: TraitShape, context: Context): Tag[] {
  const { store } = context
  const ids = columnOf(shape.a)
  const weights = columnOf(shape.c)
  const { page, o4, o8 } = store
  const factor = 2 ** ((page.f64[o8 + columnOf(shape.b)] - context.now) / shape.halfLifeMs)
  const tags: Tag[] = []
  for (let i = 0; i < shape.k; i++) {
    const id = page.u32[o4 + ids + i]
    if (id !== 0)
      tags.push({ value: store.strings.text(id), weight: page.f32[o4 + weights + i] * factor })
  }
  return tags.sort((a, b) => b.weight - a.weight)
}

/** Weight of one string now; 0 when it is not among the kept. */
export function tagReader(shape: TraitShape, text: string, context: Context): NumberReader {
  const { store } = context
  const reference = columnOf(shape.b)
  return () => {
    const weight = storedTagWeight(shape, text, store)
    if (weight === 0) return 0
    return weight * 2 ** ((store.page.f64[store.o8 + reference] - context.now) / shape.halfLifeMs)
  }
}

/** Weight of one string as of the trait's newest event; 0 when it is not among the kept. */
export function storedTagWeight(shape: TraitShape, text: string, store: ProfileStore): number {
  const { page, o4, strings } = store
  const ids = o4 + columnOf(shape.a)
  for (let i = 0; i < shape.k; i++) {
    const id = page.u32[ids + i]
    if (id !== 0 && strings.text(id) === text) return page.f32[o4 + columnOf(shape.c) + i]
  }
  return 0
}

/** Weight of the heaviest string as of the trait's newest event; 0 when there is none. */
export function storedTopWeight(shape: TraitShape, store: ProfileStore): number {
  const weights = store.o4 + columnOf(shape.c)
  let first = 0
  for (let i = 0; i < shape.k; i++) first = Math.max(first, store.page.f32[weights + i])
  return first
}

/** Weight of the heaviest string and its share of all; 0 and NaN when there is none. */
export function readTopWeights(
  shape: TraitShape,
  context: Context,
): { first: number; share: number } {
  const { page, o4, o8 } = context.store
  const weights = o4 + columnOf(shape.c)
  let first = 0
  let sum = 0
  for (let i = 0; i < shape.k; i++) {
    const weight = page.f32[weights + i]
    sum += weight
    if (weight > first) first = weight
  }
  const factor = 2 ** ((page.f64[o8 + columnOf(shape.b)] - context.now) / shape.halfLifeMs)
  return { first: first * factor, share: sum > 0 ? first / sum : Number.NaN }
}

/** Reads a stored numeric trait; ratio and formula are the evaluator's. */
export function compileReader(shape: TraitShape, context: Context): NumberReader {
  const { store } = context
  const { op } = shape.definition
  if (shape.group !== null) return ringReader(shape, shape.group, context)
  if (op === 'top') return () => readTopWeights(shape, context).first
  const at = columnOf(shape.a)
  if (shape.halfLifeMs > 0) {
    const reference = columnOf(shape.b)
    return () => {
      const { f64 } = store.page
      const value = f64[store.o8 + at]
      return value === 0
        ? 0
        : value * 2 ** ((f64[store.o8 + reference] - context.now) / shape.halfLifeMs)
    }
  }
  if (op === 'count') return () => store.page.u32[store.o4 + at]
  if (op === 'distinct') return () => store.page.u16[store.o2 + at]
  if (op === 'mean') {
    const count = columnOf(shape.b)
    return () => store.page.f64[store.o8 + at] / store.page.u32[store.o4 + count]
  }
  if (op === 'since') {
    return () => {
      const time = store.page.f64[store.o8 + at]
      return time === 0 ? Number.NaN : (context.now - time) / 1000
    }
  }
  return () => store.page.f64[store.o8 + at]
}

/** Reads a window: sums, or compares, the buckets that it covers now. */
function ringReader(shape: TraitShape, group: RingGroup, context: Context): NumberReader {
  const { op } = shape.definition
  if (op === 'count') return () => ringCount(shape, group, context)
  if (op === 'sum') return () => ringSum(shape, group, context)
  if (op === 'mean') {
    return () => ringSum(shape, group, context) / ringCount(shape, group, context)
  }
  return () => ringExtreme(shape, group, context, op === 'min')
}

/** The oldest bucket that the window covers now and that has not been overwritten. */
function oldestBucket(group: RingGroup, head: number, now: number): number {
  const { buckets, resolutionMs } = group
  return Math.max(Math.floor(now / resolutionMs), head) - buckets + 1
}

function ringCount(shape: TraitShape, group: RingGroup, context: Context): number {
  const { page, counts, o1, o4 } = context.store
  const { buckets, countRings } = group
  const head = page.u32[o4 + group.head.index]
  const base = o1 + group.counts.index + shape.countRing
  let bucket = oldestBucket(group, head, context.now)
  let place = bucket % buckets
  let count = 0
  for (; bucket <= head; bucket++) {
    count += counts.get(base + place * countRings)
    if (++place === buckets) place = 0
  }
  return count
}

function ringSum(shape: TraitShape, group: RingGroup, context: Context): number {
  const { page, o4 } = context.store
  const { buckets, valueRings } = group
  const head = page.u32[o4 + group.head.index]
  const base = o4 + group.values.index + shape.valueRing
  let bucket = oldestBucket(group, head, context.now)
  let place = bucket % buckets
  let sum = 0
  for (; bucket <= head; bucket++) {
    sum += page.f32[base + place * valueRings]
    if (++place === buckets) place = 0
  }
  return sum
}

function ringExtreme(
  shape: TraitShape,
  group: RingGroup,
  context: Context,
  least: boolean,
): number {
  const { page, o4 } = context.store
  const { buckets, valueRings } = group
  const head = page.u32[o4 + group.head.index]
  const base = o4 + group.values.index + shape.valueRing
  let extreme = Number.NaN
  for (let bucket = oldestBucket(group, head, context.now); bucket <= head; bucket++) {
    const value = page.f32[base + (bucket % buckets) * valueRings]
    if (Number.isNaN(value)) continue
    if (Number.isNaN(extreme) || (least ? value < extreme : value > extreme)) extreme = value
  }
  return extreme
}

/** When the oldest bucket that is not empty leaves the window, ms; Infinity for never. */
export function ringExpiry(
  shape: TraitShape,
  group: RingGroup,
  context: Context,
  afterMs: number,
): number {
  const { page, o1, o4 } = context.store
  const head = page.u32[o4 + group.head.index]
  const { buckets, resolutionMs } = group
  const oldest = Math.max(head - buckets + 1, Math.floor(afterMs / resolutionMs) - buckets + 1)
  for (let bucket = oldest; bucket <= head; bucket++) {
    const place = bucket % buckets
    const { countRing, valueRing } = shape
    const filled =
      countRing >= 0
        ? page.u8[o1 + group.counts.index + place * group.countRings + countRing] > 0
        : isFilled(page.f32[o4 + group.values.index + place * group.valueRings + valueRing])
    const expires = (bucket + buckets) * resolutionMs
    if (filled && expires > afterMs) return expires
  }
  return Number.POSITIVE_INFINITY
}

function isFilled(value: number): boolean {
  return value !== 0 && !Number.isNaN(value)
}

export function columnOf(column: { readonly index: number } | null): number {
  if (column === null) throw new Error('the trait has no such column')
  return column.index
}
