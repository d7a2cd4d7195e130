import { describe, expect, it } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { KEY_KIND } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import { Fold } from '../../src/profile/fold.ts'
import { profileText } from '../../src/profile/read.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { profileDifferences, profileExpecter } from './expected-profile.ts'
import { recordOf, timerRecord } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'

const DAY = 86_400_000
const MINUTE = 60_000
const TODAY = Date.UTC(2026, 5, 1, 10)
const LONG_AGO = TODAY - 399 * DAY
const KEY = 'shopper'

const { definition } = loadProfileConfig('config/profile.yaml')
const compiled = compileDefinition(definition)
const expectedProfile = profileExpecter(definition)

interface Image {
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly attributes: Record<string, unknown>
  readonly behaviour: Record<string, unknown>
  readonly consumption: Record<string, unknown>
  readonly machines: Record<string, string>
}

interface Folded {
  readonly image: (at: number) => Image
  readonly store: ProfileStore
}

function folded(records: readonly Uint8Array[]): Folded {
  const store = new ProfileStore(compiled)
  const fold = new Fold(compiled, store)
  const cursor = new RecordCursor()
  for (const bytes of records) {
    fold.apply(store.ensureRecord(cursor.over(bytes).at(0)), cursor)
  }
  const row = store.findKey(KEY_KIND.anonymous, KEY)
  return { store, image: (at) => JSON.parse(profileText(store, row, at, '0:0')) as Image }
}

const byArrival = (records: readonly Uint8Array[]): Uint8Array[] => {
  const arrival = (bytes: Uint8Array): number => new RecordCursor().over(bytes).at(0).arrivalTime
  return records.toSorted((a, b) => arrival(a) - arrival(b))
}

const event = (time: number, more: Partial<MadeEvent>): Uint8Array =>
  recordOf({ key: KEY, type: 'track', time, ...more })

/** A login and a visit today, as they are folded live. */
const today = [
  event(TODAY, { type: 'page', strings: { country: 'CH', campaign_source: 'letter' } }),
  event(TODAY + MINUTE, {
    type: 'identify',
    traits: { plan: 'gold', nickname: null },
    strings: { country: 'CH' },
  }),
]
/** History that an import brings afterwards: its arrival is its event time. */
const history = [
  event(LONG_AGO, {
    type: 'identify',
    traits: { plan: 'free', nickname: 'Vi', email: 'v@example.test' },
    strings: { country: 'AT', campaign_source: 'search', locale: 'de-AT' },
  }),
  event(LONG_AGO + DAY, {
    name: 'Order Completed',
    numbers: { revenue: 40 },
    strings: { country: 'AT', payment_method: 'invoice' },
  }),
]

describe('history that comes after today', () => {
  const live = folded([...today, ...history]).image(TODAY + 2 * MINUTE)

  it('does not overwrite attributes, and sets those that nobody has told yet', () => {
    expect(live.attributes).toMatchObject({ plan: 'gold', email: 'v@example.test' })
    expect(live.attributes).not.toHaveProperty('nickname')
    expect(live.attributes).toMatchObject({ last_country: 'CH', last_locale: 'de-AT' })
    expect(live.consumption).toMatchObject({ last_payment_method: 'invoice' })
  })

  it('is the first that was seen of a shopper, and not the last', () => {
    expect(live.firstSeenAt).toBe(new Date(LONG_AGO).toISOString())
    expect(live.lastSeenAt).toBe(new Date(TODAY + MINUTE).toISOString())
    expect(live.attributes).toMatchObject({ first_country: 'AT', first_campaign_source: 'search' })
  })

  it('is one profile, folded again in order of arrival, by time travel and by definition', () => {
    const at = TODAY + 2 * MINUTE
    const again = folded([...today, ...history])
    again.store.reset(0)
    const fold = new Fold(compiled, again.store)
    const records = byArrival([...today, ...history])
    for (const bytes of records) fold.apply(0, new RecordCursor().over(bytes).at(0))
    const travelled = folded(records)
    expect(again.image(at)).toEqual(travelled.image(at))
    expect(again.image(at).machines).toEqual({ session: 'browsing', lifecycle: 'lost' })
    expect(again.image(at).behaviour).toMatchObject({ sessions: 3, events: 4 })
    const expected = expectedProfile([...today, ...history], at)
    expect(profileDifferences(again.image(at), expected)).toEqual([])
  })

  it('leaves nothing to the order for what event times decide', () => {
    const inOrder = folded([...history, ...today]).image(TODAY + 2 * MINUTE)
    for (const part of ['attributes', 'firstSeenAt', 'lastSeenAt'] as const) {
      expect(live[part]).toEqual(inOrder[part])
    }
    expect(Object.keys(live.attributes)).toEqual(Object.keys(inOrder.attributes))
  })
})

describe('a late login', () => {
  it('does not take the place of newer attributes', () => {
    const late = event(TODAY - MINUTE, {
      type: 'identify',
      arrival: TODAY + 3 * MINUTE,
      traits: { plan: 'free', size: 'M' },
    })
    const { attributes } = folded([...today, late]).image(TODAY + 4 * MINUTE)
    expect(attributes).toMatchObject({ plan: 'gold', size: 'M' })
  })
})

describe('the last sign of life', () => {
  it('is the newest event of a person, though a crawler or a timer moved the clock beyond it', () => {
    const { image } = folded([
      event(TODAY, { name: 'Product Viewed' }),
      event(TODAY + 9 * MINUTE, { name: 'Product Viewed', bot: true }),
      event(TODAY + 5 * MINUTE, { name: 'Product Viewed' }),
    ])
    expect(image(TODAY + 10 * MINUTE).lastSeenAt).toBe(new Date(TODAY + 5 * MINUTE).toISOString())
    expect(image(TODAY + 34 * MINUTE).behaviour).toMatchObject({ session_length_last: null })
    expect(image(TODAY + 35 * MINUTE).behaviour).toMatchObject({ session_length_last: 300 })
  })
})

describe('a timer record', () => {
  it('fires what was due at its instant, however late it was written', () => {
    const end = TODAY + 31 * MINUTE
    const records = [...today, timerRecord(KEY, end, end + 9 * DAY)]
    const { store, image } = folded(records)
    expect(store.clock(0)).toBe(end)
    expect(image(end).behaviour).toMatchObject({ session_length_last: 60 })
    // One minute is not late after it.
    const next = folded([...records, event(end + MINUTE, { type: 'page' })])
    expect(next.image(end + MINUTE).behaviour).toMatchObject({ sessions: 2 })
  })
})
