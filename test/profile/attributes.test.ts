import { describe, expect, it } from 'vitest'
import { KEY_KIND } from '../../src/event/record.ts'
import {
  ATTRIBUTES_CHARACTERS_MAX,
  ATTRIBUTES_MAX,
  ATTRIBUTE_CHARACTERS_MAX,
  GROUPS_MAX,
  REMOVALS_MAX,
  mergeAttributes,
  mergeGroup,
} from '../../src/profile/attributes.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { PageCodec } from '../../src/profile/page-codec.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import type { SideData } from '../../src/profile/store.ts'

type Said = readonly [time: number, traits: Readonly<Record<string, unknown>>]

function sideOf(...said: readonly Said[]): SideData {
  const side: SideData = {}
  for (const [time, traits] of said) mergeAttributes(side, traits, time)
  return side
}

const attributesOf = (...said: readonly Said[]): unknown => sideOf(...said).attributes

describe('attributes', () => {
  it('keep what has the latest event time, name by name', () => {
    const said: Said[] = [
      [20, { plan: 'gold', city: 'Bern' }],
      [10, { plan: 'free', age: 40 }],
      [30, { city: 'Thun' }],
    ]
    const wanted = { age: 40, city: 'Thun', plan: 'gold' }
    for (const order of [said, said.toReversed(), [said[1], said[2], said[0]]]) {
      expect(attributesOf(...order)).toEqual(wanted)
      expect(Object.keys(sideOf(...order).attributes ?? {})).toEqual(['age', 'city', 'plan'])
    }
  })

  it('take what is folded later of two values of one instant', () => {
    expect(attributesOf([10, { plan: 'free' }], [10, { plan: 'gold' }])).toEqual({ plan: 'gold' })
    expect(attributesOf([10, { plan: 'gold' }], [10, { plan: null }])).toEqual({})
  })

  it('remember a removal, so that an older value does not return and a newer one does', () => {
    const removed: Said[] = [
      [10, { plan: 'gold', home: { city: 'Bern' } }],
      [20, { plan: null, home: { city: null } }],
    ]
    expect(attributesOf(...removed)).toEqual({})
    expect(attributesOf(...removed.toReversed())).toEqual({})
    expect(attributesOf(...removed, [15, { plan: 'late' }])).toEqual({})
    expect(attributesOf(...removed, [25, { plan: 'new' }])).toEqual({ plan: 'new' })
    expect(sideOf(...removed, [25, { plan: 'new' }]).removals).toEqual({ 'home.city': 20 })
  })

  it('stay at most so many, the newest by event time, however they come', () => {
    const said = Array.from({ length: ATTRIBUTES_MAX + 6 }, (_, i): Said => [
      100 + i,
      { [`n${i}`]: i },
    ])
    const kept = attributesOf(...said) as Record<string, unknown>
    expect(Object.values(kept).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: ATTRIBUTES_MAX }, (_, i) => i + 6),
    )
    expect(attributesOf(...said.toReversed())).toEqual(kept)
    expect(attributesOf(...said, ...said.toReversed())).toEqual(kept)
  })

  it('stay within so many characters, and a name that is too long is passed over', () => {
    const long = 'x'.repeat(2 * ATTRIBUTE_CHARACTERS_MAX)
    const said = Array.from({ length: 12 }, (_, i): Said => [i + 1, { [`n${i}`]: long }])
    const kept = attributesOf(...said, [20, { [long]: 'a', short: 1 }]) as Record<string, unknown>
    expect(JSON.stringify(Object.values(kept)).length).toBeLessThan(ATTRIBUTES_CHARACTERS_MAX + 64)
    expect(Object.keys(kept)).toEqual(['n10', 'n11', 'n5', 'n6', 'n7', 'n8', 'n9', 'short'])
    expect(String(kept.n11)).toHaveLength(ATTRIBUTE_CHARACTERS_MAX)
  })

  it('forget the oldest removals, and no attribute for a removal', () => {
    const removals = Array.from({ length: REMOVALS_MAX + 1 }, (_, i): Said => [
      i + 1,
      { [`n${i}`]: null },
    ])
    const side = sideOf([1, { plan: 'gold' }], ...removals)
    expect(side.attributes).toEqual({ plan: 'gold' })
    expect(Object.keys(side.removals ?? {})).toHaveLength(REMOVALS_MAX)
    expect(side.removals).not.toHaveProperty('n0')
  })

  it('take names that look like numbers, or like what objects have', () => {
    const traits = JSON.parse('{"b":1,"10":2,"9":3,"__proto__":4,"constructor":5}') as object
    const side = sideOf([10, { ...traits }], [5, { 10: 'old', 9: 'old', constructor: 'old' }])
    expect({ ...side.attributes }).toEqual({ 9: 3, 10: 2, b: 1, constructor: 5 })
    expect(side.attributeTimes).toEqual([10, 10, 10, 10])
  })
})

describe('groups', () => {
  it('stay the newest by event time, the newest last', () => {
    const join = (...times: readonly number[]): SideData => {
      const side: SideData = {}
      for (const time of times) mergeGroup(side, `g${time}`, time)
      return side
    }
    const times = Array.from({ length: GROUPS_MAX + 2 }, (_, i) => i + 1)
    const kept = times.slice(2).map((time) => `g${time}`)
    expect(join(...times).groups).toEqual(kept)
    expect(join(...times.toReversed()).groups).toEqual(kept)
    const side = join(1, 2, 3)
    mergeGroup(side, 'g1', 2.5)
    expect(side.groups).toEqual(['g2', 'g1', 'g3'])
    mergeGroup(side, 'g3', 1)
    expect(side.groups).toEqual(['g2', 'g1', 'g3'])
  })
})

describe('a page of a checkpoint', () => {
  const compiled = compileDefinition({ traits: {}, segments: {}, machines: {} })
  const FORM_AT = 20

  /** What a page says of its one profile's attributes, after a late identify. */
  function reloaded(side: SideData, form: number | null): SideData {
    const store = new ProfileStore(compiled)
    const row = store.ensureKey(KEY_KIND.user, 'u')
    store.setSide(row, side)
    const bytes = new PageCodec(store).encode(0).slice()
    if (form !== null) new DataView(bytes.buffer).setUint32(FORM_AT, form, true)
    const loaded = new ProfileStore(compiled)
    new PageCodec(loaded).decode(0, bytes)
    const found = loaded.ensureSide(0)
    mergeAttributes(found, { plan: 'late', gone: 'late' }, 5)
    mergeGroup(found, 'late', 5)
    return found
  }

  it('keeps the times of attributes, removals and groups', () => {
    const side = sideOf([10, { plan: 'gold', gone: null }])
    mergeGroup(side, 'g', 10)
    const found = reloaded(side, null)
    expect(found.attributes).toEqual({ plan: 'gold' })
    expect(found.removals).toEqual({ gone: 10 })
    expect(found.groups).toEqual(['late', 'g'])
  })

  it('without times, of before they were kept, counts as older than any event', () => {
    const found = reloaded({ attributes: { plan: 'gold', age: 40 }, groups: ['g'] }, 0)
    expect(found.attributes).toEqual({ age: 40, gone: 'late', plan: 'late' })
    expect(found.groups).toEqual(['g', 'late'])
  })

  it('of a later form is refused', () => {
    expect(() => reloaded({}, 9)).toThrow('page 0 has form 9; this version reads up to 1')
  })
})
