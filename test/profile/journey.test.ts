import { beforeAll, describe, expect, it } from 'vitest'
import { KEY_KIND } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { DueIndex } from '../../src/profile/due-index.ts'
import { Fold } from '../../src/profile/fold.ts'
import type { Effect } from '../../src/profile/fold.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { recordOf, timerRecord } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const START = Date.UTC(2026, 2, 2, 9)
const KEY = 'visitor'

interface Image {
  readonly lastSeenAt: string
  readonly segments: readonly string[]
  readonly machines: Record<string, string>
  readonly attributes: Record<string, unknown>
  readonly behaviour: Record<string, unknown>
  readonly interests: Record<string, unknown>
  readonly consumption: Record<string, unknown>
}

describe('a journey under the shipped definition', () => {
  const compiled = compileDefinition(loadProfileConfig('config/profile.yaml').definition)
  const store = new ProfileStore(compiled)
  const fold = new Fold(compiled, store)
  const dues = new DueIndex(store)
  const cursor = new RecordCursor()
  let row = -1

  const apply = (bytes: Uint8Array): void => {
    row = store.ensureRecord(cursor.over(bytes).at(0))
    fold.apply(row, cursor)
  }
  const track = (minutes: number, name: string, event: Partial<MadeEvent> = {}): Effect[] => {
    fold.effects.clear()
    apply(recordOf({ key: KEY, type: 'track', name, time: START + minutes * MINUTE, ...event }))
    return fold.effects.take()
  }
  const image = (minutes: number): Image =>
    JSON.parse(profileText(store, row, START + minutes * MINUTE, '0:0')) as Image
  const silence = (minutes: number): Effect[] => {
    const now = START + minutes * MINUTE
    const rows: number[] = []
    fold.effects.clear()
    dues.collect(now, rows, 10)
    for (const due of rows) if (fold.advance(due, now)) apply(timerRecord(KEY, now))
    return fold.effects.take()
  }
  const changes = (effects: readonly Effect[]): string[] =>
    effects.map(({ kind, name, to }) => `${kind} ${name}${to === null ? '' : ` ${to}`}`)

  beforeAll(() => {
    apply(
      recordOf({
        key: KEY,
        type: 'page',
        time: START,
        strings: { country: 'CH', referring_domain: 'search.example' },
      }),
    )
  })

  it('begins with a session of a new visitor', () => {
    const { segments, machines, attributes, behaviour, consumption } = image(0)
    expect(segments).toEqual(['new_visitors'])
    expect(machines).toEqual({ session: 'browsing', lifecycle: 'prospect' })
    expect(attributes).toMatchObject({ first_country: 'CH', last_country: 'CH', last_city: null })
    expect(behaviour).toMatchObject({
      events: 1,
      sessions: 1,
      sessions_30d: 1,
      views_1h: 0,
      seconds_since_view: null,
    })
    expect(consumption).toMatchObject({ orders: 0, average_order_value: null, recency_score: 0 })
  })

  it('sees products and interests', () => {
    const strings = { product_id: 'p1', category: 'Shoes', brand: 'Fell' }
    for (let i = 0; i < 4; i++) {
      track(1 + i, 'Product Viewed', {
        numbers: { price: 80 },
        strings: { ...strings, product_id: `p${i}` },
      })
    }
    expect(image(4).machines.session).toBe('product')
    const effects = track(5, 'Product Viewed', { numbers: { price: 120 }, strings })
    expect(changes(effects)).toEqual(['segmentEntered active_browsers'])
    const { behaviour, interests } = image(5)
    expect(behaviour).toMatchObject({
      views_1h: 5,
      views_24h: 5,
      views_30d: 5,
      seconds_since_view: 0,
    })
    expect(interests).toMatchObject({ viewed_price_mean: 88, products_viewed: 4 })
    const [category] = interests.top_categories as { value: string; weight: number }[]
    expect(category.value).toBe('Shoes')
    expect(category.weight).toBeCloseTo(5, 2)
    expect(Number(image(5 + 14 * 1440).interests.high_price_interest)).toBeCloseTo(0.5, 6)
  })

  it('follows the cart to its abandonment', () => {
    track(6, 'Product Added', { numbers: { price: 120, quantity: 1 } })
    expect(image(6).machines.session).toBe('cart')
    expect(silence(35)).toEqual([])
    expect(store.nextDue(row)).toBe(START + 36 * MINUTE)
    silence(36)
    expect(image(36).behaviour).toMatchObject({
      session_length_last: 360,
      session_length_mean: 360,
    })
    expect(image(36).lastSeenAt).toBe(new Date(START + 6 * MINUTE).toISOString())
    expect(changes(silence(66))).toEqual([
      'stateChanged session abandoned',
      'segmentEntered cart_abandoners',
    ])
    expect(image(66).segments).toContain('cart_abandoners')
  })

  it('counts the order', () => {
    track(100, 'Checkout Started')
    const effects = track(104, 'Order Completed', {
      numbers: { revenue: 300, discount: 10 },
      products: [
        { id: 'p1', quantity: 2, price: 150 },
        { id: 'p9', price: 0 },
      ],
    })
    expect(changes(effects)).toEqual(
      expect.arrayContaining([
        'stateChanged session purchased',
        'stateChanged lifecycle new',
        'segmentEntered first_time_buyers',
        'segmentEntered high_value',
      ]),
    )
    expect(image(104).segments).toEqual(['active_browsers', 'first_time_buyers', 'high_value'])
    expect(image(104).consumption).toMatchObject({
      orders: 1,
      spend: 300,
      spend_30d: 300,
      average_order_value: 300,
      largest_order: 300,
      items_bought: 2,
      products_bought: 2,
      discounted_share: 1,
      recency_score: 5,
      monetary_score: 3,
    })
    expect(image(104).behaviour).toMatchObject({ sessions: 2, conversion_rate: 0.5 })
  })

  it('goes through a long silence', () => {
    const seen: string[] = []
    for (let day = 1; day <= 185; day++) seen.push(...changes(silence(day * 1440)))
    expect(seen).toEqual([
      'stateChanged session browsing',
      'segmentLeft active_browsers',
      'stateChanged lifecycle at_risk',
      'segmentEntered at_risk',
      'stateChanged lifecycle lost',
      'segmentLeft at_risk',
      'segmentEntered lapsed',
    ])
    expect(image(185 * 1440).consumption).toMatchObject({
      spend_30d: 0,
      spend: 300,
      recency_score: 1,
    })
    expect(store.nextDue(row)).toBe(Number.POSITIVE_INFINITY)
    expect(store.clock(row)).toBeLessThanOrEqual(START + 185 * DAY)
    const members = compiled.segmentNames.filter((_, i) => store.segmentCounts()[i] === 1)
    expect(members).toEqual(image(185 * 1440).segments)
  })

  it('finds the same profile by its key', () => {
    expect(store.findKey(KEY_KIND.anonymous, KEY)).toBe(row)
    expect(store.findKey(KEY_KIND.user, KEY)).toBe(-1)
  })
})
