import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEY_KIND } from '../../src/event/record.ts'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { compileDefinition } from '../../src/profile/compile.ts'
import type { ProfileDefinition, TraitDefinition } from '../../src/profile/definition.ts'
import { featureNames, writeFeatures } from '../../src/profile/feature-vector.ts'
import { DueIndex } from '../../src/profile/due-index.ts'
import { Fold } from '../../src/profile/fold.ts'
import { profileText } from '../../src/profile/read.ts'
import { PageCodec } from '../../src/profile/page-codec.ts'
import { ProfileStore } from '../../src/profile/store.ts'
import { recordOf, timerRecord } from './made-events.ts'
import type { MadeEvent } from './made-events.ts'
import { profileDifferences, profileOf } from './expected-profile.ts'
import { ReferenceProfile } from './reference.ts'
import { referenceFeatures, referenceText } from './reference-text.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 5, 11, 55)
const RUNS = { numRuns: 200 }
const KEYS = ['a', 'b', 'c']

const part = 'behaviour'
const windows: Record<string, Pick<TraitDefinition, 'window' | 'resolution'>> = {
  '1h': { window: '1h' },
  '3h': { window: '3h', resolution: '30m' },
  '24h': { window: '24h' },
  '7d': { window: '7d' },
  '30d': { window: '30d' },
  ever: {},
}
const traits: Record<string, TraitDefinition> = {}
for (const [suffix, window] of Object.entries(windows)) {
  traits[`count_${suffix}`] = {
    part,
    op: 'count',
    on: ['Product Viewed', 'Custom Thing'],
    ...window,
  }
  for (const op of ['sum', 'mean', 'min', 'max'] as const) {
    traits[`${op}_${suffix}`] = { part, op, on: 'Product Viewed', value: 'price', ...window }
  }
}
Object.assign(traits, {
  decayed_count: { part, op: 'count', on: 'track', halfLife: '6h' },
  decayed_sum: { part, op: 'sum', on: '*', value: 'price', halfLife: '2d' },
  first_number: { part, op: 'first', on: '*', value: 'price' },
  last_number: { part, op: 'last', on: '*', value: 'price' },
  first_text: { part, op: 'first', on: '*', value: 'category', text: true },
  last_text: { part, op: 'last', on: '*', value: 'category', text: true },
  last_of_signal: { part, op: 'last', on: 'Session Started', value: 'category', text: true },
  colour: { part, op: 'last', on: 'track', value: 'properties.colour', text: true },
  since_any: { part, op: 'since', on: '*' },
  since_view: { part, op: 'since', on: 'Product Viewed' },
  distinct: { part, op: 'distinct', on: '*', value: 'category', limit: 3 },
  bought: { part, op: 'distinct', on: 'Order Completed', value: 'products.product_id' },
  quantity: { part, op: 'sum', on: 'Order Completed', value: 'products.quantity', window: '7d' },
  spend: { part, op: 'sum', on: 'Order Completed', value: 'coalesce(revenue, total)' },
  orders: { part, op: 'count', on: 'Order Completed' },
  top: { part, op: 'top', on: '*', value: 'category', k: 2, halfLife: '1d' },
  dear: { part, op: 'count', on: '*', where: "price >= 10 and category != 'x'", window: '24h' },
  per_order: { part, op: 'ratio', numerator: 'spend', denominator: 'orders' },
  view_rate: { part, op: 'ratio', numerator: 'dear', denominator: 'count_24h' },
  recency: { part, op: 'formula', formula: 'coalesce(3 - band(since_view, 1h, 1d), 0)' },
  gold: {
    part,
    op: 'formula',
    formula: "coalesce(traits.plan == 'gold' and machine.visit == 'hot', false)",
  },
  sessions: { part, op: 'count', on: 'Session Started', window: '7d' },
  session_length: { part, op: 'mean', on: 'Session Ended', value: 'value' },
  session_events: { part, op: 'last', on: 'Session Ended', value: 'position' },
  session_sizes: { part, op: 'distinct', on: ['Session Ended'], value: 'position' },
  ends_24h: { part, op: 'count', on: 'Session Ended', window: '24h' },
  last_of_both: {
    part,
    op: 'last',
    on: ['Session Ended', 'track'],
    value: 'coalesce(price, position)',
  },
  pages: { part, op: 'count', on: 'page' },
  last_steps: { part, op: 'recent', on: '*', k: 4, value: 'price' },
  last_dear: { part, op: 'recent', on: 'track', k: 1, where: 'price >= 10', bots: true },
  last_visits: {
    part,
    op: 'recent',
    on: ['Session Started', 'Session Ended', 'Custom Thing', 'identify'],
    value: 'value',
    k: 3,
  },
  seen_by_bots: { part, op: 'count', on: '*', bots: true, window: '24h' },
} satisfies Record<string, TraitDefinition>)

