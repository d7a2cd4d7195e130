import { setImmediate } from 'node:timers/promises'
import { LimnError } from '../protocol/errors.ts'
import { calibrated, fitCalibration } from './calibration.ts'
import { fusedMatMul, type Backend, type Tensor, type Tensor2D } from './backend.ts'
import type { Fitted, FitOptions, FitProgress, Learner, LearnerName } from './learner.ts'
import { logLoss } from './metrics.ts'
import { NetworkScorer, networkParameters, type DenseModel, type Network } from './network.ts'
import { fitPreparation, preparedWidth, prepareRows } from './preparation.ts'
import { Random } from './random.ts'
import { DenseScorer } from './scorer.ts'
import { countPositives, type Table } from './table.ts'

const BETA_1 = 0.9
const BETA_2 = 0.999
const EPSILON = 1e-7

/**
 * Logistic regression (no hidden layer) and multilayer networks, by mini-batch Adam (Kingma & Ba
 * 2015) on the log loss. Products run in TensorFlow.js; the backward pass of a dense
 * network is four operations a layer, so it is written out rather than taped.
 *
 * A rare class is not weighted up: the log loss finds probabilities, and what is undone afterwards
 * would no longer be calibrated. The logit starts at the prior instead, and is calibrated on the
 * validation rows at the end.
 */
export class DenseLearner implements Learner {
  readonly name: LearnerName
  private readonly hidden: readonly number[]
  private readonly backend: Backend

  constructor(name: LearnerName, hidden: readonly number[], backend: Backend) {
    this.name = name
    this.hidden = hidden
    this.backend = backend
  }

  async fit(
    training: Table,
    validation: Table,
    options: FitOptions,
    progress: (progress: FitProgress) => void,
  ): Promise<Fitted> {
    const positives = checkClasses(training)
    const preparation = fitPreparation(training, validation)
    const width = preparedWidth(preparation)
    const inputs = new Float32Array(training.count * width)
    prepareRows(preparation, training.rows, training.count, inputs)

    const sizes = [width, ...this.hidden, 1]
    const random = new Random(options.seed)
    const state = new AdamState(sizes, random)
    const odds = positives / (training.count - positives)
    state.parameters[state.parameters.length - 1] = Math.log(odds)
    const order = new Uint32Array(training.count)
    for (let i = 0; i < order.length; i++) order[i] = i

    const checked = validation.count > 0 ? validation : training
    let best: Fitted | null = null
    let waited = 0
    let rate = options.learningRate
    for (let epoch = 1; epoch <= options.epochsMax; epoch++) {
      random.shuffle(order)
      this.epoch(state, { inputs, width, labels: training.labels, order, rate, options })
      const model = { preparation, network: state.network() }
      const loss = this.validate(model, checked)
      if (!Number.isFinite(loss)) {
        const where = `${this.name}: log loss is ${loss} after epoch ${epoch}`
        throw new LimnError('ERR_MODEL_DIVERGED', where)
      }
      progress({ learner: this.name, epoch, epochsMax: options.epochsMax, validationLogLoss: loss })
      if (best === null || loss < best.validationLogLoss) {
        best = { learner: this.name, model, epochs: epoch, validationLogLoss: loss }
        waited = 0
      } else {
        waited++
        rate *= 0.5
        if (waited >= options.patience) break
      }
      if (options.signal?.aborted === true) break
      await setImmediate()
    }
    if (best === null) throw new LimnError('ERR_MODEL_DIVERGED', `${this.name}: no epoch was run`)
    return { ...best, model: calibrate(best.model, validation) }
  }

  private epoch(state: AdamState, task: EpochTask): void {
    const { order, width, options } = task
    const inputs = new Float32Array(options.batchRows * width)
    const labels = new Uint8Array(options.batchRows)
    for (let start = 0; start < order.length; start += options.batchRows) {
      const size = Math.min(options.batchRows, order.length - start)
      for (let i = 0; i < size; i++) {
        const row = order[start + i]
        inputs.set(task.inputs.subarray(row * width, (row + 1) * width), i * width)
        labels[i] = task.labels[row]
      }
      const batch = { inputs: inputs.subarray(0, size * width), labels: labels.subarray(0, size) }
      this.gradients(state, batch)
      state.step(task.rate, options.penalty)
    }
  }

  /** Forward and backward pass of one batch; leaves the mean gradients in `state.gradients`. */
  private gradients(state: AdamState, batch: { inputs: Float32Array; labels: Uint8Array }): void {
    const { tf } = this.backend
    const count = batch.labels.length
    const { sizes } = state
    const last = sizes.length - 2
    tf.engine().startScope()
    const weights: Tensor2D[] = []
    const activations: Tensor2D[] = [tf.tensor2d(batch.inputs, [count, sizes[0]])]
    for (let layer = 0; layer <= last; layer++) {
      const kernel = tf.tensor2d(state.weightsOf(layer), [sizes[layer], sizes[layer + 1]])
      const bias = tf.tensor1d(state.biasOf(layer))
      const activation = layer < last ? 'relu' : 'linear'
      weights.push(kernel)
      activations.push(fusedMatMul(tf, { a: activations[layer], b: kernel, bias, activation }))
    }
    const errors = lossGradient(activations[last + 1].dataSync<'float32'>(), batch.labels)
    let delta: Tensor2D = tf.tensor2d(errors, [count, 1])
    for (let layer = last; layer >= 0; layer--) {
      const slope: Tensor = tf.matMul(activations[layer], delta, true, false)
      state.gradientOfWeights(layer).set(slope.dataSync<'float32'>())
      state.gradientOfBias(layer).set(tf.sum(delta, 0).dataSync<'float32'>())
      if (layer > 0) {
        const back = tf.matMul(delta, weights[layer], false, true)
        delta = tf.mul(back, tf.step(activations[layer]))
      }
    }
    tf.engine().endScope()
  }

