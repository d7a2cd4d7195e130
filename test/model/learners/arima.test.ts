import { expect, test } from 'vitest'
import { arima } from '../../../src/model/learners/series/arima.ts'
import { oneStepErrors } from '../../../src/model/learners/series/arma-likelihood.ts'
import type { Parameters, Predictor } from '../../../src/model/learners/predictor.ts'
import { Random } from '../../../src/model/random.ts'
import { learnerContract, predict } from '../../contract/learner-suite.ts'
import type { LearnerCase } from '../../contract/learner-suite.ts'
import { makeSeries, takeRows } from './made-examples.ts'

/** Monthly airline passengers in thousands, 1949 to 1960: Box, Jenkins (1970), series G. */
const PASSENGERS = [
  112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170,
  170, 158, 133, 114, 140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180,
  193, 181, 183, 218, 230, 242, 209, 191, 172, 194, 196, 196, 236, 235, 229, 243, 264, 272, 237,
  211, 180, 201, 204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229, 242, 233, 267, 269,
  270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271,
  306, 315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336, 340, 318, 362, 348, 363, 435,
  491, 505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405, 417,
  391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,
]

function seriesOf(values: ArrayLike<number>) {
  const labels = Float32Array.from(values)
  const series = makeSeries({ count: labels.length, seed: 1 })
  return { ...series, labels, truth: labels }
}

function fit(values: ArrayLike<number>, parameters: Parameters): Promise<Predictor> {
  return arima.fit({ training: seriesOf(values), validation: null, parameters, seed: 1 })
}

/** Forecasts lie so near to the series without its noise, by the root of their mean square. */
function foresees(most: number): LearnerCase['learned'] {
  return (forecasts, { truth }) => {
    const squares = truth.map((value, i) => (value - forecasts[i]) ** 2)
    expect(Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / squares.length)).toBeLessThan(
      most,
    )
  }
}

const SERIES = makeSeries({ count: 428, seed: 5 })
learnerContract(arima, [
  {
    name: 'a season and a trend',
    training: takeRows(SERIES, 0, 400),
    test: takeRows(SERIES, 400, 428),
    parameters: { period: 7 },
    learned: foresees(1),
    random: false,
  },
])

test('the airline model is as published', async () => {
  const orders = { p: 0, d: 1, q: 1, seasonalP: 0, seasonalD: 1, seasonalQ: 1 }
  const predictor = await fit(PASSENGERS.map(Math.log), { period: 12, ...orders })
  const described = predictor.describe()
  expect(described).toMatchObject({
    order: '(0,1,1)(0,1,1)12',
    likelihood: 'exact',
    modelsTried: 1,
  })
  expect((described.ma as number[])[0]).toBeCloseTo(-0.4018, 4)
  expect((described.seasonalMa as number[])[0]).toBeCloseTo(-0.5569, 4)
  expect(Number(described.variance)).toBeCloseTo(0.001348, 6)
  expect(Number(described.logLikelihood)).toBeCloseTo(244.7, 1)
  expect(Number(described.aic)).toBeCloseTo(-483.4, 1)
  const forecasts = new Float32Array(5)
  predictor.predict(new Float32Array(0), 5, forecasts)
  const known = [6.110186, 6.053775, 6.171715, 6.1993, 6.232556]
  known.forEach((value, step) => expect(forecasts[step]).toBeCloseTo(value, 4))
  expect((described.standardErrors as number[])[0]).toBeCloseTo(0.0367, 4)
})

test('a mixed seasonal model has the likelihood that a state space model gives it', async () => {
  const orders = { p: 2, d: 1, q: 1, seasonalP: 1, seasonalD: 1, seasonalQ: 0 }
  const described = (await fit(PASSENGERS.map(Math.log), { period: 12, ...orders })).describe()
  expect(Number(described.logLikelihood)).toBeCloseTo(242.111, 3)
  expect((described.seasonalAr as number[])[0]).toBeCloseTo(-0.47, 3)
})

