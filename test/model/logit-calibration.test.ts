import { expect, test } from 'vitest'
import { calibrated, fitCalibration } from '../../src/model/logit-calibration.ts'
import { NetworkScorer } from '../../src/model/network.ts'
import { fitPreparation, prepareRows, preparedWidth } from '../../src/model/preparation.ts'
import { Random } from '../../src/model/random.ts'
import { sliceTable } from '../../src/model/table.ts'
import { makeTable } from './made-table.ts'

function labelled(count: number, chanceOf: (logit: number) => number) {
  const random = new Random(3)
  const logits = Float64Array.from({ length: count }, () => -2 + 1.5 * random.normal())
  const labels = Uint8Array.from(logits, (logit) => Number(random.next() < chanceOf(logit)))
  return { logits, labels }
}

test('finds the slope and offset that logits are off by', () => {
  const { logits, labels } = labelled(60_000, (z) => 1 / (1 + Math.exp(-(0.8 * z + 0.4))))
  const { slope, offset } = fitCalibration(logits, labels)
  expect(slope).toBeCloseTo(0.8, 1)
  expect(offset).toBeCloseTo(0.4, 1)
})

test('changes nothing with few rows, one class, or logits that say the opposite', () => {
  const none = { slope: 1, offset: 0 }
  const few = labelled(50, (z) => 1 / (1 + Math.exp(-z)))
  const opposite = labelled(5_000, (z) => 1 / (1 + Math.exp(z)))
  expect(fitCalibration(few.logits, few.labels)).toEqual(none)
  expect(fitCalibration(opposite.logits, new Uint8Array(5_000))).toEqual(none)
  expect(fitCalibration(opposite.logits, opposite.labels)).toEqual(none)
})

test('a calibrated network gives the scaled and moved logit', () => {
  const network = {
    sizes: [2, 2, 1],
    weights: [Float32Array.of(1, -1, 0.5, 2), Float32Array.of(0.7, -0.2)],
    biases: [Float32Array.of(0.1, 0), Float32Array.of(-1)],
  }
  const row = Float32Array.of(0.4, 1.2)
  const before = new NetworkScorer(network).logit(row, 0)
  const after = new NetworkScorer(calibrated(network, { slope: 0.5, offset: 0.3 })).logit(row, 0)
  expect(after).toBeCloseTo(0.5 * before + 0.3, 6)
})

test('a column that drifts with time is not used, nor is its being missing', () => {
  const table = makeTable(6_000, 7)
  const earlier = sliceTable(table, 0, 4_000)
  const later = sliceTable({ ...table, rows: table.rows.slice() }, 4_000, 6_000)
  for (let row = 0; row < later.count; row++) {
    later.rows[row * table.width + 1] += 0.5
    later.rows[row * table.width + 3] = row % 8 === 0 ? Number.NaN : 1
  }
  const steady = fitPreparation(earlier, sliceTable(table, 4_000, 6_000))
  const drifting = fitPreparation(earlier, later)
  expect([...steady.scale].map((scale) => scale > 0)).toEqual([true, true, true, true, false, true])
  expect([...steady.indicators]).toEqual([3])
  expect(drifting.scale[1]).toBe(0)
  expect(drifting.scale[2]).toBe(steady.scale[2])
  expect([...drifting.indicators]).toEqual([])
  const inputs = new Float32Array(preparedWidth(drifting))
  prepareRows(drifting, later.rows, 1, inputs)
  expect(inputs[1]).toBe(0)
})

test('with few later rows no drift is looked for', () => {
  const table = makeTable(1_000, 7)
  const later = { ...sliceTable(table, 500, 1_000), rows: new Float32Array(500 * 6).fill(99) }
  expect(fitPreparation(sliceTable(table, 0, 500), later)).toEqual(
    fitPreparation(sliceTable(table, 0, 500)),
  )
})
