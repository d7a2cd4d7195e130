/**
 * What a pass leaves for the way back, a row for each packed row: a step of one sequence. A pass that is
 * not followed back uses the same rows for every step.
 */
export interface CellTrace {
  /**
   * `gates × hidden` numbers: products of inputs plus biases before the step, the gates' activations
   * after it, d(loss)/d(those products) on the way back.
   */
  readonly gates: Float32Array
  /** On the way back d(loss)/d(products of the hidden state); may be the same array as `gates`. */
  readonly recurrentSlopes: Float32Array
  /** The hidden state before the step, `hidden` numbers. */
  readonly before: Float32Array
  /** The memory before the step; not used by a cell that has none. */
  readonly memoryBefore: Float32Array
  /** What else the way back needs, `hidden` numbers. */
  readonly inner: Float32Array
}

/** State of each sequence, or d(loss)/d(state), `hidden` numbers each. */
export interface CellState {
  readonly hidden: Float32Array
  /** Not used by a cell that has none. */
  readonly memory: Float32Array
}

/** The sequences that a step moves on: the first `count` states, and trace rows from `at` on. */
export interface CellStep {
  readonly at: number
  readonly count: number
  /** Units of the hidden state. */
  readonly hidden: number
}

/**
 * The part of a recurrent layer that works on each unit by itself, between the matrix products. Of
 * weights there are `gates` blocks, each of `hidden` outputs, side by side.
 */
export interface Cell {
  readonly gates: number
  /** Blocks whose product of the hidden state has a bias of its own: the last ones. */
  readonly recurrentBiases: 0 | 1
  /** The block whose biases start at 1, so that a state is kept until something is learned. */
  readonly keepingGate: number
  /** From `products` of the hidden states with the recurrent weights to the next states, in place. */
  forward(step: CellStep, pass: ForwardPass): void
  /**
   * From slopes of the states after a step to those of the products, in the trace, and in place to
   * what of the slopes reaches the states before, products of the hidden state left out.
   */
  backward(step: CellStep, trace: CellTrace, slopes: CellState): void
}

export interface ForwardPass {
  readonly trace: CellTrace
  readonly state: CellState
  /** `count × gates × hidden`. */
  readonly products: Float32Array
  /** `recurrentBiases × hidden`. */
  readonly recurrentBias: Float32Array
}

export type CellName = 'gru' | 'lstm'
