import { fusedMatMul, type Backend, type Tensor1D, type Tensor2D } from '../backend.ts'
import type { Network } from './network.ts'

/** Rows of one TensorFlow.js call; larger batches go in pieces. */
export const BATCH_ROWS_MAX = 1_024

/**
 * A network's outputs for many rows at once, as fused TensorFlow.js operations on weights that stay in
 * the backend. Belongs to one thread; {@link dispose} frees the weights.
 */
export class BatchScorer {
  private readonly backend: Backend
  private readonly width: number
  private readonly weights: readonly Tensor2D[]
  private readonly biases: readonly Tensor1D[]

  constructor(backend: Backend, { sizes, weights, biases }: Network) {
    this.backend = backend
    this.width = sizes[0]
    this.weights = weights.map((layer, i) => {
      return backend.tf.tensor2d(layer, [sizes[i], sizes[i + 1]])
    })
    this.biases = biases.map((layer) => backend.tf.tensor1d(layer))
  }

  /** The last layer's outputs, row by row, of `count` rows of inputs. */
  outputs(inputs: Float32Array, count: number): Float32Array {
    const { tf } = this.backend
    let layer: Tensor2D = tf.tensor2d(inputs.subarray(0, count * this.width), [count, this.width])
    const last = this.weights.length - 1
    this.weights.forEach((b, i) => {
      const activation = i < last ? 'relu' : 'linear'
      const next = fusedMatMul(tf, { a: layer, b, bias: this.biases[i], activation })
      layer.dispose()
      layer = next
    })
    const outputs = layer.dataSync<'float32'>()
    layer.dispose()
    return outputs
  }

  dispose(): void {
    for (const tensor of [...this.weights, ...this.biases]) tensor.dispose()
  }
}
