import type { RecordCursor } from '../event/record-cursor.ts'
import { hashBytes } from '../event/hash.ts'
import type { TraitShape } from './compile.ts'
import type { Context } from './context.ts'
import { NUMBER_FIELD_INDEX, STRING_FIELD_INDEX } from './context.ts'
import { compileExpression, compilePredicate, parseExpression } from './expression.ts'
import type { Resolve, Value } from './expression.ts'
import { columnOf } from './layout.ts'
import { recentUpdate } from './recent.ts'
import { countInRing, ringReader, takeInRing } from './rings.ts'
import { readTopWeights, takeTop } from './tags.ts'
import { invalid } from './trait-error.ts'

/** Applies one event to one trait of the context's row. */
export type Update = () => void
/** A trait's value now; NaN for none. */
export type NumberReader = () => number

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

function valueUpdate(shape: TraitShape, context: Context, resolve: Resolve): Update {
  const { op, value, text } = shape.definition
  if (op === 'since') return sinceUpdate(shape, context)
  if (op === 'recent') {
    const read = value === undefined ? null : numberOf(value, context, resolve)
    return recentUpdate(shape, context, read)
  }
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
  const isTaken = takesTime(shape, context)
  return (value) => {
    if (isTaken()) store.page.f64[store.o8 + at] = value
  }
}

/**
 * Whether the event at hand gives `first` or `last` its value, which depends on event times alone: the
 * earliest is first, the latest last; of equal ones the one folded earlier, or later. If so, its time
 * is kept as the value's.
 */
function takesTime(shape: TraitShape, context: Context): () => boolean {
  const { store } = context
  const highAt = columnOf(shape.timeHigh)
  const lowAt = columnOf(shape.timeLow)
  const isFirst = shape.definition.op === 'first'
  return () => {
    const { page, o4, o2 } = store
    const high = Math.floor(context.time / LOW_RANGE)
    const low = Math.floor(context.time - high * LOW_RANGE)
    const knownHigh = page.u32[o4 + highAt]
    const since = high === knownHigh ? low - page.u16[o2 + lowAt] : high - knownHigh
    if (isFirst ? since >= 0 : since < 0) return false
    page.u32[o4 + highAt] = high
    page.u16[o2 + lowAt] = low
    return true
  }
}

/** Of the lower bits of a time. */
const LOW_RANGE = 2 ** 16

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

export type TakeBytes = (bytes: Uint8Array, start: number, end: number) => void

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
  const isTaken = takesTime(shape, context)
  const field = store.textField(shape)
  return (bytes, start, end) => {
    if (!isTaken()) return
    const known = store.page.u32[store.o4 + at]
    if (known !== 0 && store.strings.is(known, bytes, start, end)) return
    store.page.u32[store.o4 + at] = store.strings.intern(bytes, start, end, field)
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
