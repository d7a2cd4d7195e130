import { expect, it } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { categoryCode } from '../../src/profile/category-code.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import type { CompiledDefinition } from '../../src/profile/compile.ts'
import type { MachineDefinition, TraitDefinition } from '../../src/profile/definition.ts'
import { featureNames, featuresOf, writeFeatures } from '../../src/profile/feature-vector.ts'
import { Fold } from '../../src/profile/fold.ts'
import { PageCodec } from '../../src/profile/page-codec.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { recordOf } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const START = Date.UTC(2026, 0, 5, 12)
const part = 'behaviour'

/** A trait `recent` and whatever else, compiled. */
function compiledOf(
  recent: Partial<TraitDefinition>,
  more: { traits?: Record<string, TraitDefinition>; when?: string; guard?: string } = {},
): CompiledDefinition {
  const traits = { recent: { part, op: 'recent', on: '*', ...recent } as const, ...more.traits }
  const machine: MachineDefinition = {
    id: 'm',
    initial: 'a',
    states: { a: { on: { page: { target: 'b', guard: more.guard } } }, b: {} },
  }
  return compileDefinition({
    traits,
    segments: more.when === undefined ? {} : { s: { when: more.when } },
    machines: more.guard === undefined ? {} : { m: machine },
  })
}

/** Folds events of one shopper; `at` is in seconds from the start. */
function folded(
  compiled: CompiledDefinition,
  events: readonly (Partial<MadeEvent> & { at: number })[],
): ProfileStore {
  const store = new ProfileStore(compiled)
  const fold = new Fold(compiled, store)
  const cursor = new RecordCursor()
  for (const { at, ...event } of events) {
    const bytes = recordOf({ key: 'k', type: 'track', ...event, time: START + at * 1000 })
    fold.apply(store.ensureRecord(cursor.over(bytes).at(0)), cursor)
  }
  return store
}

function stepsOf(store: ProfileStore): unknown {
  const text = profileText(store, 0, START, '0:0', 'traits')
  return (JSON.parse(text) as { traits: { recent: unknown } }).traits.recent
}

function featuresAt(store: ProfileStore, now: number): Record<string, number> {
  const names = featureNames(store.compiled)
  const out = new Float32Array(names.length)
  writeFeatures(store, 0, now, out, 0)
  return Object.fromEntries(names.map((name, i) => [name, out[i]]))
}

it('keeps the last events, newest last, with name, time and value', () => {
  const store = folded(compiledOf({ k: 3, value: 'price' }), [
    { at: 0, name: 'Order Completed', numbers: { price: 1 } },
    { at: 1, type: 'page', numbers: { price: 2 } },
    { at: 2, name: 'Custom "Thing"' },
    { at: 3.9, name: 'Product Viewed', numbers: { price: 19.99 } },
  ])
  expect(stepsOf(store)).toEqual([
    { event: 'page', time: '2026-01-05T12:00:01.000Z', value: 2 },
    { event: 'Custom "Thing"', time: '2026-01-05T12:00:02.000Z', value: null },
    { event: 'Product Viewed', time: '2026-01-05T12:00:03.000Z', value: 19.99 },
  ])
})

it('has no value where the trait declares none, and no steps before the first event', () => {
  const store = folded(compiledOf({ on: 'Product Viewed' }), [{ at: 0, name: 'Product Added' }])
  expect(stepsOf(store)).toEqual([])
  const seen = folded(compiledOf({}), [{ at: 0, name: 'Product Added' }])
  expect(stepsOf(seen)).toEqual([{ event: 'Product Added', time: '2026-01-05T12:00:00.000Z' }])
})

it('keeps the order of arrival, and of a late event its own time', () => {
  const store = folded(compiledOf({ k: 2 }), [
    { at: 0, name: 'Product Viewed' },
    { at: 100, name: 'Product Added' },
    { at: 40, name: 'Product Removed' },
  ])
  expect(stepsOf(store)).toEqual([
    { event: 'Product Added', time: '2026-01-05T12:01:40.000Z' },
    { event: 'Product Removed', time: '2026-01-05T12:00:40.000Z' },
  ])
  const features = featuresAt(store, START + 110_000)
  expect(features).toMatchObject({ 'recent.0.seconds': 10, 'recent.1.seconds': 70 })
})

