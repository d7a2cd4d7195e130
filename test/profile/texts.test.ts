import { expect, test } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { KEY_KIND } from '../../src/event/record.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { Fold } from '../../src/profile/fold.ts'
import { Interner } from '../../src/profile/interner.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import type { StoreOptions } from '../../src/profile/store.ts'
import type { TextUse } from '../../src/profile/text-use.ts'
import { recordOf } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const START = Date.UTC(2026, 0, 5)

const compiled = compileDefinition({
  traits: {
    last_city: { part: 'attributes', op: 'last', on: '*', value: 'city', text: true },
    top_brands: { part: 'interests', op: 'top', on: '*', value: 'brand', k: 3, halfLife: '7d' },
    steps: { part: 'behaviour', op: 'recent', on: '*', k: 2 },
  },
  segments: {},
  machines: {},
})
const FIELDS = Object.keys(compiled.definition.traits)

class Shop {
  readonly store: ProfileStore
  private readonly fold: Fold
  private readonly cursor = new RecordCursor()
  private time = START

  constructor(options: StoreOptions) {
    this.store = new ProfileStore(compiled, options)
    this.fold = new Fold(compiled, this.store)
  }

  see(key: string, strings: MadeEvent['strings'], name = 'Product Viewed'): void {
    const record = recordOf({ key, time: (this.time += 1000), type: 'track', name, strings })
    const row = this.store.ensureRecord(this.cursor.over(record).at(0))
    this.fold.apply(row, this.cursor)
  }

  portrait(key: string): { attributes: { last_city: string }; interests: { top_brands: unknown } } {
    const row = this.store.findKey(KEY_KIND.anonymous, key)
    return JSON.parse(profileText(this.store, row, this.time, '0:0'))
  }

  checkpoint(): void {
    this.store.collector.checkpointBegins()
    this.store.collector.checkpointEnded()
  }

  use(field: string) {
    const use = this.store.strings.uses().find((one) => one.field === field)
    if (use === undefined) throw new Error(`no field ${field}`)
    return use
  }
}

test('a field that is flooded by many shoppers leaves the others their room, and reads as other', () => {
  const shop = new Shop({ textsMax: 300 })
  shop.see('known', { city: 'Basel', brand: 'Acme' })
  for (let i = 0; i < 1000; i++) shop.see(`flood ${i}`, { city: `city ${i}` })
  shop.see('late', { city: 'Chur', brand: 'Brandnew' }, 'Own Event')
  shop.see('later', { city: 'Basel' })
  const brands = [{ value: 'Brandnew' }]
  expect(shop.portrait('late')).toMatchObject({
    attributes: { last_city: '(other)' },
    interests: { top_brands: brands },
    behaviour: { steps: [{ event: 'Own Event' }] },
  })
  expect(shop.portrait('known').attributes.last_city).toBe('Basel')
  expect(shop.portrait('later').attributes.last_city).toBe('Basel')
  expect(shop.portrait('flood 5').attributes.last_city).toBe('city 5')
  expect(shop.portrait('flood 900').attributes.last_city).toBe('(other)')
  expect(shop.use('last_city')).toMatchObject({ texts: 100, textsMax: 100, refused: 902 })
  expect(shop.use('top_brands').refused).toBe(0)
})

test('the parts of all fields together are the whole, whatever a shopper sends', () => {
  const shop = new Shop({ textsMax: 300 })
  const made = (i: number) => ({ city: `city ${i}`, brand: `brand ${i}` })
  for (let i = 0; i < 2000; i++) shop.see(`shopper ${i}`, made(i), `Event ${i}`)
  for (const field of FIELDS) expect(shop.use(field)).toMatchObject({ texts: 100, textsMax: 100 })
  // The vocabulary's names and "(other)" come from code.
  expect(shop.store.dictionarySize).toBeLessThan(310)
})

test('long texts fill the part of their field sooner', () => {
  const strings = new Interner(['field'], 100)
  for (let i = 0; i < 100; i++) strings.internText(`${i} ${'x'.repeat(1500)}`)
  const [use] = strings.uses()
  expect(use.texts).toBe(8)
  expect(use.bytes).toBeLessThanOrEqual(use.bytesMax)
  expect(use.refused).toBe(92)
})

test('texts that no profile holds any more make room, in bounded steps', () => {
  const shop = new Shop({ textsMax: 300 })
  shop.see('known', { city: 'Basel', brand: 'Acme' })
  for (let i = 0; i < 5000; i++) {
    shop.see('restless', { city: `city ${i}`, brand: `brand ${i}` }, `Event ${i}`)
    const { attributes, interests } = shop.portrait('restless')
    expect(attributes.last_city).toBe(`city ${i}`)
    expect(JSON.stringify(interests.top_brands)).toContain(`"brand ${i}"`)
  }
  expect(shop.store.collector.completed).toBeGreaterThan(10)
  for (const field of FIELDS) expect(shop.use(field).refused).toBe(0)
  expect(shop.store.dictionarySize).toBeLessThan(310)
  expect(shop.portrait('known')).toMatchObject({
    attributes: { last_city: 'Basel' },
    interests: { top_brands: [{ value: 'Acme' }] },
  })
})

