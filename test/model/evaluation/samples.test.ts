import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binarySample } from '../../../src/model/evaluation/binary-sample.ts'
import { measure } from '../../../src/model/evaluation/bootstrap.ts'
import { multiclassSample } from '../../../src/model/evaluation/multiclass-sample.ts'
import { rankScores } from '../../../src/model/evaluation/ranking.ts'
import { countSample } from '../../../src/model/evaluation/value-sample.ts'
import {
  mean,
  plainDecision,
  plainEce,
  plainLogLoss,
  plainPearson,
  plainPrAuc,
  plainRanks,
  plainRocAuc,
  repeatRows,
  sum,
} from './plain-metrics.ts'

const score = fc.integer({ min: 0, max: 20 }).map((n) => Math.fround(n / 20))
const scored = fc
  .array(fc.tuple(score, fc.constantFrom(0, 1), fc.integer({ min: 1, max: 4 })), {
    minLength: 2,
    maxLength: 50,
  })
  .filter((rows) => new Set(rows.map(([, label]) => label)).size === 2)
  .map((rows) => ({
    scores: Float32Array.from(rows, (row) => row[0]),
    labels: Float32Array.from(rows, (row) => row[1]),
    weights: Float32Array.from(rows, (row) => row[2]),
  }))
const threshold = score

function close(found: Record<string, number | null>, expected: Record<string, number>): void {
  for (const [name, value] of Object.entries(expected)) {
    if (Number.isNaN(value)) expect(found[name], name).toBeNull()
    else expect(found[name], name).toBeCloseTo(value, 9)
  }
}

describe('binary', () => {
  test('metrics are their definitions', () => {
    fc.assert(
      fc.property(scored, threshold, ({ scores, labels }, at) => {
        const { accuracy, precision, recall, f1 } = plainDecision(scores, labels, at)
        close(measure(binarySample({ scores, labels, weights: null, threshold: at })), {
          accuracy,
          precision,
          recall,
          f1,
          rocAuc: plainRocAuc(scores, labels),
          prAuc: plainPrAuc(scores, labels),
          logLoss: plainLogLoss(scores, labels),
          brier: mean(Array.from(scores, (p, i) => (p - labels[i]) ** 2)),
          ece: plainEce(scores, labels),
        })
      }),
    )
  })

  test('a row of weight n counts as n rows', () => {
    fc.assert(
      fc.property(scored, threshold, ({ scores, labels, weights }, at) => {
        const weighted = measure(binarySample({ scores, labels, weights, threshold: at }))
        const repeated = binarySample({
          scores: repeatRows(scores, weights),
          labels: repeatRows(labels, weights),
          weights: null,
          threshold: at,
        })
        close(weighted, measure(repeated) as Record<string, number>)
      }),
    )
  })

  test('areas do not exist with one class', () => {
    const rows = { scores: Float32Array.of(0.1, 0.4), labels: Float32Array.of(0, 0), weights: null }
    const found = measure(binarySample({ ...rows, threshold: 0.5 }))
    expect(found).toMatchObject({ rocAuc: null, prAuc: null, precision: 0, recall: 0, accuracy: 1 })
  })
})

