import type { Cell, CellName, CellState, CellTrace } from './cell.ts'
import { gruCell } from './gru-cell.ts'
import { lstmCell } from './lstm-cell.ts'

export const CELLS: Readonly<Record<CellName, Cell>> = { gru: gruCell, lstm: lstmCell }

/** One recurrent layer, and a dense layer from its last state to the outputs. */
export interface SequenceShape {
  readonly cell: CellName
  /** Steps of a row at most. */
  readonly steps: number
  /** Inputs of a step. */
  readonly inputs: number
  /** Units of the hidden state. */
  readonly hidden: number
  readonly outputs: number
}

/** Views of the parameters, all of which lie in one flat array in this order. */
export interface SequenceParts {
  /** `inputs × gates × hidden`, row by row. */
  readonly input: Float32Array
  /** `hidden × gates × hidden`. */
  readonly recurrent: Float32Array
  /** `hidden × outputs`. */
  readonly output: Float32Array
  /** `gates × hidden`. */
  readonly bias: Float32Array
  /** `recurrentBiases × hidden`. */
  readonly recurrentBias: Float32Array
  readonly outputBias: Float32Array
}

export function sequenceParameters(shape: SequenceShape): number {
  return lengthsOf(shape).reduce((sum, length) => sum + length, 0)
}

/** How many of the parameters, from the first on, are weights and not biases. */
export function sequenceWeights(shape: SequenceShape): number {
  const [input, recurrent, output] = lengthsOf(shape)
  return input + recurrent + output
}

export function partsOf(shape: SequenceShape, parameters: Float32Array): SequenceParts {
  let at = 0
  const [input, recurrent, output, bias, recurrentBias, outputBias] = lengthsOf(shape).map(
    (length) => parameters.subarray(at, (at += length)),
  )
  return { input, recurrent, output, bias, recurrentBias, outputBias }
}

function lengthsOf({ cell, inputs, hidden, outputs }: SequenceShape): number[] {
  const { gates, recurrentBiases } = CELLS[cell]
  const across = gates * hidden
  return [
    inputs * across,
    hidden * across,
    hidden * outputs,
    across,
    recurrentBiases * hidden,
    outputs,
  ]
}

export function makeState({ hidden }: SequenceShape, rows: number): CellState {
  return {
    hidden: new Float32Array(rows * hidden),
    memory: new Float32Array(rows * hidden),
  }
}

/** @param rows packed rows that it holds at most */
export function makeTrace({ cell, hidden }: SequenceShape, rows: number): CellTrace {
  const across = CELLS[cell].gates * hidden
  const gates = new Float32Array(rows * across)
  const [before, memoryBefore, inner] = [0, 1, 2].map(() => new Float32Array(rows * hidden))
  const recurrentSlopes = cell === 'gru' ? new Float32Array(rows * across) : gates
  return { gates, recurrentSlopes, before, memoryBefore, inner }
}
