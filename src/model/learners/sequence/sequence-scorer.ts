import type { Cell, CellState, CellTrace } from './cell.ts'
import { PackedBatch } from './packed-batch.ts'
import { multiply, type Product } from './product.ts'
import { CELLS, makeState, makeTrace, partsOf } from './sequence-network.ts'
import type { SequenceParts, SequenceShape } from './sequence-network.ts'

/** Rows that go through the steps together, so that each weight is read once for several. */
export const BLOCK_ROWS = 16

/**
 * Runs a recurrent network in plain JavaScript, up to {@link BLOCK_ROWS} rows at a time, on buffers made
 * once. A row's outputs do not depend on the rows beside it. Equal to the pass that it was fitted with
 * within 1e-4 of an output, as sums are rounded in another order.
 */
export class SequenceScorer {
  private readonly shape: SequenceShape
  private readonly cell: Cell
  private readonly parts: SequenceParts
  private readonly batch: PackedBatch
  private readonly trace: CellTrace
  private readonly state: CellState
  private readonly products: Float32Array
  private readonly product: Product
  private readonly outputs: Float32Array

  constructor(shape: SequenceShape, parameters: Float32Array) {
    this.shape = shape
    this.cell = CELLS[shape.cell]
    this.parts = partsOf(shape, parameters)
    this.batch = new PackedBatch(BLOCK_ROWS, shape.steps, shape.inputs)
    this.trace = makeTrace(shape, BLOCK_ROWS)
    this.state = makeState(shape, BLOCK_ROWS)
    this.products = new Float32Array(BLOCK_ROWS * this.cell.gates * shape.hidden)
    this.product = {
      a: this.state.hidden,
      b: this.parts.recurrent,
      out: this.products,
      inner: shape.hidden,
      columns: this.cell.gates * shape.hidden,
    }
    this.outputs = new Float32Array(BLOCK_ROWS * shape.outputs)
  }

  /**
   * The outputs of `count` rows, `outputs` numbers each in the order of the rows; valid until the
   * next call.
   */
  run(rows: Float32Array, count: number): Float32Array {
    const { shape, cell, parts, batch, trace, state, products } = this
    const { hidden } = shape
    const pass = { trace, state, products, recurrentBias: parts.recurrentBias }
    batch.pack(rows, count, null)
    state.hidden.fill(0)
    state.memory.fill(0)
    products.fill(0)
    for (let step = 0; step < batch.steps; step++) {
      const active = batch.activeAt(step)
      this.takeInputs(step, active)
      if (step > 0) {
        multiply(this.product, active)
      }
      cell.forward({ at: 0, count: active, hidden }, pass)
    }
    this.writeOutputs()
    return this.outputs
  }

  /** Products of a step's inputs, many of which are 0: flags. */
  private takeInputs(step: number, active: number): void {
    const { shape, parts, batch, trace } = this
    const across = this.cell.gates * shape.hidden
    const { gates } = trace
    const { input, bias } = parts
    let from = batch.starts[step] * shape.inputs
    for (let at = 0; at < active * across; at += across) {
      for (let j = 0; j < across; j++) gates[at + j] = bias[j]
      for (let i = 0; i < shape.inputs; i++) {
        const x = batch.inputs[from++]
        if (x === 0) continue
        const weights = i * across
        for (let j = 0; j < across; j++) gates[at + j] += x * input[weights + j]
      }
    }
  }

  private writeOutputs(): void {
    const { shape, parts, batch, state, outputs } = this
    const { hidden } = shape
    for (let row = 0; row < batch.count; row++) {
      const to = batch.rows[row] * shape.outputs
      for (let k = 0; k < shape.outputs; k++) {
        let sum = parts.outputBias[k]
        for (let j = 0; j < hidden; j++) {
          sum += state.hidden[row * hidden + j] * parts.output[j * shape.outputs + k]
        }
        outputs[to + k] = sum
      }
    }
  }
}
