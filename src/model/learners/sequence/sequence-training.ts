import { Adam } from '../adam.ts'
import { fusedMatMul, type Backend, type Tensor, type Tensor2D } from '../backend.ts'
import type { LossSlope } from '../network-loss.ts'
import type { Random } from '../../random.ts'
import type { Cell, CellState, CellTrace } from './cell.ts'
import { PackedBatch } from './packed-batch.ts'
import { CELLS, makeState, makeTrace, partsOf } from './sequence-network.ts'
import { sequenceParameters, sequenceWeights } from './sequence-network.ts'
import type { SequenceParts, SequenceShape } from './sequence-network.ts'

export interface StepOptions {
  readonly rate: number
  readonly penalty: number
  /** The longest gradient; a longer one is shortened to this (Pascanu et al. 2013). */
  readonly gradientMax: number
}

/**
 * Fits a recurrent network by Adam and back-propagation through time, over whole sequences. Products
 * run in TensorFlow.js, those of all steps' inputs in one; what works on single numbers runs on typed
 * arrays. Transposed operands are transposed first: products that transpose are ten times slower in
 * WebAssembly. Owns parameters, gradients, and the buffers of one batch.
 */
export class SequenceTraining {
  readonly parameters: Float32Array
  readonly parts: SequenceParts
  readonly gradient: Float32Array
  private readonly shape: SequenceShape
  private readonly backend: Backend
  private readonly cell: Cell
  private readonly slopes: SequenceParts
  private readonly adam: Adam
  private readonly trace: CellTrace
  private readonly state: CellState
  private readonly stateSlopes: CellState
  private readonly products: Float32Array

  /** @param batchRows sequences of a step at most */
  constructor(
    backend: Backend,
    shape: SequenceShape,
    options: { batchRows: number; random: Random },
  ) {
    const { batchRows, random } = options
    const size = sequenceParameters(shape)
    this.backend = backend
    this.shape = shape
    this.cell = CELLS[shape.cell]
    this.parameters = new Float32Array(size)
    this.gradient = new Float32Array(size)
    this.parts = partsOf(shape, this.parameters)
    this.slopes = partsOf(shape, this.gradient)
    this.adam = new Adam(size)
    this.trace = makeTrace(shape, batchRows * shape.steps)
    this.state = makeState(shape, batchRows)
    this.stateSlopes = makeState(shape, batchRows)
    this.products = new Float32Array(batchRows * this.cell.gates * shape.hidden)
    this.initialise(random)
  }

  /** One step on a batch; `slope` sees outputs in the order of the batch. */
  step(batch: PackedBatch, slope: LossSlope, { rate, penalty, gradientMax }: StepOptions): void {
    const { parameters, gradient } = this
    this.differentiate(batch, slope)
    const weights = sequenceWeights(this.shape)
    for (let i = 0; i < weights; i++) gradient[i] += penalty * parameters[i]
    shorten(gradient, gradientMax)
    this.adam.update(parameters, gradient, rate)
  }

  /** Sets {@link gradient} to that of the batch's loss. */
  differentiate(batch: PackedBatch, slope: LossSlope): void {
    const { backend, shape, parts } = this
    const { tf } = backend
    const across = this.cell.gates * shape.hidden
    tf.engine().startScope()
    this.gradient.fill(0)
    const recurrent = tf.tensor2d(parts.recurrent, [shape.hidden, across])
    const inputs = batch.inputs.subarray(0, batch.packed * shape.inputs)
    const rows = tf.tensor2d(inputs, [batch.packed, shape.inputs])
    this.forward(batch, rows, recurrent)
    this.differentiateOutputs(batch, slope)
    if (batch.packed > 0) {
      this.backward(batch, tf.transpose(recurrent))
      this.collect(batch, rows)
    }
    tf.engine().endScope()
  }

  private forward(batch: PackedBatch, rows: Tensor2D, recurrent: Tensor2D): void {
    const { shape, cell, parts, trace, state, products } = this
    const { tf } = this.backend
    const { hidden } = shape
    const pass = { trace, state, products, recurrentBias: parts.recurrentBias }
    state.hidden.fill(0)
    state.memory.fill(0)
    products.fill(0)
    if (batch.packed === 0) return
    const input = tf.tensor2d(parts.input, [shape.inputs, cell.gates * hidden])
    const bias = tf.tensor1d(parts.bias)
    trace.gates.set(read(fusedMatMul(tf, { a: rows, b: input, bias, activation: 'linear' })))
    for (let step = 0; step < batch.steps; step++) {
      const count = batch.activeAt(step)
      if (step > 0) {
        const before = state.hidden.subarray(0, count * hidden)
        products.set(this.multiply(before, [count, hidden], recurrent))
      }
      cell.forward({ at: batch.starts[step], count, hidden }, pass)
    }
  }

