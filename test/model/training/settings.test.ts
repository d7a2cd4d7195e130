import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parameter, type Learner } from '../../../src/model/learners/learner.ts'
import { decisionTree } from '../../../src/model/learners/trees/tree.ts'
import { LEARNER_NAMES, loadLearner } from '../../../src/model/learners/registry.ts'
import { drawSettings, gridSettings } from '../../../src/model/training/settings.ts'

const withGrids = (grids: readonly { values: readonly number[]; value: number }[]): Learner => ({
  ...decisionTree,
  parameters: Object.fromEntries(
    grids.map(({ values, value }, i) => [`p${i}`, parameter('', value, { grid: values })]),
  ),
})
const drawnGrid = fc
  .uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 })
  .chain((values) =>
    fc.record({ values: fc.constant(values), value: fc.integer({ max: 9, min: 0 }) }),
  )
const drawnGrids = fc.array(drawnGrid, { minLength: 1, maxLength: 4 })

/** All combinations of grids with a choice, the defaults left out, by plain recursion. */
function combinations(learner: Learner): Record<string, number>[] {
  const grids = Object.entries(learner.parameters).filter(([, { grid }]) => grid.length > 1)
  const all = grids.reduce<Record<string, number>[]>(
    (made, [name, { grid }]) =>
      made.flatMap((one) => grid.map((value) => ({ ...one, [name]: value }))),
    [{}],
  )
  return all.filter((one) => grids.some(([name, { value }]) => one[name] !== value))
}

describe('a grid', () => {
  test('is enumerated exactly where there is time for all of it', () => {
    fc.assert(
      fc.property(drawnGrids, fc.nat(), (grids, seed) => {
        const learner = withGrids(grids)
        expect(gridSettings(learner, 256, seed)).toEqual(combinations(learner))
      }),
    )
  })

  test('is tried in part where there is not: different ones, drawn by the seed', () => {
    fc.assert(
      fc.property(drawnGrids, fc.nat(), fc.nat(255), (grids, seed, most) => {
        const learner = withGrids(grids)
        const all = combinations(learner)
        fc.pre(all.length > 0)
        const trials = most % all.length
        const some = gridSettings(learner, trials, seed)
        expect(some).toHaveLength(trials)
        expect(new Set(some.map((one) => JSON.stringify(one))).size).toBe(trials)
        expect(all).toEqual(expect.arrayContaining(some))
        expect(gridSettings(learner, trials, seed)).toEqual(some)
      }),
    )
  })

  test('gives every combination its turn under some seed', () => {
    const learner = withGrids([
      { values: [1, 2, 3], value: 2 },
      { values: [5, 6], value: 5 },
    ])
    const first = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      first.add(JSON.stringify(gridSettings(learner, 1, seed)))
    }
    expect(first.size).toBe(5)
  })
})

test('settings of every learner are allowed, differ, and are drawn by the seed', async () => {
  for (const name of LEARNER_NAMES) {
    const learner = await loadLearner(name)
    for (const settingsOf of [drawSettings, gridSettings]) {
      const settings = settingsOf(learner, 30, 7)
      expect(settings.length).toBeLessThanOrEqual(30)
      expect(settingsOf(learner, 30, 7)).toEqual(settings)
      expect(new Set(settings.map((one) => JSON.stringify(one))).size).toBe(settings.length)
      for (const [key, value] of settings.flatMap((one) => Object.entries(one))) {
        const { min, max, whole } = learner.parameters[key]
        expect(value >= min && value <= max && (!whole || Number.isInteger(value))).toBe(true)
      }
    }
  }
})
