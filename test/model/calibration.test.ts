import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calibrate, loadCalibration } from '../../src/model/calibration/calibration.ts'
import {
  chooseCalibration,
  fitCalibration,
  type HeldBack,
} from '../../src/model/calibration/choose-calibration.ts'
import { fitIsotonic } from '../../src/model/calibration/fit-isotonic.ts'
import { fitPlatt } from '../../src/model/calibration/fit-platt.ts'
import { Random } from '../../src/model/random.ts'
import { mean, plainLogLoss, sum } from './evaluation/plain-metrics.ts'

/** Scores that say `told(p)` where the truth is p. */
function drawHeld(
  count: number,
  seed: number,
  told: (p: number) => number,
): HeldBack & { truth: Float32Array } {
  const random = new Random(seed)
  const truth = Float32Array.from({ length: count }, () => random.next())
  const labels = truth.map((p) => Number(random.next() < p))
  return { outputs: truth.map(told), labels, weights: null, classes: 2, truth }
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z))
const logit = (p: number) => Math.log(p / (1 - p))
const sure = (p: number) => sigmoid(3 * logit(p) + 1)
const stepped = (p: number) => 0.5 + 0.4 * Math.sign(p - 0.7) * Math.abs(p - 0.7) ** 0.2

function corrected(held: HeldBack, kind: 'platt' | 'isotonic'): Float32Array {
  const outputs = held.outputs.slice()
  calibrate(fitCalibration(held, kind), outputs, held.labels.length)
  return outputs
}

describe('each kind', () => {
  test.each(['platt', 'isotonic'] as const)(
    '%s turns scores that are too sure into the truth',
    (kind) => {
      const held = drawHeld(20_000, 1, sure)
      const outputs = corrected(held, kind)
      expect(mean(outputs.map((p, row) => Math.abs(p - held.truth[row])))).toBeLessThan(0.02)
      expect(plainLogLoss(outputs, held.labels)).toBeLessThan(
        plainLogLoss(held.outputs, held.labels),
      )
    },
  )

  const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.constantFrom(0, 1)), {
    minLength: 1,
    maxLength: 60,
  })
  const heldOf = (made: readonly (readonly [number, number])[]): HeldBack => ({
    outputs: Float32Array.from(made, ([score]) => score / 20),
    labels: Float32Array.from(made, ([, label]) => label),
    weights: null,
    classes: 2,
  })

  test.each(['platt', 'isotonic'] as const)(
    '%s never turns the order round, and gives probabilities',
    (kind) => {
      fc.assert(
        fc.property(rows, (made) => {
          const calibration = fitCalibration(heldOf(made), kind)
          const outputs = Float32Array.from({ length: 101 }, (_, i) => i / 100)
          calibrate(calibration, outputs, 101)
          expect(
            outputs.every((p, i) => p >= 0 && p <= 1 && (i === 0 || p >= outputs[i - 1])),
          ).toBe(true)
          const odd = Float32Array.of(Number.NaN, 5, -5)
          calibrate(calibration, odd, 3)
          expect(odd.every((p) => p >= 0 && p <= 1)).toBe(true)
        }),
      )
    },
  )

  test('isotonic blocks are the least-squares rising fit', () => {
    fc.assert(
      fc.property(rows, (made) => {
        const { scores, probabilities } = fitIsotonic({
          scores: heldOf(made).outputs,
          labels: heldOf(made).labels,
          weights: null,
        })
        // max over left ends of min over right ends of means (Robertson, Wright, Dykstra 1988, 1.4.4).
        const known = [...new Set(made.map(([score]) => score))].sort((a, b) => a - b)
        const fit = (at: number) => {
          const means = known
            .filter((l) => l <= at)
            .map((left) => {
              const right = known
                .filter((r) => r >= at)
                .map((r) => {
                  return mean(made.filter(([s]) => s >= left && s <= r).map(([, label]) => label))
                })
              return Math.min(...right)
            })
          return Math.max(...means)
        }
        const blocks = new Map<number, number[]>()
        for (const at of known) blocks.set(fit(at), [...(blocks.get(fit(at)) ?? []), at])
        for (const [level, members] of blocks) {
          const weight = made.filter(([s]) => members.includes(s)).length
          const at = scores.findIndex((s) => s === Math.fround(members[0] / 20))
          expect(probabilities[at]).toBeGreaterThanOrEqual(
            (level * weight + 0.5) / (weight + 1) - 1e-9,
          )
        }
        expect(new Set(probabilities).size).toBeLessThanOrEqual(blocks.size)
      }),
      { numRuns: 60 },
    )
  })

  test("Platt's line is where the loss to his targets is least", () => {
    const held = drawHeld(500, 2, (p) => sure(0.05 + 0.9 * p))
    const { slope, intercept } = fitPlatt({ ...held, scores: held.outputs })
    const positives = sum(held.labels)
    const [yes, no] = [(positives + 1) / (positives + 2), 1 / (500 - positives + 2)]
    const loss = (a: number, b: number) =>
      sum(
        Array.from(held.outputs, (p, row) => {
          const q = sigmoid(a * logit(p) + b)
          const target = held.labels[row] === 1 ? yes : no
          return -target * Math.log(q) - (1 - target) * Math.log(1 - q)
        }),
      )
    const least = loss(slope, intercept)
    for (const [a, b] of [
      [1e-3, 0],
      [-1e-3, 0],
      [0, 1e-3],
      [0, -1e-3],
    ]) {
      expect(loss(slope + a, intercept + b)).toBeGreaterThan(least)
    }
    expect(slope).toBeGreaterThan(0.3)
    expect(slope).toBeLessThan(0.5)
  })

  test('weights count as rows', () => {
    const held = drawHeld(300, 3, sure)
    const weights = held.labels.map((_, row) => 1 + (row % 3))
    const repeat = (values: Float32Array) =>
      Float32Array.from([...values].flatMap((x, row) => Array<number>(weights[row]).fill(x)))
    const repeated = { ...held, outputs: repeat(held.outputs), labels: repeat(held.labels) }
    for (const kind of ['platt', 'isotonic'] as const) {
      const [a, b] = [fitCalibration({ ...held, weights }, kind), fitCalibration(repeated, kind)]
      const outputs = [held.outputs.slice(), held.outputs.slice()]
      calibrate(a, outputs[0], 300)
      calibrate(b, outputs[1], 300)
      outputs[0].forEach((p, row) => expect(p).toBeCloseTo(outputs[1][row], 5))
    }
  })
})

