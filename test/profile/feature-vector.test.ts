import { expect, it } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { categoryCode } from '../../src/profile/category-code.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import type { TraitDefinition } from '../../src/profile/definition.ts'
import { featureNames, featuresOf, writeFeatures } from '../../src/profile/feature-vector.ts'
import { Fold } from '../../src/profile/fold.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { recordOf } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const START = Date.UTC(2026, 0, 5, 12)
const part = 'behaviour'
const traits: Record<string, TraitDefinition> = {
  events: { part, op: 'count', on: '*' },
  device: { part, op: 'last', on: '*', value: 'device_type', text: true },
  tops: { part, op: 'top', on: '*', value: 'category', k: 2, halfLife: '1d' },
  price: { part, op: 'last', on: '*', value: 'price' },
}
const compiled = compileDefinition({ traits, segments: {}, machines: {} })

function folded(...events: Omit<MadeEvent, 'key' | 'type' | 'time'>[]): ProfileStore {
  const store = new ProfileStore(compiled)
  const fold = new Fold(compiled, store)
  const cursor = new RecordCursor()
  events.forEach((event, i) => {
    const bytes = recordOf({ ...event, key: 'k', type: 'track', time: START + i * 1000 })
    fold.apply(store.ensureRecord(cursor.over(bytes).at(0)), cursor)
  })
  return store
}

function featuresAt(store: ProfileStore, now: number): Record<string, number> {
  const names = featureNames(compiled)
  const out = new Float32Array(names.length)
  writeFeatures(store, 0, now, out, 0)
  return Object.fromEntries(names.map((name, i) => [name, out[i]]))
}

it('has texts as categories, in the order of the traits', () => {
  const features = featuresOf(compiled).map(({ name, kind }) => `${name} ${kind}`)
  expect(features).toEqual([
    'events number',
    'device category',
    'tops.weight number',
    'tops.share number',
    'tops.first category',
    'price number',
    'session.events number',
    'session.seconds number',
  ])
})

it('writes the code of a text and of the heaviest tag', () => {
  const store = folded(
    { name: 'Product Viewed', strings: { category: 'shoes', device_type: 'mobile' } },
    { name: 'Product Viewed', strings: { category: 'hats' } },
    { name: 'Product Viewed', strings: { category: 'hats' } },
    { name: 'Product Viewed', strings: { category: 'ties' } },
  )
  const features = featuresAt(store, START + 3000)
  expect(features.device).toBe(categoryCode('mobile'))
  expect(features['tops.first']).toBe(categoryCode('hats'))
  expect(features['tops.weight']).toBeGreaterThan(1)
  expect([...store.texts()]).toEqual(['mobile', 'shoes', 'hats', 'ties'])
})

it('has NaN where there is no text', () => {
  const features = featuresAt(folded({ name: 'Product Viewed' }), START)
  expect(features).toMatchObject({ events: 1, device: Number.NaN, 'tops.first': Number.NaN })
})