  /** From the last states to the outputs, and from their slopes back to slopes of the states. */
  private differentiateOutputs({ count }: PackedBatch, slope: LossSlope): void {
    const { shape, parts, slopes, state, stateSlopes } = this
    const { tf } = this.backend
    const { hidden, outputs } = shape
    const states = tf.tensor2d(state.hidden.subarray(0, count * hidden), [count, hidden])
    const weights = tf.tensor2d(parts.output, [hidden, outputs])
    const bias = tf.tensor1d(parts.outputBias)
    const errors = read(fusedMatMul(tf, { a: states, b: weights, bias, activation: 'linear' }))
    slope(errors)
    const delta = tf.tensor2d(errors, [count, outputs])
    slopes.output.set(read(tf.matMul(tf.transpose(states), delta)))
    slopes.outputBias.set(read(tf.sum(delta, 0)))
    stateSlopes.hidden.set(read(tf.matMul(delta, tf.transpose(weights))))
    stateSlopes.memory.fill(0)
  }

  private backward(batch: PackedBatch, recurrent: Tensor2D): void {
    const { shape, cell, trace, stateSlopes } = this
    const { hidden } = shape
    const across = cell.gates * hidden
    for (let step = batch.steps - 1; step >= 0; step--) {
      const [at, count] = [batch.starts[step], batch.activeAt(step)]
      cell.backward({ at, count, hidden }, trace, stateSlopes)
      if (step === 0) return
      const slopes = trace.recurrentSlopes.subarray(at * across, (at + count) * across)
      const before = this.multiply(slopes, [count, across], recurrent)
      for (let i = 0; i < before.length; i++) stateSlopes.hidden[i] += before[i]
    }
  }

  /** From slopes of all steps' products to those of the recurrent layer's parameters. */
  private collect({ packed }: PackedBatch, rows: Tensor2D): void {
    const { shape, cell, trace, slopes } = this
    const { tf } = this.backend
    const { hidden } = shape
    const across = cell.gates * hidden
    const matrix = (values: Float32Array, width: number): Tensor2D =>
      tf.tensor2d(values.subarray(0, packed * width), [packed, width])
    const gates = matrix(trace.gates, across)
    const shared = trace.recurrentSlopes === trace.gates
    const recurrent = shared ? gates : matrix(trace.recurrentSlopes, across)
    slopes.input.set(read(tf.matMul(tf.transpose(rows), gates)))
    slopes.bias.set(read(tf.sum(gates, 0)))
    const before = matrix(trace.before, hidden)
    slopes.recurrent.set(read(tf.matMul(tf.transpose(before), recurrent)))
    if (cell.recurrentBiases === 0) return
    slopes.recurrentBias.set(read(tf.sum(recurrent, 0)).subarray(across - hidden))
  }

  private multiply(a: Float32Array, shape: [number, number], b: Tensor2D): Float32Array {
    const left = this.backend.tf.tensor2d(a, shape)
    const product: Tensor = this.backend.tf.matMul(left, b)
    const values = read(product)
    left.dispose()
    product.dispose()
    return values
  }

  private initialise(random: Random): void {
    const { shape, cell, parts } = this
    const { hidden, inputs } = shape
    const fill = (weights: Float32Array, scale: number): void => {
      for (let i = 0; i < weights.length; i++) weights[i] = random.normal() * scale
    }
    fill(parts.input, 1 / Math.sqrt(inputs))
    fill(parts.recurrent, 1 / Math.sqrt(hidden))
    fill(parts.output, 0.01)
    parts.bias.subarray(cell.keepingGate * hidden, (cell.keepingGate + 1) * hidden).fill(1)
  }
}

/** A copy of its numbers. */
function read(tensor: Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync<'float32'>())
}

function shorten(gradient: Float32Array, longest: number): void {
  let squares = 0
  for (const slope of gradient) squares += slope * slope
  const length = Math.sqrt(squares)
  if (!(length > longest)) return
  for (let i = 0; i < gradient.length; i++) gradient[i] *= longest / length
}
