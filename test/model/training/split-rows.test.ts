import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitRows } from '../../../src/model/training/split-rows.ts'

const DAY = 86_400_000
const labels = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => i % 2)

test('holds out the latest rows, and none whose label was not known is fitted on', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 3, max: 60 * DAY }), { minLength: 40, maxLength: 200 }),
      fc.integer({ min: 0, max: 10 * DAY }),
      fc.constantFrom(0, 3),
      (drawn, horizonMs, folds) => {
        const times = Float64Array.from([0, 1, 2, ...drawn, 60 * DAY]).sort()
        const data = { labels: labels(times.length), classes: 2, times, groups: null }
        const split = splitRows(data, { kind: 'time', holdout: 0.25, horizonMs, folds }, 1)
        const holdout = [...(split.holdout ?? [])]
        const held = holdout.map((row) => times[row])
        const from = Math.min(...held)
        for (const row of split.known) expect(times[row] + horizonMs).toBeLessThanOrEqual(from)
        expect(held.every((time) => time >= 45 * DAY)).toBe(true)
        if (folds === 0) {
          const [{ fit, held: checked }] = split.rounds
          const first = times[checked[0]]
          const span = times[split.known.at(-1) ?? 0] - times[0]
          const gap = Math.min(horizonMs, 0.3 * span)
          for (const row of fit) expect(times[row]).toBeLessThanOrEqual(first - gap)
        }
        for (const { fit, held: checked } of split.rounds) {
          const both = [...fit, ...checked]
          expect(new Set(both).size).toBe(both.length)
          expect(both.every((row) => split.known.includes(row))).toBe(true)
        }
        expect(split.facts).toMatchObject({
          fittedRows: split.rounds[0].fit.length,
          holdoutRows: holdout.length,
          validationRows: split.rounds[0].held.length,
        })
      },
    ),
    { numRuns: 60 },
  )
})

test('with folds every row is known and held once', () => {
  const data = { labels: labels(50), classes: 2, times: null, groups: null }
  const { known, holdout, rounds } = splitRows(data, { kind: 'folds', folds: 5 }, 1)
  expect(holdout).toBeNull()
  expect(known).toHaveLength(50)
  expect(rounds.flatMap(({ held }) => [...held]).sort((a, b) => a - b)).toEqual([...known])
})

test('refuses a time split without times, and a history shorter than the gap', () => {
  const data = { labels: labels(50), classes: 2, times: null, groups: null }
  const split = { kind: 'time', holdout: 0.25, horizonMs: 30 * DAY, folds: 0 } as const
  expect(() => splitRows(data, split, 1)).toThrow(
    expect.objectContaining({ code: 'ERR_DATASET_TIME' }) as Error,
  )
  const times = Float64Array.from({ length: 50 }, (_, i) => (i * DAY) / 2)
  expect(() => splitRows({ ...data, times }, split, 1)).toThrow(
    expect.objectContaining({ code: 'ERR_DATASET_EMPTY' }) as Error,
  )
})
