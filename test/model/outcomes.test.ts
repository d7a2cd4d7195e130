import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LABELS, type Label } from '../../src/model/definition.ts'
import { Outcomes, type Moment } from '../../src/model/dataset/outcomes.ts'

interface MadeOutcome extends Moment {
  readonly value: number
}

const person = fc.integer({ min: 0, max: 6 })
/** Few times, so that many are equal. */
const parts = {
  person,
  time: fc.integer({ min: 0, max: 30 }),
  shard: fc.integer({ min: 0, max: 2 }),
  sequence: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(2 ** 40 + 3)),
}
const moment = fc.record(parts)
const outcome = fc.record({ ...parts, value: fc.integer({ min: 1, max: 9 }) })
/** Only to a higher number, so that there is no circle. */
const joins = fc
  .array(fc.tuple(person, person), { maxLength: 4 })
  .map((pairs) => pairs.filter(([from, to]) => from < to))

/** Looks at every outcome. */
function reference(
  outcomes: readonly MadeOutcome[],
  successors: ReadonlyMap<number, number>,
  { at, label, within }: { at: Moment; label: Label; within: number },
): number {
  const rootOf = (of: number): number => {
    const next = successors.get(of)
    return next === undefined ? of : rootOf(next)
  }
  const following = outcomes
    .filter((o) => rootOf(o.person) === rootOf(at.person) && o.time <= at.time + within)
    .filter(
      (o) =>
        o.time > at.time ||
        (o.time === at.time && o.shard === at.shard && o.sequence > at.sequence),
    )
    .toSorted((a, b) => a.time - b.time || a.shard - b.shard || a.sequence - b.sequence)
  switch (label) {
    case 'happens':
      return Number(following.length > 0)
    case 'absent':
      return Number(following.length === 0)
    case 'count':
      return following.length
    case 'sum':
      return following.reduce((sum, { value }) => sum + value, 0)
    case 'next':
      return following[0]?.value ?? Number.NaN
  }
}

describe('Outcomes', () => {
  test.each(LABELS)('%s is what looking at every outcome gives', (label) => {
    fc.assert(
      fc.property(
        fc.array(outcome, { maxLength: 60 }),
        joins,
        fc.array(moment, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 0, max: 12 }),
        (made, pairs, moments, within) => {
          // Equal in time, shard and sequence would be the same record.
          const keys = made.map((o) => `${o.time}-${o.shard}-${o.sequence}`)
          const distinct = made.filter((_, i) => keys.indexOf(keys[i]) === i)
          const outcomes = new Outcomes(label === 'sum' || label === 'next')
          for (const one of distinct) outcomes.add(one, one.value)
          for (const [from, to] of pairs) outcomes.join(from, to)
          outcomes.seal()
          const successors = new Map(pairs)
          for (const at of moments) {
            expect(outcomes.label(at, { label, within })).toBe(
              reference(distinct, successors, { at, label, within }),
            )
          }
        },
      ),
    )
  })

  test('keeps persons apart however many there are', () => {
    const outcomes = new Outcomes(true)
    const count = 60_000
    const personAt = (i: number): number => (i * 7_919 * 2 ** 20 + i) % 2 ** 53
    for (let i = 0; i < count; i++) {
      outcomes.add({ person: personAt(i), time: i, shard: 0, sequence: i }, (i % 100) + 1)
    }
    outcomes.seal()
    for (let i = 0; i < count; i += 37) {
      const at = { person: personAt(i), time: i - 1, shard: 0, sequence: i - 1 }
      expect(outcomes.label(at, { label: 'sum', within: count })).toBe((i % 100) + 1)
    }
  })
})

test('a sum beyond 32-bit floats is no label', () => {
  const outcomes = new Outcomes(true)
  const at = (time: number) => ({ person: 0, time, shard: 0, sequence: time })
  for (const [time, value] of [
    [1, 5],
    [20, 3e38],
    [21, 3e38],
    [40, 1e300],
  ]) {
    outcomes.add(at(time), value)
  }
  outcomes.seal()
  const sumFrom = (time: number) => outcomes.label(at(time), { label: 'sum', within: 10 })
  expect([0, 15, 20, 35, 50].map(sumFrom)).toEqual([
    5,
    Number.NaN,
    Math.fround(3e38),
    Number.NaN,
    0,
  ])
})