test('one-step errors are those of the normal distribution of all values', () => {
  const lags = { ar: Float64Array.of(0.6, -0.3), ma: Float64Array.of(0.5, 0.2, -0.1) }
  const random = new Random(3)
  const values = Float64Array.from({ length: 12 }, () => random.normal())
  const found = oneStepErrors(values, lags, { exact: true })
  const expected = plainErrors(values, covariances(lags, values.length))
  found.errors.forEach((error, t) => {
    expect(error).toBeCloseTo(expected.errors[t], 6)
    expect(found.variances[t]).toBeCloseTo(expected.variances[t], 6)
  })
})

test('finds orders, coefficients and the mean of a process that was made', async () => {
  const random = new Random(11)
  const values = [0, 0]
  while (values.length < 1_500) {
    const [before, last] = values.slice(-2)
    values.push(1.2 * last - 0.5 * before + random.normal())
  }
  const described = (
    await fit(
      values.map((value) => value + 20),
      {},
    )
  ).describe()
  expect(described.order).toBe('(2,0,0)')
  expect((described.ar as number[])[0]).toBeCloseTo(1.2, 1)
  expect((described.ar as number[])[1]).toBeCloseTo(-0.5, 1)
  expect(Number(described.mean)).toBeCloseTo(20, 0)
  expect(Number(described.variance)).toBeCloseTo(1, 0)
})

test('a walk is differenced, and its forecast is its end with errors that grow', async () => {
  const random = new Random(12)
  let place = 100
  const values = Array.from({ length: 400 }, () => (place += random.normal()))
  const predictor = await fit(values, { p: 0, q: 0 })
  const { order, standardErrors } = predictor.describe()
  expect(order).toBe('(0,1,0)')
  const errors = standardErrors as number[]
  expect(errors[3] / errors[0]).toBeCloseTo(2, 6)
})

test('a series that never changes goes on', async () => {
  const predictor = await fit(new Float32Array(60).fill(7), {})
  expect([...predict(predictor, makeSeries({ count: 5, seed: 1 }))]).toEqual([7, 7, 7, 7, 7])
})

test('a long season is fitted too, with a conditional likelihood', async () => {
  const random = new Random(13)
  const values = Array.from({ length: 800 }, (_, i) => 9 * Math.sin(i / 14.3) + random.normal())
  const orders = { p: 1, q: 0, seasonalP: 0, seasonalD: 1, seasonalQ: 1 }
  const predictor = await fit(values, { period: 90, ...orders })
  expect(predictor.describe()).toMatchObject({ likelihood: 'conditional' })
  expect(
    predict(predictor, makeSeries({ count: 90, seed: 1 })).every((v) => Math.abs(v) < 14),
  ).toBe(true)
})

test('too short a series is refused', async () => {
  await expect(fit([1, 2, 3, 4], {})).rejects.toMatchObject({ code: 'ERR_DATASET_EMPTY' })
  await expect(fit(PASSENGERS.slice(0, 15), { period: 12, seasonalD: 1 })).rejects.toMatchObject({
    code: 'ERR_DATASET_EMPTY',
  })
})

/** Autocovariances from a long sum of the process's weights of past innovations. */
function covariances({ ar, ma }: { ar: Float64Array; ma: Float64Array }, count: number): number[] {
  const psi = [1]
  for (let j = 1; j < 400; j++) {
    psi.push(ar.reduce((sum, factor, i) => sum + factor * (psi[j - 1 - i] ?? 0), ma[j - 1] ?? 0))
  }
  return Array.from({ length: count }, (_, lag) =>
    psi.slice(lag).reduce((sum, weight, j) => sum + weight * psi[j], 0),
  )
}

/** By the Cholesky factor of the covariance matrix. */
function plainErrors(values: Float64Array, covariance: number[]) {
  const factor: number[][] = []
  const scaled: number[] = []
  values.forEach((value, i) => {
    const row: number[] = []
    for (let j = 0; j <= i; j++) {
      const sum = row.reduce((total, own, k) => total + own * (j === i ? own : factor[j][k]), 0)
      const rest = covariance[i - j] - sum
      row.push(i === j ? Math.sqrt(rest) : rest / factor[j][j])
    }
    factor.push(row)
    scaled.push((value - scaled.reduce((sum, one, k) => sum + one * row[k], 0)) / row[i])
  })
  return {
    errors: scaled.map((one, i) => one * factor[i][i]),
    variances: factor.map((row, i) => row[i] ** 2),
  }
}
