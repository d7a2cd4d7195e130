import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binaryCurves, calibrationBins, wilson } from '../../../src/model/evaluation/curves.ts'
import { bestF1, confusionAt, lowestCost } from '../../../src/model/evaluation/threshold.ts'
import { POINTS_MAX, thin } from '../../../src/model/evaluation/thin.ts'
import { Random } from '../../../src/model/random.ts'
import { plainDecision, plainRocAuc } from './plain-metrics.ts'

const rows = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.constantFrom(0, 1)), {
    minLength: 2,
    maxLength: 40,
  })
  .filter((made) => new Set(made.map(([, label]) => label)).size === 2)
  .map((made) => ({
    scores: Float32Array.from(made, ([score]) => score / 16),
    labels: Float32Array.from(made, ([, label]) => label),
    weights: null,
  }))

function drawn(count: number) {
  const random = new Random(7)
  const scores = Float32Array.from({ length: count }, () => random.next())
  return { scores, labels: scores.map((p) => Number(random.next() < p * p)), weights: null }
}

test('each point of ROC, PR and gain is the decision at its threshold', () => {
  fc.assert(
    fc.property(rows, (made) => {
      const curves = binaryCurves(made)
      expect(curves).not.toBeNull()
      for (const [fpr, tpr, threshold] of curves?.roc ?? []) {
        const { tp, fp, fn, tn } = plainDecision(made.scores, made.labels, threshold)
        expect([fpr, tpr]).toEqual([fp / (fp + tn), tp / (tp + fn)])
      }
      for (const [recall, precision, threshold] of curves?.precisionRecall ?? []) {
        const at = plainDecision(made.scores, made.labels, threshold)
        expect([recall, precision]).toEqual([at.recall, at.precision])
      }
      for (const [share, gain, threshold] of curves?.gain ?? []) {
        const { tp, fp, fn } = plainDecision(made.scores, made.labels, threshold)
        expect([share, gain]).toEqual([(tp + fp) / made.scores.length, tp / (tp + fn)])
      }
    }),
  )
})

test('curves are thinned without losing their area', () => {
  const made = drawn(20_000)
  const roc = binaryCurves(made)?.roc ?? []
  expect(roc.length).toBeLessThanOrEqual(POINTS_MAX)
  expect(roc.length).toBeGreaterThan(POINTS_MAX / 2)
  expect([roc[0].slice(0, 2), roc.at(-1)?.slice(0, 2)]).toEqual([
    [0, 0],
    [1, 1],
  ])
  let area = 0
  for (let i = 1; i < roc.length; i++) {
    area += (roc[i][0] - roc[i - 1][0]) * ((roc[i][1] + roc[i - 1][1]) / 2)
  }
  const some = made.scores.subarray(0, 2_000)
  expect(area).toBeCloseTo(plainRocAuc(some, made.labels.subarray(0, 2_000)), 1)
})

test('thinning keeps the ends, the order and few points', () => {
  const point = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }))
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 60 }), (points) => {
      const kept = thin(points, 10)
      expect(kept.length).toBeLessThanOrEqual(10)
      expect([kept[0], kept.at(-1)]).toEqual([points[0], points.at(-1)])
      let at = -1
      for (const one of kept) {
        const next = points.indexOf(one, at + 1)
        expect(next).toBeGreaterThan(at)
        at = next
      }
    }),
  )
})

test('calibration bins hold equally many rows and never part equal scores', () => {
  const made = drawn(3_000)
  const bins = calibrationBins(made)
  expect(bins.length).toBe(15)
  expect(bins.every(({ rows: n }) => n === 200)).toBe(true)
  for (const { meanScore, low, high } of bins) {
    expect(low).toBeLessThan(meanScore ** 2 + 0.06)
    expect(high).toBeGreaterThan(meanScore ** 2 - 0.06)
  }
  const tied = calibrationBins({ ...made, scores: made.scores.map((p) => (p < 0.6 ? 0.25 : p)) })
  expect(tied[0]).toMatchObject({ meanScore: 0.25 })
  expect(tied.reduce((sum, { rows: n }) => sum + n, 0)).toBe(3_000)
  expect(Math.max(...tied.slice(1).map(({ rows: n }) => n))).toBe(200)
})

test('the interval of a share is that of Wilson', () => {
  // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263 and 0/20.
  const { low, high } = wilson(81 / 263, 263)
  expect([low, high].map((x) => x.toFixed(4))).toEqual(['0.2553', '0.3662'])
  expect(wilson(0, 20).low).toBe(0)
  expect(wilson(0, 20).high).toBeCloseTo(0.1611, 4)
})

test('there are no curves with one class', () => {
  const made = { ...drawn(20), labels: new Float32Array(20) }
  expect(binaryCurves(made)).toBeNull()
})

describe('thresholds', () => {
  test('the best F1 is that of the best score', () => {
    fc.assert(
      fc.property(rows, (made) => {
        const each = [...made.scores].map((at) => plainDecision(made.scores, made.labels, at).f1)
        const { threshold, value } = bestF1(made)
        expect(value).toBeCloseTo(Math.max(...each), 12)
        expect(plainDecision(made.scores, made.labels, threshold).f1).toBeCloseTo(value, 12)
      }),
    )
  })

  test('the lowest cost is that of the best score, or of never saying yes', () => {
    const cost = fc.integer({ min: -5, max: 20 })
    fc.assert(
      fc.property(rows, cost, cost, cost, (made, truePositive, falsePositive, falseNegative) => {
        const costs = { truePositive, falsePositive, falseNegative, trueNegative: 0 }
        const costAt = (at: number) => {
          const { tp, fp, fn } = plainDecision(made.scores, made.labels, at)
          return (tp * truePositive + fp * falsePositive + fn * falseNegative) / made.scores.length
        }
        const { threshold, value } = lowestCost(made, costs)
        const least = Math.min(...[...made.scores, 2].map(costAt))
        expect(value).toBeCloseTo(least, 12)
        expect(costAt(threshold)).toBeCloseTo(least, 12)
      }),
    )
  })

  test('the confusion matrix counts', () => {
    fc.assert(
      fc.property(rows, (made) => {
        const { tp, fp, fn, tn } = plainDecision(made.scores, made.labels, 0.5)
        expect(confusionAt(made, 0.5)).toEqual({
          truePositive: tp,
          falsePositive: fp,
          falseNegative: fn,
          trueNegative: tn,
        })
      }),
    )
  })
})
