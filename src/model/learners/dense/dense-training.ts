import { Adam } from '../adam.ts'
import { fusedMatMul, type Backend, type Tensor, type Tensor2D } from '../backend.ts'
import { networkParameters, type Network } from './network.ts'
import type { Random } from '../../random.ts'
import type { LossSlope } from '../network-loss.ts'

/**
 * Fits a fully connected network by mini-batch Adam. Products run in
 * TensorFlow.js; the backward pass of a dense network is four operations a layer, so it is written
 * out rather than taped. Owns parameters and gradients, each one flat array: weights, bias,
 * weights, …
 */
export class DenseTraining {
  readonly sizes: readonly number[]
  readonly parameters: Float32Array
  private readonly backend: Backend
  private readonly gradient: Float32Array
  private readonly adam: Adam

  /** He initialisation; a layer without a successor starts near 0. */
  constructor(backend: Backend, sizes: readonly number[], random: Random) {
    this.backend = backend
    this.sizes = sizes
    const size = networkParameters(sizes)
    this.parameters = new Float32Array(size)
    this.gradient = new Float32Array(size)
    this.adam = new Adam(size)
    for (let layer = 0; layer < sizes.length - 1; layer++) {
      const scale = layer === sizes.length - 2 ? 0.01 : Math.sqrt(2 / Math.max(1, sizes[layer]))
      const weights = this.part(this.parameters, layer, 'weights')
      for (let i = 0; i < weights.length; i++) weights[i] = random.normal() * scale
    }
  }

  /** Biases of the last layer. */
  get outputBias(): Float32Array {
    return this.part(this.parameters, this.sizes.length - 2, 'bias')
  }

  /** One step on `inputs` (`count × sizes[0]`). */
  step(
    inputs: Float32Array,
    count: number,
    slope: LossSlope,
    { rate, penalty }: { rate: number; penalty: number },
  ): void {
    this.differentiate(inputs, count, slope)
    this.update(rate, penalty)
  }

  /** A copy of the network as it is now. */
  network(): Network {
    const layers = this.sizes.slice(1)
    const copy = (part: 'weights' | 'bias') =>
      layers.map((_, layer) => this.part(this.parameters, layer, part).slice())
    return { sizes: this.sizes, weights: copy('weights'), biases: copy('bias') }
  }

  private differentiate(inputs: Float32Array, count: number, slope: LossSlope): void {
    const { tf } = this.backend
    const { sizes, parameters, gradient } = this
    const last = sizes.length - 2
    tf.engine().startScope()
    const weights: Tensor2D[] = []
    const activations: Tensor2D[] = [tf.tensor2d(inputs, [count, sizes[0]])]
    for (let layer = 0; layer <= last; layer++) {
      const shape: [number, number] = [sizes[layer], sizes[layer + 1]]
      const kernel = tf.tensor2d(this.part(parameters, layer, 'weights'), shape)
      const bias = tf.tensor1d(this.part(parameters, layer, 'bias'))
      const activation = layer < last ? 'relu' : 'linear'
      weights.push(kernel)
      activations.push(fusedMatMul(tf, { a: activations[layer], b: kernel, bias, activation }))
    }
    const errors = Float32Array.from(activations[last + 1].dataSync<'float32'>())
    slope(errors)
    let delta: Tensor2D = tf.tensor2d(errors, [count, sizes[last + 1]])
    for (let layer = last; layer >= 0; layer--) {
      const product: Tensor = tf.matMul(activations[layer], delta, true, false)
      this.part(gradient, layer, 'weights').set(product.dataSync<'float32'>())
      this.part(gradient, layer, 'bias').set(tf.sum(delta, 0).dataSync<'float32'>())
      if (layer > 0) {
        const back = tf.matMul(delta, weights[layer], false, true)
        delta = tf.mul(back, tf.step(activations[layer]))
      }
    }
    tf.engine().endScope()
  }

  private update(rate: number, penalty: number): void {
    const { parameters, gradient } = this
    for (let layer = 0; layer < this.sizes.length - 1; layer++) {
      const slope = this.part(gradient, layer, 'weights')
      const weights = this.part(parameters, layer, 'weights')
      for (let i = 0; i < slope.length; i++) slope[i] += penalty * weights[i]
    }
    this.adam.update(parameters, gradient, rate)
  }

  private part(values: Float32Array, layer: number, part: 'weights' | 'bias'): Float32Array {
    const start = networkParameters(this.sizes.slice(0, layer + 1))
    const middle = start + this.sizes[layer] * this.sizes[layer + 1]
    const end = middle + this.sizes[layer + 1]
    return part === 'weights' ? values.subarray(start, middle) : values.subarray(middle, end)
  }
}
