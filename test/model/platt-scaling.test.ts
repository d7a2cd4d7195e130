import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fitSigmoid } from '../../src/model/learners/svm/fit-sigmoid.ts'
import { probability } from '../../src/model/learners/svm/sigmoid.ts'
import { fitPlattLine, plattTargets } from '../../src/model/calibration/platt-scaling.ts'
import { sigmoid } from '../../src/model/calibration/platt.ts'
import { sum } from './evaluation/plain-metrics.ts'

const row = fc.record({
  score: fc.integer({ min: -30, max: 30 }).map((x) => x / 10),
  positive: fc.boolean(),
  weight: fc.integer({ min: 1, max: 8 }).map((x) => x / 2),
})
const rows = fc.array(row, { minLength: 2, maxLength: 60 })

function problemOf(made: readonly { score: number; positive: boolean; weight: number }[]) {
  const of = (wanted: boolean) =>
    sum(made.filter(({ positive }) => positive === wanted).map(({ weight }) => weight))
  const { yes, no } = plattTargets(of(true), of(false))
  return {
    scores: Float64Array.from(made, ({ score }) => score),
    targets: Float64Array.from(made, ({ positive }) => (positive ? yes : no)),
    weights: Float64Array.from(made, ({ weight }) => weight),
  }
}

test('the line is where the cross-entropy has no slope, wherever it starts', () => {
  const starts = fc.record({
    slope: fc.double({ min: -3, max: 3, noNaN: true }),
    intercept: fc.double({ min: -3, max: 3, noNaN: true }),
  })
  fc.assert(
    fc.property(rows, starts, (made, start) => {
      fc.pre(new Set(made.map(({ score }) => score)).size > 1)
      const { scores, targets, weights } = problemOf(made)
      const line = fitPlattLine({ scores, targets, weights }, { start, gradientMin: 1e-8 })
      const off = scores.map((score, i) => {
        return weights[i] * (sigmoid(line.slope * score + line.intercept) - targets[i])
      })
      expect(sum(off)).toBeCloseTo(0, 5)
      expect(sum(off.map((x, i) => x * scores[i]))).toBeCloseTo(0, 5)
    }),
  )
})

test('the sigmoid of a support vector machine is the same line', () => {
  fc.assert(
    fc.property(rows, (made) => {
      fc.pre(new Set(made.map(({ score }) => score)).size > 1)
      const { scores, targets, weights } = problemOf(made)
      const positive = made.map((one) => one.positive)
      const own = fitSigmoid(scores, positive, weights)
      const start = { slope: 0, intercept: 0 }
      const line = fitPlattLine({ scores, targets, weights }, { start, gradientMin: 1e-8 })
      for (const score of scores) {
        const p = sigmoid(line.slope * score + line.intercept)
        expect(probability(own, score)).toBeCloseTo(p, 5)
      }
    }),
  )
})
