import { expect, test } from 'vitest'
import { gru, lstm } from '../../../src/model/learners/sequence/sequence.ts'
import type { Task } from '../../../src/model/learners/predictor.ts'
import { learnerContract, predict } from '../../contract/learner-suite.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { takeRows } from './made-examples.ts'
import { makeSequences } from './made-sequences.ts'

const SIZE = { steps: 5, count: 3_500, seed: 5 }
const TRAINED = 2_500
const PARAMETERS = { hidden: 16, epochs: 10, learningRate: 0.02 }

function caseOf(task: Task, learned: LearnerCase['learned']): LearnerCase {
  const all = makeSequences(task, SIZE)
  const [training, rest] = [takeRows(all, 0, TRAINED), takeRows(all, TRAINED, SIZE.count)]
  return { name: task, training, test: rest, parameters: PARAMETERS, learned, random: true }
}

/** Of the answers without noise. */
function rightAbove(least: number): LearnerCase['learned'] {
  return (predictions, { truth, classes, count }) => {
    let right = 0
    truth.forEach((value, row) => {
      const of = predictions.subarray(row * classes, (row + 1) * classes)
      const sure = classes === 2 ? predictions[row] > 0.5 === value > 0.5 : false
      if (sure || (classes > 2 && of.indexOf(Math.max(...of)) === value)) right++
    })
    expect(right / count).toBeGreaterThan(least)
  }
}

function explains(least: number): LearnerCase['learned'] {
  return (predictions, { truth, count }) => {
    const mean = truth.reduce((sum, value) => sum + value, 0) / count
    let rest = 0
    let whole = 0
    truth.forEach((value, row) => {
      rest += (value - predictions[row]) ** 2
      whole += (value - mean) ** 2
    })
    expect(1 - rest / whole).toBeGreaterThan(least)
  }
}

const CASES = [
  caseOf('binary', rightAbove(0.97)),
  caseOf('multiclass', rightAbove(0.97)),
  caseOf('regression', explains(0.95)),
  caseOf('count', explains(0.75)),
]
learnerContract(gru, CASES)
learnerContract(lstm, CASES)

const few = makeSequences('binary', { steps: 6, count: 300, seed: 6 })

test.each([gru, lstm])(
  '$name leaves out steps that are not there, wherever they are',
  async (learner) => {
    const predictor = await learner.fit({
      training: few,
      validation: null,
      parameters: { epochs: 3 },
      seed: 1,
    })
    const inputs = few.width / few.steps
    const present = Float32Array.from({ length: 3 * inputs }, (_, i) => Math.sin(i))
    const place = (...steps: number[]): Float32Array => {
      const row = new Float32Array(few.width).fill(Number.NaN)
      steps.forEach((step, i) => {
        row.set(present.subarray(i * inputs, (i + 1) * inputs), step * inputs)
      })
      return row
    }
    const score = (row: Float32Array): number => {
      const out = new Float32Array(1)
      predictor.predict(row, 1, out)
      return out[0]
    }
    const latest = score(place(3, 4, 5))
    expect(score(place(0, 1, 2))).toBe(latest)
    expect(score(place(0, 2, 5))).toBe(latest)
    expect(score(place(5, 4, 3))).not.toBe(latest)
  },
)

test.each([gru, lstm])(
  '$name, stopped before it starts, leaves a model that can be kept',
  async (learner) => {
    const done: number[] = []
    const predictor = await learner.fit({
      training: few,
      validation: null,
      parameters: { epochs: 1_000, patience: 1_000, batchRows: 10 },
      seed: 1,
      signal: AbortSignal.abort(),
      progress: (progress) => done.push(progress.done),
    })
    expect(predictor.describe()).toMatchObject({ epochs: 1 })
    expect(predict(predictor, few).every((p) => p > 0 && p < 1)).toBe(true)
    const loaded = await learner.load(predictor.save())
    expect(predict(loaded, few)).toEqual(predict(predictor, few))
  },
)

test('stopped on the way, the best epoch so far is kept', async () => {
  const stop = new AbortController()
  const validation = makeSequences('binary', { steps: 6, count: 200, seed: 7 })
  const fit = (epochs: number, signal?: AbortSignal) =>
    gru.fit({
      training: few,
      validation,
      parameters: { epochs, batchRows: 1, patience: 100 },
      seed: 1,
      signal,
      // In the third epoch.
      progress: ({ done }) => {
        if (done > 2 * few.count + 1 && done < 3 * few.count) stop.abort()
      },
    })
  const stopped = await fit(50, stop.signal)
  expect(stopped.describe().epochs).toBeLessThan(4)
  expect(predict(stopped, few)).toEqual(predict(await fit(2), few))
})

test('learns from a few rows, and from one step', async () => {
  for (const learner of [gru, lstm]) {
    for (const training of [
      takeRows(few, 0, 6),
      makeSequences('regression', { steps: 1, count: 40, seed: 8 }),
    ]) {
      const predictor = await learner.fit({ training, validation: null, parameters: {}, seed: 1 })
      expect(predict(predictor, training).every(Number.isFinite)).toBe(true)
    }
  }
})

test('rows of more weight count for more', async () => {
  const labels = Float32Array.from({ length: few.count }, (_, i) => i % 2)
  const weights = Float32Array.from(labels, (label) => (label === 1 ? 9 : 1))
  const training = { ...few, labels, weights }
  const predictor = await gru.fit({
    training,
    validation: null,
    parameters: { epochs: 3 },
    seed: 1,
  })
  const scores = predict(predictor, few)
  const mean = scores.reduce((sum, score) => sum + score, 0) / few.count
  expect(mean).toBeGreaterThan(0.8)
})
