import type { TraitShape } from './compile.ts'
import type { Context } from './context.ts'
import { columnOf } from './layout.ts'
import type { ProfileStore } from './store.ts'
import type { NumberReader, TakeBytes } from './trait-programs.ts'

/**
 * Keeps `k` weights, all as of the newest event. A new string takes an empty place, else that of the
 * lightest; so beyond `k` live strings the light ones are approximate.
 */
export function takeTop(shape: TraitShape, context: Context): TakeBytes {
  const { store } = context
  const { k, halfLifeMs } = shape
  const ids = columnOf(shape.a)
  const weights = columnOf(shape.c)
  const reference = columnOf(shape.b)
  const field = store.textField(shape)
  return (bytes, start, end) => {
    const id = store.strings.intern(bytes, start, end, field)
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