describe('the choice', () => {
  test.each([
    ['none', (p: number) => p],
    ['platt', sure],
    ['isotonic', stepped],
  ] as const)('is %s where that fits', (kind, told) => {
    const chosen = chooseCalibration(drawHeld(8_000, 4, told), { seed: 1 })
    expect(chosen.kind).toBe(kind)
    expect(Object.keys(chosen.logLoss)).toEqual(['none', 'platt', 'isotonic'])
  })

  test('does not try isotonic on few rows, and repeats under a seed', () => {
    const held = drawHeld(100, 5, sure)
    const chosen = chooseCalibration(held, { seed: 1 })
    expect(chosen.logLoss.isotonic).toBeUndefined()
    expect(chooseCalibration(held, { seed: 1 })).toEqual(chosen)
  })
})

test('several classes are corrected one against the rest, and sum to 1', () => {
  const random = new Random(6)
  const count = 6_000
  const truth = Float32Array.from({ length: count * 3 })
  const labels = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const p = [random.next(), random.next(), random.next()].map((x) => x ** 2)
    p.forEach((x, k) => (truth[row * 3 + k] = x / sum(p)))
    const drawn = random.next()
    labels[row] = drawn < truth[row * 3] ? 0 : drawn < truth[row * 3] + truth[row * 3 + 1] ? 1 : 2
  }
  const outputs = truth.slice()
  for (let row = 0; row < count; row++) {
    const p = outputs.subarray(row * 3, row * 3 + 3)
    const sharp = p.map((x) => x ** 3)
    p.set(sharp.map((x) => x / sum(sharp)))
  }
  const held = { outputs, labels, weights: null, classes: 3 }
  const calibration = chooseCalibration(held, { seed: 1 })
  expect(calibration.kind).not.toBe('none')
  const better = outputs.slice()
  calibrate(calibration, better, count)
  const off = (given: Float32Array) => mean(given.map((p, i) => Math.abs(p - truth[i])))
  expect(off(better)).toBeLessThan(off(outputs) / 2)
  for (let row = 0; row < count; row += 100) {
    expect(sum(better.subarray(row * 3, row * 3 + 3))).toBeCloseTo(1, 5)
  }
})

test('survives JSON bit by bit, and refuses what is damaged', () => {
  const held = drawHeld(2_000, 7, stepped)
  for (const kind of ['none', 'platt', 'isotonic'] as const) {
    const calibration = fitCalibration(held, kind)
    const loaded = loadCalibration(JSON.parse(JSON.stringify(calibration)))
    const [a, b] = [held.outputs.slice(), held.outputs.slice()]
    calibrate(calibration, a, 2_000)
    calibrate(loaded, b, 2_000)
    expect(b).toEqual(a)
  }
  const rising = { kind: 'isotonic', scores: [0.1, 0.2], probabilities: [0.1, 0.2] }
  for (const damaged of [
    null,
    { kind: 'magic', curves: [rising], logLoss: {} },
    { kind: 'isotonic', curves: [{ ...rising, probabilities: [0.2, 0.1] }], logLoss: {} },
    { kind: 'isotonic', curves: [{ ...rising, scores: [0.1] }], logLoss: {} },
    { kind: 'platt', curves: [{ kind: 'platt', slope: -1, intercept: 0 }], logLoss: {} },
  ]) {
    expect(() => loadCalibration(damaged)).toThrow(
      expect.objectContaining({ code: 'ERR_MODEL_CORRUPT' }),
    )
  }
})
