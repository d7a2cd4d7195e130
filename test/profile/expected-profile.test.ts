import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { Fold } from '../../src/profile/fold.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { profileDifferences, profileExpecter } from './expected-profile.ts'
import { recordOf } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const START = Date.UTC(2026, 2, 2, 9)

const { definition } = loadProfileConfig('config/profile.yaml')
const compiled = compileDefinition(definition)
const expectedProfile = profileExpecter(definition)

const names = [
  'Product Viewed',
  'Product Clicked',
  'Product Added',
  'Product List Viewed',
  'Products Searched',
  'Checkout Started',
  'Order Completed',
  'Order Completed',
  'Order Refunded',
  'Product Shared',
  'Product Reviewed',
]
const gap = fc.oneof(
  fc.integer({ min: 0, max: 50 * MINUTE }),
  fc.integer({ min: 0, max: 3 * DAY }),
  fc.integer({ min: 0, max: 130 * DAY }),
)
const money = fc.integer({ min: 1, max: 40_000 }).map((n) => n / 100)
const product = fc.record(
  { price: money, quantity: fc.integer({ min: 1, max: 3 }), id: fc.constantFrom('p', 'q') },
  { requiredKeys: ['id'] },
)
const strings = fc.record(
  {
    country: fc.constantFrom('CH', 'AT'),
    city: fc.constantFrom('Bern', 'Wien'),
    category: fc.constantFrom('shoes', 'hats', 'ties'),
    brand: fc.constantFrom('a', 'b'),
    product_id: fc.constantFrom('p', 'q', 'r'),
    referrer: fc.constantFrom('x', 'y'),
    coupon: fc.constant('c'),
    payment_method: fc.constantFrom('card', 'invoice'),
    group_id: fc.constantFrom('g1', 'g2'),
    share_via: fc.constant('mail'),
  },
  { requiredKeys: ['group_id'] },
)
const event = fc.record(
  {
    type: fc.constantFrom('track', 'track', 'track', 'track', 'page', 'identify', 'group'),
    name: fc.constantFrom(...names),
    bot: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    numbers: fc.record(
      { price: money, revenue: money, discount: money, rating: money },
      {
        requiredKeys: [],
      },
    ),
    strings,
    products: fc.array(product, { maxLength: 2 }),
    traits: fc.record(
      { plan: fc.constantFrom('gold', null), consent: fc.boolean() },
      {
        requiredKeys: [],
      },
    ),
  },
  { requiredKeys: ['type', 'name', 'strings'] },
) as fc.Arbitrary<Omit<MadeEvent, 'key' | 'time'>>

/** Records in order of arrival, some of them of events long before. */
const records = fc
  .array(fc.tuple(gap, fc.nat(4), gap, event), { minLength: 1, maxLength: 25 })
  .map((drawn) => {
    let arrival = START
    return drawn.map(([step, late, age, one]) => {
      arrival += step
      return recordOf({ ...one, key: 'a', arrival, time: late === 0 ? arrival - age : arrival })
    })
  })

describe('the expected profile', () => {
  it('is the folded one under the shipped definition, at any instant', () => {
    const property = fc.property(records, gap, (journal, later) => {
      const store = new ProfileStore(compiled)
      const fold = new Fold(compiled, store)
      const cursor = new RecordCursor()
      journal.forEach((bytes, i) => {
        fold.apply(store.ensureRecord(cursor.over(bytes).at(0)), cursor)
        const next = i + 1 < journal.length ? new RecordCursor().over(journal[i + 1]).at(0) : null
        const at = Math.min(cursor.arrivalTime + later, (next?.arrivalTime ?? Infinity) - 1)
        if (at < cursor.arrivalTime) return
        const found = JSON.parse(profileText(store, 0, at, '0:0')) as unknown
        expect(profileDifferences(found, expectedProfile(journal, at))).toEqual([])
      })
    })
    fc.assert(property, { numRuns: 60 })
  })

  it('is none before the first event', () => {
    const bytes = recordOf({ key: 'a', type: 'page', time: START - DAY, arrival: START })
    expect(expectedProfile([bytes], START - 1)).toBeNull()
    expect(expectedProfile([bytes], START)).toMatchObject({
      firstSeenAt: new Date(START - DAY).toISOString(),
    })
  })
})