const definition: ProfileDefinition = {
  traits,
  segments: {
    no_orders: { when: 'orders == 0' },
    busy: { when: 'count_24h >= 2' },
    spender: { when: 'sum_3h > 50.1 or max_7d >= 90' },
    gone: { when: 'since_any > 1h' },
    here: { when: 'since_any <= 1800' },
    keen: { when: 'decayed_count >= 1.2345' },
    dear: { when: 'view_rate > 0.4' },
    hot: { when: "machine.visit == 'hot' and count_1h > 0" },
    plan: { when: "traits.plan == 'gold'" },
    gold: { when: 'gold' },
    recent: { when: 'recency >= 2' },
    fond: { when: "tag('top', 'x') >= 0.71 or gold and tag('top', 'hats') < 1.3" },
    eager: { when: 'top > 1.21' },
    crawled: { when: 'seen_by_bots >= 4' },
    several: { when: 'sessions >= 2 and count_30d == 3' },
  },
  machines: {
    visit: {
      id: 'visit',
      initial: 'cold',
      states: {
        cold: { on: { 'Product Viewed': 'warm', 'Custom Thing': 'hot' } },
        warm: {
          on: {
            'Product Viewed': [
              { target: 'hot', guard: 'count_24h >= 3' },
              { target: 'warm', reenter: true },
            ],
            'Session Ended': 'cold',
          },
          after: { '20m': { target: 'hot', guard: 'sum_1h > 60.1' }, '2h': 'cold' },
        },
        hot: {
          on: { 'Order Completed': { target: 'cold', guard: 'revenue > 5' } },
          after: { '3d': 'cold' },
        },
      },
    },
  },
}
const compiled = compileDefinition(definition)
const FEATURES = featureNames(compiled).length

/** Time is looked at: changes are journalled as of the look, or as of the instant of the change. */
type Look = { advanceTo: number; asOfChange: boolean }
type Step = { event: MadeEvent } | Look

