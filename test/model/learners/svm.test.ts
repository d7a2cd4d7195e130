import { describe, expect, test } from 'vitest'
import { svmLinear } from '../../../src/model/learners/svm/svm-linear.ts'
import { svmRbf } from '../../../src/model/learners/svm/svm-rbf.ts'
import { learnerContract, predict } from '../../contract/learner-suite.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { makeExamples, takeRows } from './made-examples.ts'
import { accuracyAbove, aucWithin, calibratedWithin, explains } from './quality-checks.ts'

function caseOf(
  task: 'binary' | 'multiclass' | 'regression',
  random: boolean,
  learned: LearnerCase['learned'],
): LearnerCase {
  const all = makeExamples(task, { count: 4_500, seed: 5 })
  const [training, rest] = [takeRows(all, 0, 2_500), takeRows(all, 2_500, 4_500)]
  return { name: task, training, test: rest, learned, random }
}

function ranksAndCalibrates(gap: number): LearnerCase['learned'] {
  return (...given) => {
    aucWithin(gap)(...given)
    calibratedWithin(0.08)(...given)
  }
}

learnerContract(svmLinear, [
  caseOf('binary', true, ranksAndCalibrates(0.02)),
  caseOf('multiclass', true, accuracyAbove(0.65)),
  caseOf('regression', true, explains(0.85)),
])
learnerContract(svmRbf, [
  caseOf('binary', true, ranksAndCalibrates(0.025)),
  caseOf('multiclass', true, accuracyAbove(0.75)),
  caseOf('regression', false, explains(0.97)),
])

/** Two rows, one to each side of 0: the widest margin is known. */
const TWO = {
  ...takeRows(makeExamples('regression', { count: 2, seed: 1 }), 0, 2),
  names: ['x'],
  width: 1,
  rows: Float32Array.of(-1, 1),
  labels: Float32Array.of(-10, 10),
}

describe('known solutions', () => {
  test('the kernel machine reaches both values but for the tube', async () => {
    const parameters = { gamma: 0.5, tube: 0.1, cost: 100 }
    const predictor = await svmRbf.fit({ training: TWO, validation: null, parameters, seed: 1 })
    const values = predict(predictor, TWO)
    expect(values[0]).toBeCloseTo(-9, 2)
    expect(values[1]).toBeCloseTo(9, 2)
    expect(predictor.describe()).toMatchObject({ supportVectors: [2], converged: true })
  })

  test('the linear machine is the minimum of its loss', async () => {
    const parameters = { tube: 0, cost: 0.5 }
    const predictor = await svmLinear.fit({ training: TWO, validation: null, parameters, seed: 1 })
    // w²/2 + cost × 2 × (1 - w)² is least where w = 4 cost / (1 + 4 cost)
    expect(predict(predictor, TWO)[1]).toBeCloseTo((10 * 2) / 3, 1)
  })

  test('weights are as good as rows given several times', async () => {
    const few = takeRows(makeExamples('regression', { count: 120, seed: 3 }), 0, 120)
    const weights = Float32Array.from({ length: 120 }, (_, row) => (row < 60 ? 2 : 1))
    const twice = {
      ...few,
      count: 180,
      rows: Float32Array.of(...few.rows, ...few.rows.subarray(0, 60 * few.width)),
      labels: Float32Array.of(...few.labels, ...few.labels.subarray(0, 60)),
    }
    const options = { validation: null, seed: 1 }
    const gamma = 0.2
    // weights are made 1 on the average, and values are scaled by the rows as they are given
    const scale = (labels: Float32Array) => {
      const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length
      return Math.sqrt(labels.reduce((sum, label) => sum + (label - mean) ** 2, 0) / labels.length)
    }
    const ratio = scale(few.labels) / scale(twice.labels)
    const weighted = await svmRbf.fit({
      ...options,
      training: { ...few, weights },
      parameters: { gamma, cost: 1.5, tube: 0.1 / ratio },
    })
    const repeated = await svmRbf.fit({
      ...options,
      training: twice,
      parameters: { gamma, cost: ratio, tube: 0.1 },
    })
    const [a, b] = [predict(weighted, few), predict(repeated, few)]
    a.forEach((value, row) => expect(Math.abs(value - b[row])).toBeLessThan(0.02))
  })
})

test('an abort ends fitting with what there is', async () => {
  const training = makeExamples('binary', { count: 6_000, seed: 4 })
  const controller = new AbortController()
  const predictor = await svmRbf.fit({
    training,
    validation: null,
    parameters: { cost: 100 },
    seed: 1,
    signal: controller.signal,
    progress: () => controller.abort(),
  })
  expect(predictor.describe()).toMatchObject({ converged: false })
  expect(predict(predictor, training).every((p) => p > 0 && p < 1)).toBe(true)
})