it('takes what on, where and bots select', () => {
  const events = [
    { at: 0, name: 'Product Viewed', numbers: { price: 5 } },
    { at: 1, name: 'Product Viewed', numbers: { price: 50 } },
    { at: 2, name: 'Product Added', numbers: { price: 50 } },
    { at: 3, name: 'Product Viewed', numbers: { price: 60 }, bot: true },
  ]
  const selected = { on: ['Product Viewed', 'Session Started'], where: 'price > 9 or value == 0' }
  const values = (bots: boolean): unknown =>
    stepsOf(folded(compiledOf({ ...selected, bots, value: 'price' }), events))
  const first = { event: 'Session Started', time: '2026-01-05T12:00:00.000Z', value: null }
  const viewed = { event: 'Product Viewed', time: '2026-01-05T12:00:01.000Z', value: 50 }
  expect(values(false)).toEqual([first, viewed])
  const byBot = { event: 'Product Viewed', time: '2026-01-05T12:00:03.000Z', value: 60 }
  expect(values(true)).toEqual([first, viewed, byBot])
})

it('is a sequence of features, the newest always at the last step', () => {
  const compiled = compiledOf({ k: 2, value: 'price' })
  const sequence = featuresOf(compiled).filter(({ step }) => step !== null)
  expect(sequence).toEqual(
    [0, 1].flatMap((at) => {
      const step = { trait: 'recent', at, of: 2 }
      return [
        { name: `recent.${at}.event`, kind: 'category', step },
        { name: `recent.${at}.seconds`, kind: 'number', step },
        { name: `recent.${at}.value`, kind: 'number', step },
      ]
    }),
  )
  const one = folded(compiled, [{ at: 0, name: 'My Own', numbers: { price: 7.5 } }])
  expect(featuresAt(one, START + 60_000)).toEqual({
    'recent.0.event': Number.NaN,
    'recent.0.seconds': Number.NaN,
    'recent.0.value': Number.NaN,
    'recent.1.event': categoryCode('My Own'),
    'recent.1.seconds': 60,
    'recent.1.value': 7.5,
    'session.events': 1,
    'session.seconds': 60,
  })
})

it('has 16 steps where k is absent, and 8 or 12 bytes a step', () => {
  const plain = compileDefinition({ traits: {}, segments: {}, machines: {} }).layout.rowBytes
  const bytes = (recent: Partial<TraitDefinition>): number =>
    compiledOf(recent).layout.rowBytes - plain
  expect(featuresOf(compiledOf({})).filter(({ step }) => step !== null)).toHaveLength(32)
  expect(Math.abs(bytes({}) - 16 * 8)).toBeLessThanOrEqual(8)
  expect(Math.abs(bytes({ value: 'price' }) - 16 * 12)).toBeLessThanOrEqual(8)
})

it('survives a checkpoint, and is empty after a reset', () => {
  const events = Array.from({ length: 40 }, (_, at) => {
    return { at, name: `Thing ${at}`, numbers: { price: at / 4 } }
  })
  const store = folded(compiledOf({ k: 32, value: 'price' }), events)
  const copy = new ProfileStore(store.compiled)
  copy.importDictionary(store.exportDictionary(0))
  new PageCodec(copy).decode(0, new PageCodec(store).encode(0))
  expect(stepsOf(copy)).toEqual(stepsOf(store))
  expect(stepsOf(copy)).toHaveLength(32)
  expect(featuresAt(copy, START + 60_000)).toEqual(featuresAt(store, START + 60_000))
  store.reset(0)
  expect(stepsOf(store)).toEqual([])
})

it('has no value for a number beyond 32-bit floats', () => {
  const store = folded(compiledOf({ k: 1, value: 'price * 1e35' }), [
    { at: 0, name: 'Product Viewed', numbers: { price: 1e6 } },
  ])
  expect(stepsOf(store)).toMatchObject([{ value: null }])
  expect(featuresAt(store, START)['recent.0.value']).toBeNaN()
})

it.each<[string, Partial<TraitDefinition>, Parameters<typeof compiledOf>[1]]>([
  ['more than 32 events', { k: 33 }, {}],
  ['a window', { window: '1h' }, {}],
  ['a half-life', { halfLife: '1d' }, {}],
  ['text', { text: true, value: 'category' }, {}],
  ['products', { value: 'products.price' }, {}],
  ['a formula of it', {}, { traits: { f: { part, op: 'formula', formula: 'recent > 1' } } }],
  [
    'a ratio of it',
    {},
    { traits: { r: { part, op: 'ratio', numerator: 'recent', denominator: 'recent' } } },
  ],
])('refuses %s', (_, recent, more) => {
  expect(() => compiledOf(recent, more)).toThrow(
    expect.objectContaining({ code: 'ERR_TRAIT_INVALID' }),
  )
})

it.each([{ when: 'recent > 1' }, { guard: 'recent > 1' }])('is not read by %j', (more) => {
  const compiled = compiledOf({}, more)
  expect(() => new Fold(compiled, new ProfileStore(compiled))).toThrow(
    expect.objectContaining({ code: 'ERR_TRAIT_INVALID' }),
  )
})
