/**
 * A fully connected network: rectified hidden layers, one logit. With no hidden layer it is
 * logistic regression.
 */
export interface Network {
  /** Inputs, hidden layers, 1. */
  readonly sizes: readonly number[]
  /** Per layer `inputs × outputs`, row-major. */
  readonly weights: readonly Float32Array[]
  /** Per layer, `outputs`. */
  readonly biases: readonly Float32Array[]
}

export function networkParameters(sizes: readonly number[]): number {
  let total = 0
  for (let layer = 1; layer < sizes.length; layer++) {
    total += sizes[layer - 1] * sizes[layer] + sizes[layer]
  }
  return total
}

/** Scores prepared inputs one row at a time, in plain JavaScript, without allocating. */
export class NetworkScorer {
  private readonly inputs: Float64Array
  private readonly weights: readonly Float64Array[]
  private readonly biases: readonly Float64Array[]
  private readonly layers: readonly Float64Array[]

  constructor({ sizes, weights, biases }: Network) {
    this.inputs = new Float64Array(sizes[0])
    this.weights = weights.map((layer, i) => packWeights(layer, sizes[i], sizes[i + 1]))
    this.biases = biases.map((layer) => Float64Array.from(layer))
    this.layers = sizes.slice(1).map((size) => new Float64Array(size))
  }

  /** The last layer's outputs for that row; valid until the next call. */
  outputs(inputs: Float32Array, offset: number): Float64Array {
    let source = this.inputs
    for (let i = 0; i < source.length; i++) source[i] = inputs[offset + i]
    const last = this.layers.length - 1
    for (let layer = 0; layer <= last; layer++) {
      const out = this.layers[layer]
      dense(source, this.weights[layer], this.biases[layer], out)
      if (layer < last) for (let j = 0; j < out.length; j++) if (out[j] < 0) out[j] = 0
      source = out
    }
    return source
  }
}

const GROUP = 4

/**
 * Four outputs at a time, their weights side by side and in double precision: each input is loaded
 * once, weights are read in order, and nothing is converted from single precision.
 */
function dense(
  source: Float64Array,
  weights: Float64Array,
  bias: Float64Array,
  out: Float64Array,
): void {
  const width = source.length
  const outputs = out.length
  let at = 0
  let j = 0
  for (; j + GROUP <= outputs; j += GROUP) {
    let a = bias[j]
    let b = bias[j + 1]
    let c = bias[j + 2]
    let d = bias[j + 3]
    for (let i = 0; i < width; i++) {
      const x = source[i]
      a += x * weights[at]
      b += x * weights[at + 1]
      c += x * weights[at + 2]
      d += x * weights[at + 3]
      at += GROUP
    }
    out[j] = a
    out[j + 1] = b
    out[j + 2] = c
    out[j + 3] = d
  }
  for (; j < outputs; j++) {
    let a = bias[j]
    for (let i = 0; i < width; i++) a += source[i] * weights[at++]
    out[j] = a
  }
}

/** In the order in which {@link dense} reads: groups of four outputs, then single ones. */
function packWeights(weights: Float32Array, inputs: number, outputs: number): Float64Array {
  const packed = new Float64Array(weights.length)
  let at = 0
  for (let j = 0; j < outputs;) {
    const group = j + GROUP <= outputs ? GROUP : 1
    for (let i = 0; i < inputs; i++) {
      for (let k = 0; k < group; k++) packed[at++] = weights[i * outputs + j + k]
    }
    j += group
  }
  return packed
}
