import { expect, test } from 'vitest'
import { binarySample } from '../../../src/model/evaluation/binary-sample.ts'
import { measureWithIntervals } from '../../../src/model/evaluation/bootstrap.ts'
import { valueSample } from '../../../src/model/evaluation/value-sample.ts'
import { Random } from '../../../src/model/random.ts'

function drawBinary(count: number, seed: number) {
  const random = new Random(seed)
  const scores = Float32Array.from({ length: count }, () => random.next())
  const labels = scores.map((p) => Number(random.next() < p))
  return { scores, labels, weights: null, threshold: 0.5 }
}

test('intervals hold the value, narrow with more rows, and repeat under a seed', () => {
  const few = measureWithIntervals(binarySample(drawBinary(200, 1)), { seed: 3 })
  const many = measureWithIntervals(binarySample(drawBinary(5_000, 1)), { seed: 3 })
  for (const name of ['rocAuc', 'prAuc', 'logLoss', 'brier', 'accuracy', 'f1'] as const) {
    const [a, b] = [few[name], many[name]]
    const width = ({ low, high }: typeof a) => (high ?? Number.NaN) - (low ?? Number.NaN)
    expect(a.low).toBeLessThan(a.value ?? Number.NaN)
    expect(a.high).toBeGreaterThan(a.value ?? Number.NaN)
    expect(width(b)).toBeLessThan(width(a) / 3)
  }
  expect(measureWithIntervals(binarySample(drawBinary(200, 1)), { seed: 3 })).toEqual(few)
  expect(measureWithIntervals(binarySample(drawBinary(200, 1)), { seed: 4 })).not.toEqual(few)
})

test('19 of 20 intervals hold the truth', () => {
  // P(score of a positive > score of a negative) where p is even and y ~ p: 5/6.
  const truth = 5 / 6
  let held = 0
  for (let seed = 0; seed < 200; seed++) {
    const { rocAuc } = measureWithIntervals(binarySample(drawBinary(400, seed)), { resamples: 200 })
    if ((rocAuc.low ?? 1) <= truth && truth <= (rocAuc.high ?? 0)) held++
  }
  expect(held).toBeGreaterThan(178)
  expect(held).toBeLessThan(199)
})

test('the interval of a mean is that of the normal approximation', () => {
  const random = new Random(5)
  const actual = Float32Array.from({ length: 2_000 }, () => random.normal())
  const predicted = new Float32Array(2_000)
  const { bias } = measureWithIntervals(valueSample({ predicted, actual, weights: null }), {
    resamples: 10_000,
  })
  const mean = actual.reduce((a, b) => a + b, 0) / 2_000
  const deviation = Math.sqrt(actual.reduce((sum, y) => sum + (y - mean) ** 2, 0) / 2_000)
  const half = (1.96 * deviation) / Math.sqrt(2_000)
  expect(bias.value).toBeCloseTo(-mean, 6)
  expect(Math.abs((bias.low ?? 0) + mean) / half).toBeCloseTo(1, 1)
  expect(Math.abs((bias.high ?? 0) + mean) / half).toBeCloseTo(1, 1)
})

test('many rows are drawn one by one, to the same interval', () => {
  const random = new Random(6)
  const count = 30_000
  const actual = Float32Array.from({ length: count }, () => random.normal())
  const predicted = new Float32Array(count)
  const { mse } = measureWithIntervals(valueSample({ predicted, actual, weights: null }))
  const squares = actual.map((y) => y * y)
  const mean = squares.reduce((a, b) => a + b, 0) / count
  const variance = squares.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count
  const half = 1.96 * Math.sqrt(variance / count)
  expect(((mse.high ?? 0) - (mse.low ?? 0)) / (2 * half)).toBeCloseTo(1, 1)
})

test('what has no value has no interval', () => {
  const labels = Float32Array.of(1, 1, 1)
  const scores = Float32Array.of(0.1, 0.2, 0.3)
  const { rocAuc } = measureWithIntervals(
    binarySample({ scores, labels, weights: null, threshold: 0.5 }),
  )
  expect(rocAuc).toEqual({ value: null, low: null, high: null })
})
