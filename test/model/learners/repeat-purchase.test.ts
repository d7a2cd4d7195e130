import { describe, expect, test } from 'vitest'
import { BG_NBD } from '../../../src/model/learners/repeat-purchase/bg-nbd.ts'
import { bgNbd } from '../../../src/model/learners/repeat-purchase/repeat-purchase.ts'
import { logGamma } from '../../../src/model/learners/repeat-purchase/log-gamma.ts'
import { nelderMead } from '../../../src/model/learners/repeat-purchase/nelder-mead.ts'
import { PARETO_NBD } from '../../../src/model/learners/repeat-purchase/pareto-nbd.ts'
import { paretoNbd } from '../../../src/model/learners/repeat-purchase/repeat-purchase.ts'
import type { RepeatPurchaseLearner } from '../../../src/model/learners/repeat-purchase/repeat-purchase.ts'
import { rankingMetrics, valueMetrics } from '../../../src/model/evaluation/metrics.ts'
import { learnerContract } from '../../contract/learner-suite.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { makeBgNbd, makeParetoNbd } from './made-customers.ts'
import type { MadeCustomers, MadeCustomersOptions } from './made-customers.ts'

const HORIZON = 26
const BG_TRUTH = { r: 0.8, alpha: 6, a: 0.7, b: 2.5 }
const PARETO_TRUTH = { r: 0.9, alpha: 8, s: 0.7, beta: 12 }

const bg = (options: Partial<MadeCustomersOptions> = {}): MadeCustomers =>
  makeBgNbd(BG_TRUTH, { count: 6_000, seed: 3, horizon: HORIZON, age: 52, ...options })
const pareto = (options: Partial<MadeCustomersOptions> = {}): MadeCustomers =>
  makeParetoNbd(PARETO_TRUTH, { count: 6_000, seed: 3, horizon: HORIZON, age: 52, ...options })

function caseOf(make: typeof bg): LearnerCase {
  return {
    name: 'purchases to come',
    training: make(),
    test: make({ seed: 4 }),
    parameters: { horizon: HORIZON },
    random: false,
    learned(predictions, { labels }) {
      const { pearson } = valueMetrics(predictions, labels)
      expect(pearson).toBeGreaterThan(0.7)
      expect(sum(predictions) / sum(labels)).toBeCloseTo(1, 1)
      const returned = Uint8Array.from(labels, (label) => Number(label > 0))
      expect(rankingMetrics(predictions, returned).rocAuc).toBeGreaterThan(0.8)
    },
  }
}

learnerContract(bgNbd, [caseOf(bg)])
learnerContract(paretoNbd, [caseOf(pareto)])

