import type { RingGroup, TraitShape } from './compile.ts'
import type { Context } from './context.ts'
import type { NumberReader } from './trait-programs.ts'

/** Moves a group's newest bucket up to `now`, emptying the buckets that this passes. */
function advanceGroup(context: Context, group: RingGroup): void {
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

export function countInRing(context: Context, group: RingGroup, ring: number): void {
  const bucket = bucketFor(context, group)
  if (bucket < 0) return
  const { counts, o1 } = context.store
  counts.increment(o1 + group.counts.index + bucket * group.countRings + ring)
}

export function takeInRing(
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

/** Reads a window: sums, or compares, the buckets that it covers now. */
export function ringReader(shape: TraitShape, group: RingGroup, context: Context): NumberReader {
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
