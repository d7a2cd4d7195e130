import { expect, test } from 'vitest'
import { Random } from '../../../src/model/random.ts'
import { calibrationOf, crossCalibrated } from '../../../src/model/training/held-predictions.ts'

/** Scores that are too sure of themselves, in four rounds. */
function made(count: number) {
  const random = new Random(1)
  const outputs = new Float32Array(count)
  const labels = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const logit = random.normal()
    labels[row] = Number(random.next() < 1 / (1 + Math.exp(-logit)))
    outputs[row] = 1 / (1 + Math.exp(-3 * logit))
  }
  return { outputs, labels, classes: 2, roundOf: Uint16Array.from(labels, (_, row) => row % 4) }
}

test('a row is corrected by a curve that its own round had no part in', () => {
  const held = made(4_000)
  const calibration = calibrationOf(held, 'platt', 1)
  const corrected = crossCalibrated(held, calibration)
  const changed = held.labels.map((label, row) => (held.roundOf[row] === 2 ? 1 - label : label))
  const again = crossCalibrated({ ...held, labels: changed }, calibration)
  held.roundOf.forEach((round, row) => {
    if (round === 2) expect(again[row]).toBe(corrected[row])
    else expect(again[row]).not.toBe(corrected[row])
  })
})

test('the correction undoes too much certainty, and values have none', () => {
  const held = made(4_000)
  const corrected = crossCalibrated(held, calibrationOf(held, 'auto', 1))
  const gap = (scores: Float32Array): number => {
    const sure = [...scores.keys()].filter((row) => held.outputs[row] > 0.9)
    const seen = sure.reduce((sum, row) => sum + held.labels[row], 0) / sure.length
    return sure.reduce((sum, row) => sum + scores[row], 0) / sure.length - seen
  }
  expect(gap(held.outputs)).toBeGreaterThan(0.1)
  expect(Math.abs(gap(corrected))).toBeLessThan(0.03)
  expect(calibrationOf({ ...held, classes: 0 }, 'auto', 1)).toBeNull()
})