describe.each([
  ['bg_nbd', bgNbd, BG_TRUTH, bg],
  ['pareto_nbd', paretoNbd, PARETO_TRUTH, pareto],
] as const)('%s', (_, learner, truth, make) => {
  test('finds the parameters that customers were made with, in any unit of time', async () => {
    const training = make({ count: 8_000 })
    const found = await fit(learner, training)
    const entries = Object.entries(truth)
    for (const [name, value] of entries) {
      expect(Math.abs(Math.log(found.fitted[name] / value)), name).toBeLessThan(0.3)
    }
    const inDays = training.rows.map((value, i) => (i % 3 === 0 ? value : value * 7))
    const again = await fit(learner, { ...training, rows: inDays }, 7 * HORIZON)
    for (const [name] of entries) {
      const unit = name === 'alpha' || name === 'beta' ? 7 : 1
      expect(again.fitted[name] / found.fitted[name] / unit, name).toBeCloseTo(1, 2)
    }
  })

  test('knows who is still a customer, with honest probabilities', async () => {
    const shown = make({ seed: 5 })
    const predictor = await fit(learner, make())
    const alive = new Float32Array(shown.count)
    predictor.alive(shown.rows, shown.count, alive)
    expect(rankingMetrics(alive, Uint8Array.from(shown.alive)).rocAuc).toBeGreaterThan(0.8)
    expect(Math.abs(sum(alive) - sum(shown.alive)) / shown.count).toBeLessThan(0.02)
  })

  test('does not look at labels, at other inputs, or at their order', async () => {
    const training = make({ count: 500 })
    const predictor = await fit(learner, training)
    const names = ['age', 'spend', 'recency', 'frequency']
    const rows = new Float32Array(training.count * 4)
    for (let row = 0; row < training.count; row++) {
      const [frequency, recency, age] = training.rows.subarray(row * 3, row * 3 + 3)
      rows.set([age, row, recency, frequency], row * 4)
    }
    const labels = training.labels.map(() => 1)
    const other = await fit(learner, { ...training, names, width: 4, rows, labels })
    expect(other.fitted).toEqual(predictor.fitted)
    const named = { ...training, names: ['frequency', 'recency', 'T'] }
    await expect(fit(learner, named)).rejects.toMatchObject({ code: 'ERR_LEARNER_INPUT' })
  })

  test('a weight is as many customers', async () => {
    const training = make({ count: 300 })
    const twice = {
      ...training,
      count: 600,
      rows: Float32Array.from([...training.rows, ...training.rows]),
      labels: Float32Array.from([...training.labels, ...training.labels]),
    }
    const weighted = await fit(learner, { ...training, weights: new Float32Array(300).fill(2) })
    const doubled = await fit(learner, twice)
    expect(weighted.logLikelihood).toBeCloseTo(doubled.logLikelihood, 4)
  })

  test('fits customers of whom none came back, and customers of age 0', async () => {
    const training = make({ count: 200 })
    for (const rows of [
      training.rows.map((value, i) => (i % 3 === 2 ? value : 0)),
      training.rows.map(() => 0),
    ]) {
      const predictor = await fit(learner, { ...training, rows })
      const out = new Float32Array(training.count)
      predictor.predict(rows, training.count, out)
      expect(out.every((value) => value >= 0 && value < 1)).toBe(true)
    }
  })

  test('ends with the best so far when it is told to stop', async () => {
    const stop = new AbortController()
    stop.abort()
    const predictor = await learner.fit({
      training: make({ count: 500 }),
      validation: null,
      parameters: {},
      seed: 1,
      signal: stop.signal,
    })
    expect(Object.values(predictor.fitted).every((value) => value > 0)).toBe(true)
  })
})

describe('BG/NBD expectation', () => {
  const functions = BG_NBD.at([0.24, 4.4, 0.79, 2.4])

  test('is the average over p of a customer whose p is known', () => {
    for (const [x, recency, age, horizon] of [
      [0, 0, 39, 39],
      [2, 30, 38, 10],
      [20, 38, 39, 400],
    ]) {
      const alive = functions.alive(x, recency, age)
      const k = 0.24 + x
      const more = averageOverBeta(0.79, 2.4 + x, (p) => {
        return -Math.expm1(-k * Math.log1p((p * horizon) / (4.4 + age))) / p
      })
      expect(functions.expected(x, recency, age, horizon) / (alive * more)).toBeCloseTo(1, 6)
    }
  })

  test('is smooth where its formula divides by zero', () => {
    const at = (a: number, b: number): number => BG_NBD.at([0.5, 3, a, b]).expected(0, 0, 20, 20)
    expect(at(1, 2) / at(1 + 1e-7, 2)).toBeCloseTo(1, 5)
    expect(at(0.4, 0.6) / at(0.4, 0.6 + 1e-7)).toBeCloseTo(1, 5)
  })
})

