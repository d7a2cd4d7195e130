import type { Preparation } from './preparation.ts'

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

/** Preparation and network: everything that turns a raw feature vector into a probability. */
export interface DenseModel {
  readonly preparation: Preparation
  readonly network: Network
}

/** Largest layer that is accepted when a model is read. */
export const LAYER_SIZE_MAX = 8_192

export function networkParameters(sizes: readonly number[]): number {
  let total = 0
  for (let layer = 1; layer < sizes.length; layer++) {
    total += sizes[layer - 1] * sizes[layer] + sizes[layer]
  }
  return total
}

/** Scores prepared inputs one row at a time, in plain JavaScript, without allocating. */
export class NetworkScorer {
  private readonly sizes: readonly number[]
  /** Transposed: `outputs × inputs`, so that an output is one dot product. */
  private readonly weights: readonly Float32Array[]
  private readonly biases: readonly Float32Array[]
  private readonly layers: readonly Float32Array[]

  constructor(network: Network) {
    this.sizes = network.sizes
    this.weights = network.weights.map((weights, layer) =>
      transpose(weights, network.sizes[layer], network.sizes[layer + 1]),
    )
    this.biases = network.biases
    this.layers = network.sizes.slice(1).map((size) => new Float32Array(size))
  }

  /** The logit of the row of inputs that begins at `offset`. */
  logit(inputs: Float32Array, offset: number): number {
    let source = inputs
    let start = offset
    const last = this.layers.length - 1
    for (let layer = 0; layer <= last; layer++) {
      const out = this.layers[layer]
      dense(source, start, this.sizes[layer], this.weights[layer], this.biases[layer], out)
      if (layer < last) for (let j = 0; j < out.length; j++) if (out[j] < 0) out[j] = 0
      source = out
      start = 0
    }
    return source[0]
  }
}

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}

/** Four outputs at a time: each input is loaded once for four independent sums. */
function dense(
  source: Float32Array,
  start: number,
  width: number,
  weights: Float32Array,
  bias: Float32Array,
  out: Float32Array,
): void {
  const outputs = out.length
  let j = 0
  for (; j + 4 <= outputs; j += 4) {
    let a = bias[j]
    let b = bias[j + 1]
    let c = bias[j + 2]
    let d = bias[j + 3]
    const w0 = j * width
    const w1 = w0 + width
    const w2 = w1 + width
    const w3 = w2 + width
    for (let i = 0; i < width; i++) {
      const x = source[start + i]
      a += x * weights[w0 + i]
      b += x * weights[w1 + i]
      c += x * weights[w2 + i]
      d += x * weights[w3 + i]
    }
    out[j] = a
    out[j + 1] = b
    out[j + 2] = c
    out[j + 3] = d
  }
  for (; j < outputs; j++) {
    let a = bias[j]
    for (let i = 0; i < width; i++) a += source[start + i] * weights[j * width + i]
    out[j] = a
  }
}

function transpose(weights: Float32Array, inputs: number, outputs: number): Float32Array {
  const out = new Float32Array(weights.length)
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j < outputs; j++) out[j * inputs + i] = weights[i * outputs + j]
  }
  return out
}
