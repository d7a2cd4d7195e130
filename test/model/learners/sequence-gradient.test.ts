import { describe, expect, test } from 'vitest'
import { loadBackend } from '../../../src/model/learners/backend.ts'
import { PackedBatch } from '../../../src/model/learners/sequence/packed-batch.ts'
import { partsOf } from '../../../src/model/learners/sequence/sequence-network.ts'
import type { SequenceParts } from '../../../src/model/learners/sequence/sequence-network.ts'
import { SequenceScorer } from '../../../src/model/learners/sequence/sequence-scorer.ts'
import { SequenceTraining } from '../../../src/model/learners/sequence/sequence-training.ts'
import { Random } from '../../../src/model/random.ts'
import { plainOutputs } from './plain-sequence-network.ts'

const ROWS = 7
const STEPS = 5
const INPUTS = 3
const HIDDEN = 5
const OUTPUTS = 2
/** For each row the steps that are not there; the last row has none at all. */
const ABSENT = [[], [0], [0, 1, 2], [1, 3], [0, 1, 2, 3], [], [0, 1, 2, 3, 4]]

describe.each(['gru', 'lstm'] as const)('%s', (cell) => {
  const shape = { cell, steps: STEPS, inputs: INPUTS, hidden: HIDDEN, outputs: OUTPUTS }

  async function make(): Promise<{
    training: SequenceTraining
    batch: PackedBatch
    rows: Float32Array
    targets: Float32Array
  }> {
    const random = new Random(4)
    const training = new SequenceTraining(await loadBackend(), shape, { batchRows: ROWS, random })
    training.parameters.forEach((value, i) => {
      training.parameters[i] = value + 0.5 * random.normal()
    })
    const rows = Float32Array.from({ length: ROWS * STEPS * INPUTS }, () => random.normal())
    ABSENT.forEach((steps, row) => {
      for (const step of steps) {
        const at = (row * STEPS + step) * INPUTS
        rows.fill(Number.NaN, at, at + INPUTS)
      }
    })
    const targets = Float32Array.from({ length: ROWS * OUTPUTS }, () => random.normal())
    const batch = new PackedBatch(ROWS, STEPS, INPUTS)
    batch.pack(rows, ROWS, null)
    return { training, batch, rows, targets }
  }

  const rowOf = (rows: Float32Array, row: number): Float32Array =>
    rows.subarray(row * STEPS * INPUTS, (row + 1) * STEPS * INPUTS)

  test('the gradient is that of the loss, by differences, for every parameter', async () => {
    const { training, batch, rows, targets } = await make()
    training.differentiate(batch, (outputs) => {
      batch.rows.forEach((row, i) => {
        for (let k = 0; k < OUTPUTS; k++) outputs[i * OUTPUTS + k] -= targets[row * OUTPUTS + k]
      })
    })
    const lossAt = (parameters: Float64Array): number => {
      const parts = doubleParts(training.parts, parameters)
      let sum = 0
      for (let row = 0; row < ROWS; row++) {
        plainOutputs(shape, parts, rowOf(rows, row)).forEach((value, k) => {
          sum += (value - targets[row * OUTPUTS + k]) ** 2 / 2
        })
      }
      return sum
    }
    const parameters = Float64Array.from(training.parameters)
    const numeric = parameters.map((value, i) => {
      parameters[i] = value + 1e-5
      const above = lossAt(parameters)
      parameters[i] = value - 1e-5
      const below = lossAt(parameters)
      parameters[i] = value
      return (above - below) / 2e-5
    })
    expect(Math.max(...numeric.map(Math.abs))).toBeGreaterThan(1)
    expect(numeric.filter((slope) => Math.abs(slope) < 1e-6)).toEqual(new Float64Array(0))
    training.gradient.forEach((slope, i) => expect(slope).toBeCloseTo(numeric[i], 4))
  })

  test('serving gives the outputs of the pass that it was fitted with, and of the equations', async () => {
    const { training, batch, rows } = await make()
    const fitted = new Float32Array(ROWS * OUTPUTS)
    training.differentiate(batch, (outputs) => {
      batch.rows.forEach((row, i) => {
        for (let k = 0; k < OUTPUTS; k++) fitted[row * OUTPUTS + k] = outputs[i * OUTPUTS + k]
      })
    })
    const served = new SequenceScorer(shape, training.parameters).run(rows, ROWS)
    const parts = partsOf(shape, training.parameters)
    for (let row = 0; row < ROWS; row++) {
      const plain = plainOutputs(shape, parts, rowOf(rows, row))
      plain.forEach((value, k) => {
        expect(fitted[row * OUTPUTS + k]).toBeCloseTo(value, 5)
        expect(served[row * OUTPUTS + k]).toBeCloseTo(value, 5)
      })
    }
  })
})

/** The parts of other parameters that are laid out as these are. */
function doubleParts(
  parts: SequenceParts,
  parameters: Float64Array,
): { readonly [P in keyof SequenceParts]: Float64Array } {
  const view = ({ byteOffset, length }: Float32Array): Float64Array =>
    parameters.subarray(byteOffset / 4, byteOffset / 4 + length)
  const { input, recurrent, output, bias, recurrentBias, outputBias } = parts
  return {
    input: view(input),
    recurrent: view(recurrent),
    output: view(output),
    bias: view(bias),
    recurrentBias: view(recurrentBias),
    outputBias: view(outputBias),
  }
}