describe('Pareto/NBD likelihood', () => {
  test('is that of the hypergeometric formula, where this has digits left', () => {
    for (const [r, alpha, s, beta] of [
      [0.55, 10.6, 0.6, 11.7],
      [1.5, 30, 0.8, 4],
      [0.3, 2, 2, 9],
    ]) {
      const functions = PARETO_NBD.at([r, alpha, s, beta])
      for (const [x, recency, age] of [
        [0, 0, 39],
        [1, 5, 39],
        [4, 20, 30],
        [12, 36, 39],
      ]) {
        const given = hypergeometricLogLikelihood([r, alpha, s, beta], [x, recency, age])
        expect(functions.logLikelihood(x, recency, age)).toBeCloseTo(given, 7)
      }
    }
  })

  test('is finite where the formula has none', () => {
    for (const parameters of [
      [0.01, 1e-4, 50, 1e4],
      [200, 1e4, 0.01, 1e-4],
    ]) {
      const functions = PARETO_NBD.at(parameters)
      for (const [x, recency, age] of [
        [0, 0, 1e4],
        [500, 1, 1e4],
        [500, 9_999.9, 1e4],
      ]) {
        expect(Number.isFinite(functions.logLikelihood(x, recency, age))).toBe(true)
        const alive = functions.alive(x, recency, age)
        expect(alive >= 0 && alive <= 1).toBe(true)
      }
    }
  })
})

test('log-gamma is the logarithm of factorials, and of the root of pi', () => {
  let log = 0
  for (let n = 1; n < 170; n++) {
    expect(logGamma(n)).toBeCloseTo(log, 10)
    log += Math.log(n)
  }
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 13)
  expect(logGamma(1e-8)).toBeCloseTo(Math.log(1e8) - 0.577_215_664_9e-8, 12)
})

test('Nelder-Mead finds the end of a curved valley', async () => {
  const valley = ([x, y]: readonly number[]): number => (1 - x) ** 2 + 100 * (y - x * x) ** 2
  const found = await nelderMead(valley, [-1.2, 1], {
    step: 0.5,
    evaluationsMax: 1_000,
    tolerance: 1e-14,
    pause: () => Promise.resolve(false),
  })
  expect(found.point[0]).toBeCloseTo(1, 4)
  expect(found.point[1]).toBeCloseTo(1, 4)
})

function fit(
  learner: RepeatPurchaseLearner,
  training: MadeCustomers,
  horizon = HORIZON,
): ReturnType<RepeatPurchaseLearner['fit']> {
  return learner.fit({ training, validation: null, parameters: { horizon }, seed: 1 })
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}

/** The midpoint rule over the logit of p. */
function averageOverBeta(a: number, b: number, value: (p: number) => number): number {
  let [total, weight] = [0, 0]
  for (let logit = -40; logit < 20; logit += 0.01) {
    const p = 1 / (1 + Math.exp(-logit))
    const density = p ** a * (1 - p) ** b
    total += density * value(p)
    weight += density
  }
  return total / weight
}

/** Fader and Hardie, A Note on Deriving the Pareto/NBD Model, equations for both orders. */
function hypergeometricLogLikelihood(
  [r, alpha, s, beta]: readonly number[],
  [x, recency, age]: readonly number[],
): number {
  const more = Math.max(alpha, beta)
  const second = alpha >= beta ? s + 1 : r + x
  const all = r + s + x
  const part = (t: number): number =>
    hypergeometric(all, second, all + 1, Math.abs(alpha - beta) / (more + t)) / (more + t) ** all
  const difference = part(recency) - part(age)
  const kept = (alpha + age) ** -(r + x) * (beta + age) ** -s
  const constant = logGamma(r + x) - logGamma(r) + r * Math.log(alpha) + s * Math.log(beta)
  return constant + Math.log(kept + (s / all) * difference)
}

function hypergeometric(a: number, b: number, c: number, z: number): number {
  let [term, total] = [1, 1]
  for (let n = 0; n < 5_000; n++) {
    term *= (((a + n) * (b + n)) / ((c + n) * (n + 1))) * z
    total += term
  }
  return total
}
