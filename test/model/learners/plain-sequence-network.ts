import type {
  SequenceParts,
  SequenceShape,
} from '../../../src/model/learners/sequence/sequence-network.ts'

/**
 * The outputs for one row, written from the equations alone, in double precision: what the passes of
 * training and of serving are compared with. `parts` may be of doubles.
 */
export function plainOutputs(
  shape: SequenceShape,
  parts: { readonly [P in keyof SequenceParts]: ArrayLike<number> },
  row: ArrayLike<number>,
): number[] {
  const { cell, steps, inputs, hidden, outputs } = shape
  let h: number[] = Array.from({ length: hidden }, () => 0)
  let c = h
  for (let step = 0; step < steps; step++) {
    const x = Array.from({ length: inputs }, (_, i) => row[step * inputs + i])
    if (x.every(Number.isNaN)) continue
    const before = h
    const blocks = cell === 'gru' ? 3 : 4
    const ofInputs = (block: number, unit: number): number =>
      x.reduce(
        (sum, value, i) => sum + value * parts.input[(i * blocks + block) * hidden + unit],
        parts.bias[block * hidden + unit],
      )
    const ofState = (block: number, unit: number): number =>
      before.reduce(
        (sum, value, i) => sum + value * parts.recurrent[(i * blocks + block) * hidden + unit],
        0,
      )
    const gate = (block: number, unit: number): number =>
      1 / (1 + Math.exp(-ofInputs(block, unit) - ofState(block, unit)))
    if (cell === 'gru') {
      h = before.map((value, unit) => {
        const z = gate(0, unit)
        const q = ofState(2, unit) + parts.recurrentBias[unit]
        return z * value + (1 - z) * Math.tanh(ofInputs(2, unit) + gate(1, unit) * q)
      })
      continue
    }
    c = c.map(
      (value, unit) =>
        gate(1, unit) * value + gate(0, unit) * Math.tanh(ofInputs(3, unit) + ofState(3, unit)),
    )
    h = c.map((value, unit) => gate(2, unit) * Math.tanh(value))
  }
  return Array.from({ length: outputs }, (_, k) =>
    h.reduce((sum, value, i) => sum + value * parts.output[i * outputs + k], parts.outputBias[k]),
  )
}