const gap = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => n * MINUTE) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 3 * HOUR }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 60 }).map((n) => n * HOUR) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 50 * DAY }) },
)
const cents = fc.integer({ min: 0, max: 400 }).map((n) => n / 4)
const category = fc.constantFrom('x', 'shoes', 'hats', 'ties', 'äö', '')
const content: fc.Arbitrary<Omit<MadeEvent, 'key' | 'time'>> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record(
      {
        type: fc.constant('track' as const),
        name: fc.constantFrom('Product Viewed', 'Product Viewed', 'Custom Thing', 'Other Thing'),
        numbers: fc.record({ price: cents }, { requiredKeys: [] }),
        strings: fc.record({ category }, { requiredKeys: [] }),
        properties: fc.record({ colour: fc.constantFrom('red', 'blue') }, { requiredKeys: [] }),
        bot: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      },
      { requiredKeys: ['type', 'name', 'numbers'] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('track' as const),
      name: fc.constant('Order Completed'),
      numbers: fc.record({ revenue: cents, total: cents }, { requiredKeys: [] }),
      products: fc.array(
        fc.record(
          { quantity: fc.integer({ min: 1, max: 3 }), id: fc.constantFrom('p', 'q', 'r') },
          { requiredKeys: [] },
        ),
        { maxLength: 3 },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('page' as const),
      numbers: fc.record({ price: cents }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('identify' as const),
      traits: fc.record(
        {
          plan: fc.constantFrom('gold', 'free', null),
          age: fc.nat(90),
          home: fc.record({ city: fc.constantFrom('Bern', null) }, { requiredKeys: [] }),
        },
        { requiredKeys: [] },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('group' as const),
      strings: fc.record({ group_id: fc.constantFrom('g1', 'g2', 'g3') }),
    }),
  },
)

/** Streams in order of arrival: time goes on, some events are late, between them time is looked at. */
const stream: fc.Arbitrary<Step[]> = fc
  .array(
    fc.record({
      key: fc.constantFrom(...KEYS),
      gap,
      late: fc.nat(5),
      silent: fc.nat(4),
      asOfChange: fc.boolean(),
      content,
    }),
    { maxLength: 40 },
  )
  .map((drawn) => {
    let wall = START
    return drawn.map((one): Step => {
      if (one.silent === 0) return { advanceTo: wall + one.gap, asOfChange: one.asOfChange }
      const late = one.late === 0
      if (!late) wall += one.gap
      return { event: { ...one.content, key: one.key, time: late ? wall - one.gap : wall } }
    })
  })

/** One event of a stream comes some hundred times: more than a byte counts, or nearly. */
const bursts: fc.Arbitrary<Step[]> = fc
  .tuple(stream, fc.nat(), fc.integer({ min: 250, max: 600 }))
  .map(([steps, at, times]) =>
    steps.flatMap((step, i) => {
      return i === at % steps.length && 'event' in step
        ? Array.from({ length: times }, () => step)
        : [step]
    }),
  )

class Subject {
  readonly store = new ProfileStore(compiled)
  readonly fold = new Fold(compiled, this.store)
  private readonly dues = new DueIndex(this.store)
  private readonly cursor = new RecordCursor()

  /** The index of due instants finds what looking at every row finds; call before firing them. */
  expectDue(now: number): void {
    const found: number[] = []
    this.dues.collect(now, found, KEYS.length)
    const rows = Array.from({ length: this.store.size }, (_, row) => row)
    expect(found).toEqual(rows.filter((row) => this.store.nextDue(row) <= now))
  }

  apply(bytes: Uint8Array): number {
    const row = this.store.ensureRecord(this.cursor.over(bytes).at(0))
    this.fold.apply(row, this.cursor)
    return row
  }

  /** Fires what is due by then; gives when each row is due next. */
  advanceAll(now: number): number[] {
    return Array.from({ length: this.store.size }, (_, row) => {
      this.fold.advance(row, now)
      return this.store.nextDue(row)
    })
  }

  /** Of profile `a`: what does not depend on the order of arrival. */
  decidedByTime(): unknown {
    const row = this.store.findKey(KEY_KIND.anonymous, 'a')
    if (row < 0) return null
    const all = JSON.parse(profileText(this.store, row, START, '0:0')) as Record<string, object>
    const { firstSeenAt, lastSeenAt, attributes, social } = all
    const own = all.behaviour as Record<string, unknown>
    const names = ['first_number', 'last_number', 'first_text', 'last_text', 'colour', 'pages']
    const values = names.map((name) => own[name])
    return { firstSeenAt, lastSeenAt, attributes, social, values }
  }

  /** All of all profiles as text, and their features. */
  image(now: number): string {
    const parts: string[] = []
    const features = new Float32Array(FEATURES)
    for (const key of KEYS) {
      const row = this.store.findKey(KEY_KIND.anonymous, key)
      if (row < 0) continue
      writeFeatures(this.store, row, now, features, 0)
      parts.push(profileText(this.store, row, now, '0:0'))
      parts.push(String(new Uint32Array(features.buffer.slice(0))))
    }
    return parts.join('\n')
  }

  /** The pages' bytes but for when a row is due, which silent firing may move on. */
  bytes(): string {
    const copy = new ProfileStore(compiled)
    copyPages(this.store, copy)
    for (let row = 0; row < copy.size; row++) {
      copy.at(row)
      copy.page.f64[copy.o8 + compiled.columns.nextDue.index] = 0
    }
    return copy.pageCount === 0 ? '' : Buffer.from(new PageCodec(copy).encode(0)).toString('base64')
  }
}

function copyPages(from: ProfileStore, to: ProfileStore): void {
  const [source, target] = [new PageCodec(from), new PageCodec(to)]
  for (let page = 0; page < from.pageCount; page++) target.decode(page, source.encode(page))
}

/** Runs a stream as a shard does; returns the journal. */
function run(steps: readonly Step[], subject: Subject, see?: Observer): Uint8Array[] {
  const journal: Uint8Array[] = []
  for (const step of steps) {
    if ('event' in step) {
      const bytes = recordOf(step.event)
      journal.push(bytes)
      const row = subject.apply(bytes)
      see?.event?.(step.event, row)
      continue
    }
    subject.expectDue(step.advanceTo)
    for (const key of KEYS) {
      const row = subject.store.findKey(KEY_KIND.anonymous, key)
      if (row < 0) continue
      const changed = subject.fold.advance(row, step.advanceTo)
      see?.advanced?.(key, row, step.advanceTo, changed)
      if (!changed) continue
      const at = step.asOfChange ? subject.store.clock(row) : step.advanceTo
      const bytes = timerRecord(key, at, step.advanceTo + 1)
      journal.push(bytes)
      subject.apply(bytes)
      see?.timer?.(key, row, at)
    }
  }
  return journal
}

interface Observer {
  event?(event: MadeEvent, row: number): void
  advanced?(key: string, row: number, now: number, changed: boolean): void
  timer?(key: string, row: number, now: number): void
}

/** The whole profile as of an instant, against its definition. */
function compare(subject: Subject, row: number, reference: ReferenceProfile, now: number): void {
  const found = JSON.parse(profileText(subject.store, row, now, '0:0')) as object
  const wanted = profileOf(reference.asOf(now), definition, now)
  expect(profileDifferences(found, wanted)).toEqual([])
}

function compareSegments(
  subject: Subject,
  row: number,
  reference: ReferenceProfile,
  now: number,
): void {
  const wanted = compiled.segmentNames.filter((name) => reference.isInSegment(name, now))
  const found = compiled.segmentNames.filter((_, i) => subject.store.inSegment(row, i))
  expect(found).toEqual(wanted)
  const machines = JSON.parse(profileText(subject.store, row, now, '0:0', 'machines')) as object
  expect(machines).toMatchObject({ machines: reference.states })
}

describe('the fold', () => {
  it('reads all traits at once as their readers give them one by one, bit for bit', () => {
    const later = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 * DAY }))
    fc.assert(
      fc.property(stream, later, (steps, ahead) => {
        const subject = new Subject()
        run(steps, subject)
        const { store } = subject
        const features = new Float32Array(FEATURES)
        for (let row = 0; row < store.size; row++) {
          const now = store.clock(row) + ahead
          // The readers know the row as it is, so what falls due by then is fired first.
          subject.fold.advance(row, now)
          for (const scope of ['all', 'traits', 'segments', 'machines'] as const) {
            const text = profileText(store, row, now, '1:23', scope)
            expect(text).toBe(referenceText(store, row, now, '1:23', scope))
          }
          writeFeatures(store, row, now, features, 0)
          expect([...features]).toEqual(referenceFeatures(store, row, now))
        }
      }),
      RUNS,
    )
  })

  it('agrees with the definition of every trait, state and segment', () => {
    const property = fc.property(stream, gap, (steps, later) => {
      const subject = new Subject()
      const references = new Map(KEYS.map((key) => [key, new ReferenceProfile(definition)]))
      const of = (key: string): ReferenceProfile =>
        references.get(key) ?? new ReferenceProfile(definition)
      run(steps, subject, {
        event(event, row) {
          const reference = of(event.key)
          reference.apply(event)
          expect(subject.store.clock(row)).toBe(reference.clock)
          compare(subject, row, reference, reference.clock)
          compareSegments(subject, row, reference, reference.clock)
        },
        advanced(key, row, now, changed) {
          const reference = of(key)
          if (!changed) expect(reference.advance(now)).toBe(false)
          else reference.advance(now)
          compareSegments(subject, row, reference, Math.max(now, reference.clock))
        },
        timer(key, row, now) {
          of(key).timer(now)
          compareSegments(subject, row, of(key), Math.max(now, of(key).clock))
          compare(subject, row, of(key), of(key).clock + later)
        },
      })
      subject.store.segmentCounts().forEach((count, segment) => {
        let members = 0
        for (let row = 0; row < subject.store.size; row++)
          if (subject.store.inSegment(row, segment)) members++
        expect(count).toBe(members)
      })
    })
    fc.assert(property, RUNS)
  })

  it('counts a burst exactly, also through a checkpoint and a reset', () => {
    const property = fc.property(bursts, gap, (steps, later) => {
      const subject = new Subject()
      const references = new Map(KEYS.map((key) => [key, new ReferenceProfile(definition)]))
      const journal = run(steps, subject, {
        event: (event) => references.get(event.key)?.apply(event),
        timer: (key, _, at) => references.get(key)?.timer(at),
      })
      const copy = new Subject()
      copy.store.importDictionary(subject.store.exportDictionary(0))
      copyPages(subject.store, copy.store)
      for (const [key, reference] of references) {
        const row = subject.store.findKey(KEY_KIND.anonymous, key)
        if (row < 0) continue
        compare(subject, row, reference, reference.clock + later)
        compare(copy, row, reference, reference.clock + later)
      }
      expect(copy.bytes()).toBe(subject.bytes())
      const before = subject.image(START + later)
      for (let row = 0; row < subject.store.size; row++) subject.store.reset(row)
      for (const bytes of journal) subject.apply(bytes)
      expect(subject.image(START + later)).toBe(before)
    })
    fc.assert(property, { numRuns: 25 })
  })

  it('leaves no trace where firing has no effect', () => {
    const property = fc.property(stream, (steps) => {
      const looked = new Subject()
      const journal = run(steps, looked)
      const quiet = new Subject()
      for (const bytes of journal) quiet.apply(bytes)
      expect(looked.bytes()).toBe(quiet.bytes())
    })
    fc.assert(property, RUNS)
  })

  it('gives the same whenever it was looked at, if what that changed is journalled', () => {
    const property = fc.property(stream, fc.array(gap, { maxLength: 4 }), (steps, gaps) => {
      const looked = new Subject()
      const journal = run(steps, looked)
      const quiet = new Subject()
      for (const bytes of journal) quiet.apply(bytes)
      // What was looked at without effect is not due again, so both go on from the last look.
      const instants = steps.map((step) => ('event' in step ? step.event.time : step.advanceTo))
      let now = Math.max(START, ...instants)
      for (const later of gaps) {
        now += later
        expect(looked.image(now)).toBe(quiet.image(now))
        expect([...looked.advanceAll(now)]).toEqual([...quiet.advanceAll(now)])
        expect(looked.bytes()).toBe(quiet.bytes())
      }
    })
    fc.assert(property, RUNS)
  })

  it('reads at an instant what a copy says that was advanced to it', () => {
    const property = fc.property(stream, fc.array(gap, { maxLength: 4 }), (steps, gaps) => {
      const journal = run(steps, new Subject())
      const live = new Subject()
      for (const bytes of journal) live.apply(bytes)
      let now = START
      for (const later of gaps) {
        now += later
        const copy = new Subject()
        for (const bytes of journal) copy.apply(bytes)
        copy.advanceAll(now)
        expect(live.image(now)).toBe(copy.image(now))
      }
    })
    fc.assert(property, RUNS)
  })

  it('keeps what event times decide, in whichever order events come', () => {
    const timed = fc.uniqueArray(fc.tuple(gap, content), { selector: ([time]) => time })
    const property = fc.property(timed, fc.infiniteStream(fc.nat()), (drawn, random) => {
      const inOrder = drawn.map(([at, one]) => ({ ...one, key: 'a', time: START + at }))
      const shuffled = inOrder
        .map((event) => ({ event, at: Number(random.next().value) }))
        .sort((a, b) => a.at - b.at)
      const [one, other] = [new Subject(), new Subject()]
      for (const event of inOrder) one.apply(recordOf(event))
      for (const { event } of shuffled) other.apply(recordOf(event))
      expect(one.decidedByTime()).toEqual(other.decidedByTime())
    })
    fc.assert(property, RUNS)
  })

  it('does not change anything by reading', () => {
    const property = fc.property(stream, gap, (steps, later) => {
      const read = new Subject()
      const journal = run(steps, read, {
        event(event, row) {
          const due = read.store.nextDue(row)
          const members = [...read.store.segmentCounts()]
          read.image(event.time + later)
          read.image(event.time + 40 * DAY)
          expect(read.store.nextDue(row)).toBe(due)
          expect([...read.store.segmentCounts()]).toEqual(members)
        },
      })
      const unread = new Subject()
      for (const bytes of journal) unread.apply(bytes)
      expect(read.bytes()).toBe(unread.bytes())
      const before = read.bytes()
      read.image(START + 400 * DAY)
      expect(read.bytes()).toBe(before)
    })
    fc.assert(property, RUNS)
  })

  it('goes on from a checkpoint as if there had been none', () => {
    const property = fc.property(stream, fc.nat(40), gap, (steps, cut, later) => {
      const journal = run(steps, new Subject())
      const whole = new Subject()
      for (const bytes of journal) whole.apply(bytes)
      const before = new Subject()
      for (const bytes of journal.slice(0, cut)) before.apply(bytes)
      const after = new Subject()
      after.store.importDictionary(before.store.exportDictionary(0))
      copyPages(before.store, after.store)
      expect([...after.store.segmentCounts()]).toEqual([...before.store.segmentCounts()])
      for (const bytes of journal.slice(cut)) after.apply(bytes)
      const now = START + later
      expect(after.image(now)).toBe(whole.image(now))
      expect(after.bytes()).toBe(whole.bytes())
      expect([...after.store.segmentCounts()]).toEqual([...whole.store.segmentCounts()])
    })
    fc.assert(property, RUNS)
  })

  it('folds anew after a reset as on a new profile', () => {
    const property = fc.property(stream, (steps) => {
      const subject = new Subject()
      const journal = run(steps, subject)
      for (let row = 0; row < subject.store.size; row++) subject.store.reset(row)
      expect(subject.store.segmentCounts().every((count) => count === 0)).toBe(true)
      for (const bytes of journal) subject.apply(bytes)
      const fresh = new Subject()
      for (const bytes of journal) fresh.apply(bytes)
      expect(subject.image(START)).toBe(fresh.image(START))
      expect([...subject.store.segmentCounts()]).toEqual([...fresh.store.segmentCounts()])
    })
    fc.assert(property, RUNS)
  })
})
