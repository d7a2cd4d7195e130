import { expect, test } from 'vitest'
import { knn } from '../../../src/model/learners/neighbours/knn.ts'
import { NearestRows } from '../../../src/model/learners/neighbours/nearest-rows.ts'
import { Random } from '../../../src/model/random.ts'
import { learnerContract, predict } from '../../contract/learner-suite.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { makeExamples, takeRows } from './made-examples.ts'
import { accuracyAbove, aucWithin, calibratedWithin, explains } from './quality-checks.ts'

function caseOf(
  task: 'binary' | 'multiclass' | 'regression',
  learned: LearnerCase['learned'],
): LearnerCase {
  const all = makeExamples(task, { count: 6_000, seed: 5 })
  const [training, rest] = [takeRows(all, 0, 4_000), takeRows(all, 4_000, 6_000)]
  return { name: task, training, test: rest, learned, random: false }
}

learnerContract(knn, [
  caseOf('binary', (...given) => {
    aucWithin(0.03)(...given)
    calibratedWithin(0.1)(...given)
  }),
  caseOf('multiclass', accuracyAbove(0.7)),
  caseOf('regression', explains(0.85)),
])

test('finds the same rows as sorting all by distance and place', () => {
  const random = new Random(9)
  const [width, count, most] = [30, 500, 12]
  // whole numbers from 0 to 2 give many equal distances
  const rows = Float32Array.from({ length: width * count }, () => Math.floor(random.next() * 3))
  const nearest = new NearestRows(rows, width, most)
  for (let query = 0; query < 50; query++) {
    const row = Float64Array.from({ length: width }, () => Math.floor(random.next() * 3))
    const except = query % 2 === 0 ? -1 : query
    nearest.find(row, except)
    const distance = (other: number) =>
      row.reduce((sum, value, i) => sum + (value - rows[other * width + i]) ** 2, 0)
    const expected = Array.from({ length: count }, (_, i) => i)
      .filter((other) => other !== except)
      .sort((a, b) => distance(a) - distance(b) || a - b)
      .slice(0, most)
    expect([...nearest.rows]).toEqual(expected)
  }
})

test('a row seen before has its own label, nearly', async () => {
  const training = makeExamples('regression', { count: 200, seed: 2 })
  const predictor = await knn.fit({ training, validation: null, parameters: {}, seed: 1 })
  predict(predictor, training).forEach((value, row) => {
    expect(value).toBeCloseTo(training.labels[row], 2)
  })
})

test('keeps no more rows than allowed, and says how well it predicts', async () => {
  const training = makeExamples('binary', { count: 500, seed: 2 })
  const predictor = await knn.fit({
    training,
    validation: null,
    parameters: { rowsMax: 100 },
    seed: 1,
  })
  expect(predictor.describe()).toMatchObject({
    rows: 500,
    rowsKept: 100,
    leaveOneOut: { rows: 100 },
  })
})