describe('multiclass', () => {
  const rows = fc.array(
    fc.tuple(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 0, max: 2 }),
      fc.integer({ min: 1, max: 3 }),
    ),
    { minLength: 1, maxLength: 40 },
  )

  test('metrics are their definitions', () => {
    fc.assert(
      fc.property(rows, (made) => {
        const outputs = Float32Array.from(made.flatMap(([p]) => p.map((one) => one / sum(p))))
        const labels = Float32Array.from(made, (row) => row[1])
        const at = (row: number, k: number) => outputs[row * 3 + k]
        const chosen = made.map((_, row) => {
          return [0, 1, 2].reduce((best, k) => (at(row, k) > at(row, best) ? k : best), 0)
        })
        const present = [0, 1, 2].filter((k) => chosen.includes(k) || labels.includes(k))
        const each = present.map((k) =>
          plainDecision(
            chosen.map((c) => Number(c === k)),
            labels.map((label) => Number(label === k)),
            1,
          ),
        )
        const areas = [0, 1, 2]
          .map((k) => {
            const scores = made.map((_, row) => at(row, k))
            return plainRocAuc(
              scores,
              labels.map((label) => Number(label === k)),
            )
          })
          .filter((area) => !Number.isNaN(area))
        const sample = multiclassSample({ outputs, labels, weights: null, classes: 3 })
        close(measure(sample), {
          accuracy: mean(chosen.map((c, row) => Number(c === labels[row]))),
          precision: mean(each.map(({ precision }) => precision)),
          recall: mean(each.map(({ recall }) => recall)),
          f1: mean(each.map(({ f1 }) => f1)),
          logLoss: mean([...labels].map((label, row) => -Math.log(at(row, label)))),
          rocAuc: areas.length === 0 ? Number.NaN : mean(areas),
        })
      }),
    )
  })

  test('a row of weight n counts as n rows', () => {
    fc.assert(
      fc.property(rows, (made) => {
        const weights = Float32Array.from(made, (row) => row[2])
        const outputsOf = (list: typeof made) =>
          Float32Array.from(list.flatMap(([p]) => p.map((one) => one / sum(p))))
        const labels = Float32Array.from(made, (row) => row[1])
        const repeated = made.flatMap((row) => Array<typeof row>(row[2]).fill(row))
        const weighted = { outputs: outputsOf(made), labels, weights, classes: 3 }
        const plain = {
          outputs: outputsOf(repeated),
          labels: repeatRows(labels, weights),
          weights: null,
          classes: 3,
        }
        const expected = measure(multiclassSample(plain))
        const found = measure(multiclassSample(weighted))
        for (const [name, value] of Object.entries(expected)) {
          if (value === null) expect(found).toMatchObject({ [name]: null })
          else close(found, { [name]: value })
        }
      }),
    )
  })
})

describe('values and counts', () => {
  const pairs = fc.array(
    fc.tuple(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
    ),
    { minLength: 2, maxLength: 40 },
  )

  test('metrics are their definitions', () => {
    fc.assert(
      fc.property(pairs, (made) => {
        const predicted = Float32Array.from(made, ([p]) => p / 2)
        const actual = Float32Array.from(made, ([, y]) => y)
        const errors = [...predicted].map((p, i) => p - actual[i])
        const mse = mean(errors.map((error) => error ** 2))
        const variance = mean([...actual].map((y) => (y - mean(actual)) ** 2))
        const deviance = ([p, y]: readonly [number, number]) =>
          2 * ((y === 0 ? 0 : y * Math.log(y / p)) - (y - p))
        close(measure(countSample({ predicted, actual, weights: null })), {
          mae: mean(errors.map(Math.abs)),
          mse,
          rmse: Math.sqrt(mse),
          bias: mean(errors),
          r2: variance === 0 ? Number.NaN : 1 - mse / variance,
          pearson: plainPearson(predicted, actual),
          spearman: plainPearson(plainRanks(predicted), plainRanks(actual)),
          poissonDeviance: mean([...predicted].map((p, i) => deviance([p, actual[i]]))),
        })
      }),
    )
  })

  test('a row of weight n counts as n rows', () => {
    fc.assert(
      fc.property(pairs, (made) => {
        const predicted = Float32Array.from(made, ([p]) => p)
        const actual = Float32Array.from(made, ([, y]) => y)
        const weights = Float32Array.from(made, ([, , w]) => w)
        const expected = countSample({
          predicted: repeatRows(predicted, weights),
          actual: repeatRows(actual, weights),
          weights: null,
        })
        const found = measure(countSample({ predicted, actual, weights }))
        for (const [name, value] of Object.entries(measure(expected))) {
          if (value === null) expect(found).toMatchObject({ [name]: null })
          else close(found, { [name]: value })
        }
      }),
    )
  })
})

test('any scores are ranked as sorting ranks them', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true }), { maxLength: 200 }), (values) => {
      const scores = Float32Array.from(values)
      const { order, ends } = rankScores(scores)
      const expected = Array.from(scores, (_, i) => i).sort((a, b) => {
        return scores[a] === scores[b] ? a - b : scores[a] > scores[b] ? -1 : 1
      })
      expect([...order]).toEqual(expected)
      const groups = expected.filter((row, i) => scores[row] !== scores[expected[i + 1]])
      expect(ends.length).toBe(groups.length)
    }),
  )
  const withNaN = rankScores(Float32Array.of(1, Number.NaN, -5, 3))
  expect([...withNaN.order]).toEqual([3, 0, 2, 1])
})
