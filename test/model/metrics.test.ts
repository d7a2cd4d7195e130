import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bestF1 } from '../../src/model/evaluation/threshold.ts'
import { binaryMetrics, rankingMetrics, valueMetrics } from '../../src/model/evaluation/metrics.ts'

const scored = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean()), { minLength: 2, maxLength: 60 })
  .filter((rows) => rows.some(([, label]) => label) && rows.some(([, label]) => !label))
  .map((rows) => ({
    scores: Float32Array.from(rows, ([score]) => score / 20),
    labels: Float32Array.from(rows, ([, label]) => Number(label)),
  }))

test('computes the metrics of a table worked by hand', () => {
  const [a, b, c, d, e] = Float32Array.from([0.9, 0.8, 0.6, 0.4, 0.2])
  const scores = Float32Array.of(a, b, c, d, e)
  const metrics = binaryMetrics(scores, Uint8Array.from([1, 0, 1, 0, 0]), 0.5)
  expect(metrics.accuracy).toBeCloseTo(4 / 5, 12)
  expect(metrics.precision).toBeCloseTo(2 / 3, 12)
  expect(metrics.recall).toBe(1)
  expect(metrics.f1).toBeCloseTo(0.8, 12)
  expect(metrics.rocAuc).toBeCloseTo(5 / 6, 12)
  expect(metrics.prAuc).toBeCloseTo((1 + 2 / 3) / 2, 12)
  const squares = (1 - a) ** 2 + b ** 2 + (1 - c) ** 2 + d ** 2 + e ** 2
  expect(metrics.brier).toBeCloseTo(squares / 5, 12)
  const expected = [a, 1 - b, c, 1 - d, 1 - e].reduce((sum, p) => sum - Math.log(p), 0) / 5
  expect(metrics.logLoss).toBeCloseTo(expected, 12)
  // In single precision 0.9 lies below the border of its bin, so it shares one with 0.8.
  expect(metrics.ece).toBeCloseTo((a - 1 + b + (1 - c) + d + e) / 5, 12)
  expect(metrics.meanScore).toBeCloseTo((a + b + c + d + e) / 5, 12)
})

test('gives a score that is always the same an area of one half', () => {
  const labels = Uint8Array.from([1, 0, 0, 0, 1, 0, 0, 0])
  const { rocAuc, prAuc } = rankingMetrics(new Float32Array(8).fill(0.3), labels)
  expect(rocAuc).toBe(0.5)
  expect(prAuc).toBe(0.25)
})

test('has no ROC area with one class, and no average precision without positives', () => {
  const metrics = binaryMetrics(Float64Array.from([0.1, 0.9]), Uint8Array.from([0, 0]), 0.5)
  expect(metrics.rocAuc).toBeNaN()
  expect(metrics.prAuc).toBeNaN()
  expect(metrics.recall).toBe(0)
})

test('the ROC area is the share of pairs in the right order', () => {
  fc.assert(
    fc.property(scored, ({ scores, labels }) => {
      let wins = 0
      let pairs = 0
      for (let i = 0; i < scores.length; i++) {
        for (let j = 0; j < scores.length; j++) {
          if (labels[i] !== 1 || labels[j] !== 0) continue
          pairs++
          wins += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0
        }
      }
      expect(rankingMetrics(scores, labels).rocAuc).toBeCloseTo(wins / pairs, 10)
    }),
  )
})

test('ranking metrics do not change under a rising function or another order of rows', () => {
  fc.assert(
    fc.property(scored, ({ scores, labels }) => {
      const before = rankingMetrics(scores, labels)
      const bent = rankingMetrics(
        scores.map((score) => score ** 3 * 0.5),
        labels,
      )
      const turned = rankingMetrics(scores.slice().reverse(), labels.slice().reverse())
      for (const after of [bent, turned]) {
        expect(after.rocAuc).toBeCloseTo(before.rocAuc, 10)
        expect(after.prAuc).toBeCloseTo(before.prAuc, 10)
      }
    }),
  )
})

test('turning the scores round turns the ROC area round', () => {
  fc.assert(
    fc.property(scored, ({ scores, labels }) => {
      const { rocAuc } = rankingMetrics(scores, labels)
      expect(
        rankingMetrics(
          scores.map((s) => 1 - s),
          labels,
        ).rocAuc,
      ).toBeCloseTo(1 - rocAuc, 10)
    }),
  )
})

test('no threshold has a better F1 than the best', () => {
  fc.assert(
    fc.property(scored, ({ scores, labels }) => {
      const { threshold: chosen } = bestF1({ scores, labels, weights: null })
      const best = binaryMetrics(scores, labels, chosen).f1
      for (const threshold of scores) {
        expect(binaryMetrics(scores, labels, threshold).f1).toBeLessThanOrEqual(best + 1e-12)
      }
    }),
  )
})

test('computes the metrics of values worked by hand', () => {
  const metrics = valueMetrics(Float64Array.from([1, 2, 4]), Float64Array.from([1, 3, 2]))
  expect(metrics.mae).toBe(1)
  expect(metrics.mse).toBeCloseTo(5 / 3, 12)
  expect(metrics.rmse).toBeCloseTo(Math.sqrt(5 / 3), 12)
  expect(metrics.r2).toBeCloseTo(1 - 5 / 2, 12)
  expect(metrics.pearson).toBeCloseTo(1 / Math.sqrt((14 / 3) * 2), 12)
})