  private validate(model: DenseModel, table: Table): number {
    const scorer = new DenseScorer(model, this.backend)
    const scores = new Float32Array(table.count)
    scorer.score(table.rows, table.count, scores)
    scorer.dispose()
    return logLoss(scores, table.labels)
  }
}

function calibrate({ preparation, network }: DenseModel, table: Table): DenseModel {
  const width = preparedWidth(preparation)
  const inputs = new Float32Array(table.count * width)
  prepareRows(preparation, table.rows, table.count, inputs)
  const scorer = new NetworkScorer(network)
  const logits = Float64Array.from({ length: table.count }, (_, i) =>
    scorer.logit(inputs, i * width),
  )
  return { preparation, network: calibrated(network, fitCalibration(logits, table.labels)) }
}

interface EpochTask {
  readonly inputs: Float32Array
  readonly width: number
  readonly labels: Uint8Array
  readonly order: Uint32Array
  readonly rate: number
  readonly options: FitOptions
}

/** Parameters, their gradients and Adam's moments, each one flat array: weights, bias, weights, … */
class AdamState {
  readonly sizes: readonly number[]
  readonly parameters: Float32Array
  private readonly gradient: Float32Array
  private readonly first: Float32Array
  private readonly second: Float32Array
  private steps = 0

  /** He initialisation; a layer without a successor starts near 0. */
  constructor(sizes: readonly number[], random: Random) {
    this.sizes = sizes
    const size = networkParameters(sizes)
    this.parameters = new Float32Array(size)
    this.gradient = new Float32Array(size)
    this.first = new Float32Array(size)
    this.second = new Float32Array(size)
    for (let layer = 0; layer < sizes.length - 1; layer++) {
      const scale = layer === sizes.length - 2 ? 0.01 : Math.sqrt(2 / sizes[layer])
      const weights = this.weightsOf(layer)
      for (let i = 0; i < weights.length; i++) weights[i] = random.normal() * scale
    }
  }

  weightsOf(layer: number): Float32Array {
    return this.part(this.parameters, layer, 'weights')
  }

  biasOf(layer: number): Float32Array {
    return this.part(this.parameters, layer, 'bias')
  }

  gradientOfWeights(layer: number): Float32Array {
    return this.part(this.gradient, layer, 'weights')
  }

  gradientOfBias(layer: number): Float32Array {
    return this.part(this.gradient, layer, 'bias')
  }

  step(rate: number, penalty: number): void {
    this.steps++
    const { parameters, gradient, first, second } = this
    const correction1 = 1 - BETA_1 ** this.steps
    const correction2 = 1 - BETA_2 ** this.steps
    const size = (rate * Math.sqrt(correction2)) / correction1
    for (let layer = 0; layer < this.sizes.length - 1; layer++) {
      const slope = this.gradientOfWeights(layer)
      const weights = this.weightsOf(layer)
      for (let i = 0; i < slope.length; i++) slope[i] += penalty * weights[i]
    }
    for (let i = 0; i < parameters.length; i++) {
      const g = gradient[i]
      first[i] = BETA_1 * first[i] + (1 - BETA_1) * g
      second[i] = BETA_2 * second[i] + (1 - BETA_2) * g * g
      parameters[i] -= (size * first[i]) / (Math.sqrt(second[i]) + EPSILON)
    }
  }

  /** A copy as a network. */
  network(): Network {
    const weights: Float32Array[] = []
    const biases: Float32Array[] = []
    for (let layer = 0; layer < this.sizes.length - 1; layer++) {
      weights.push(this.weightsOf(layer).slice())
      biases.push(this.biasOf(layer).slice())
    }
    return { sizes: this.sizes, weights, biases }
  }

  private part(values: Float32Array, layer: number, part: 'weights' | 'bias'): Float32Array {
    const start = networkParameters(this.sizes.slice(0, layer + 1))
    const middle = start + this.sizes[layer] * this.sizes[layer + 1]
    const end = middle + this.sizes[layer + 1]
    return part === 'weights' ? values.subarray(start, middle) : values.subarray(middle, end)
  }
}

/** d(mean log loss)/d(logit). */
function lossGradient(logits: Float32Array, labels: Uint8Array): Float32Array {
  const errors = new Float32Array(logits.length)
  for (let i = 0; i < errors.length; i++) {
    const probability = 1 / (1 + Math.exp(-logits[i]))
    errors[i] = (probability - labels[i]) / errors.length
  }
  return errors
}

function checkClasses(table: Table): number {
  if (table.count === 0) {
    throw new LimnError('ERR_DATASET_EMPTY', 'there is no labelled row to learn from')
  }
  const positives = countPositives(table.labels)
  if (positives === 0 || positives === table.count) {
    const only = positives === 0 ? 'negative' : 'positive'
    throw new LimnError(
      'ERR_DATASET_ONE_CLASS',
      `all ${table.count} training rows are ${only}: nothing can be learned from them`,
    )
  }
  return positives
}