test('a store whose pages are on disk frees nothing before a checkpoint is past it', () => {
  const shop = new Shop({ textsMax: 300 })
  shop.checkpoint()
  const flood = (from: number): void => {
    for (let i = from; i < from + 200; i++) shop.see('restless', { city: `city ${i}` })
  }
  flood(0)
  expect(shop.use('last_city')).toMatchObject({ texts: 100, refused: 100 })
  shop.store.collector.checkpointBegins()
  flood(200)
  shop.store.collector.checkpointEnded()
  shop.see('restless', { city: 'Chur' })
  shop.see('restless', { city: 'Zug' })
  expect(shop.portrait('restless').attributes.last_city).toBe('Zug')
})

test('a checkpoint that began before the sweep ended frees nothing', () => {
  const shop = new Shop({ textsMax: 300 })
  shop.see('restless', { city: 'first' })
  shop.store.collector.checkpointBegins()
  for (let i = 0; i < 200; i++) shop.see('restless', { city: `city ${i}` })
  shop.store.collector.checkpointEnded()
  for (let i = 0; i < 5; i++) shop.see('restless', { city: `late ${i}` })
  expect(shop.portrait('restless').attributes.last_city).toBe('(other)')
})

test('a text that comes back while it waits to be freed stays', () => {
  const shop = new Shop({ textsMax: 300 })
  shop.checkpoint()
  for (let i = 0; i < 100; i++) shop.see('restless', { city: `city ${i}` })
  shop.see('other', { city: 'refused' })
  shop.see('other', { city: 'city 7' })
  shop.checkpoint()
  for (let i = 0; i < 60; i++) shop.see('restless', { city: `new ${i}` })
  expect(shop.portrait('other').attributes.last_city).toBe('city 7')
  expect(shop.portrait('restless').attributes.last_city).toBe('new 59')
})

test('parts of fields, free numbers and names from code come back from a dump', () => {
  const strings = new Interner(['a', 'b'], 200)
  strings.pin('Name')
  for (let i = 0; i < 90; i++) strings.internText(`a ${i}`, 0)
  for (let i = 0; i < 40; i++) strings.internText(`b ${i}`, 1)
  strings.beginCollection()
  for (let id = 20; id < 60; id++) strings.mark(id)
  strings.condemn(0)
  strings.releaseCondemned(0)
  const copy = new Interner(['a', 'b'], 200)
  copy.load(strings.dump(0))
  const counts = ({ texts, bytes }: TextUse): number[] => [texts, bytes]
  expect(copy.uses().map(counts)).toEqual(strings.uses().map(counts))
  expect([...copy.all()]).toEqual([...strings.all()])
  for (const one of [strings, copy]) {
    expect(one.internText('Name')).toBe(1)
    const ids = Array.from({ length: 60 }, (_, i) => one.internText(`new ${i}`, 0))
    expect(new Set(ids).size).toBe(60)
    expect(ids.every((id) => id > 1 && (id < 20 || id >= 60))).toBe(true)
  }
})

test('a dictionary of before fields had parts is read', () => {
  const strings = new Interner(['a'], 4)
  const texts = ['one', 'two', 'three', 'four', 'five', 'six']
  strings.load(Buffer.from(JSON.stringify({ from: 1, texts: texts.slice(0, 3) })))
  strings.load(Buffer.from(JSON.stringify({ from: 4, texts: texts.slice(3) })))
  texts.forEach((text, i) => expect(strings.internText(text)).toBe(i + 1))
  expect(strings.uses()[0].texts).toBe(0)
  expect(strings.internText('seven')).toBe(7)
})

test('of dumps of different moments the younger entry of a text is meant', () => {
  const strings = new Interner(['a'], 4000)
  for (let i = 1; i <= 1500; i++) strings.internText(`text ${i}`)
  const before = strings.dumpChunk(0)
  strings.beginCollection()
  for (let id = 6; id <= 1500; id++) strings.mark(id)
  strings.condemn(0)
  strings.releaseCondemned(0)
  for (let i = 0; i < 5; i++) strings.internText(`filler ${i}`)
  expect(strings.internText('text 3')).toBe(1501)
  const copy = new Interner(['a'], 4000)
  const younger = strings.dumpChunk(1)
  for (const dump of [before, younger]) copy.load(dump)
  expect(copy.internText('text 3')).toBe(1501)
  copy.load(before)
  expect(copy.internText('text 3')).toBe(1501)
})
