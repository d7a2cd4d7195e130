import { NetworkScorer, sigmoid, type Network } from '../../network.ts'
import type { Parameters, Predictor, SavedPredictor, Task } from '../learner.ts'

/** What a dense predictor is beside its weights; its saved description. */
export interface DenseFacts {
  readonly task: Task
  readonly names: readonly string[]
  /** Inputs, hidden layers, outputs. */
  readonly sizes: readonly number[]
  /** Of the labels: a regression's output is `mean + deviation × network`. */
  readonly labels: { readonly mean: number; readonly deviation: number }
  readonly parameters: Parameters
  readonly epochs: number
  /** Of the best epoch, on the rows that fitting was stopped by. */
  readonly loss: number
}

/** Inputs are standardised; beyond this many deviations they carry no more weight. */
export const INPUT_MAX = 20
const LOG_COUNT_MAX = 30

/** A network with the output its task needs; in plain JavaScript, on buffers made once. */
export class DensePredictor implements Predictor {
  readonly learner: string
  readonly task: Task
  readonly width: number
  readonly outputs: number
  private readonly network: Network
  private readonly facts: DenseFacts
  private readonly scorer: NetworkScorer
  private readonly inputs: Float32Array

  constructor(learner: string, network: Network, facts: DenseFacts) {
    this.learner = learner
    this.network = network
    this.facts = facts
    this.task = facts.task
    this.width = network.sizes[0]
    this.outputs = network.sizes[network.sizes.length - 1]
    this.scorer = new NetworkScorer(network)
    this.inputs = new Float32Array(this.width)
  }

  predict(rows: Float32Array, count: number, out: Float32Array): void {
    for (let row = 0; row < count; row++) {
      takeInputs(rows, row * this.width, this.inputs)
      answer(this.facts, this.scorer.outputs(this.inputs, 0), out, row * this.outputs)
    }
  }

  save(): SavedPredictor {
    const { weights, biases } = this.network
    const parts = weights.flatMap((layer, i) => [layer, biases[i]])
    const floats = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      floats.set(part, at)
      at += part.length
    }
    return { description: { ...this.facts }, bytes: new Uint8Array(floats.buffer) }
  }

  describe(): Readonly<Record<string, unknown>> {
    const { sizes, parameters, epochs, loss, names } = this.facts
    const shown = { layers: sizes, epochs, loss, parameters }
    if (sizes.length > 2 || sizes[1] > 1) return shown
    const [weights] = this.network.weights
    return {
      ...shown,
      coefficients: Object.fromEntries(names.map((name, i) => [name, weights[i]])),
    }
  }

  /** Products of absolute weights along the paths from each input to the outputs (after Garson 1991). */
  importance(): Float32Array | null {
    const { sizes, weights } = this.network
    let reach = new Float64Array(sizes[sizes.length - 1]).fill(1)
    for (let layer = weights.length - 1; layer >= 0; layer--) {
      const below = new Float64Array(sizes[layer])
      const outputs = sizes[layer + 1]
      for (let i = 0; i < below.length; i++) {
        for (let j = 0; j < outputs; j++) {
          below[i] += Math.abs(weights[layer][i * outputs + j]) * reach[j]
        }
      }
      reach = below
    }
    const sum = reach.reduce((total, value) => total + value, 0)
    return sum > 0 ? Float32Array.from(reach, (value) => value / sum) : null
  }

  dispose(): void {
    // Holds nothing that the collector does not free.
  }
}

/** Copies a row's inputs; what is not finite counts as 0, the mean, and extremes are clipped. */
export function takeInputs(rows: Float32Array, offset: number, inputs: Float32Array): void {
  for (let i = 0; i < inputs.length; i++) {
    const x = rows[offset + i]
    inputs[i] = x - x !== 0 ? 0 : x > INPUT_MAX ? INPUT_MAX : x < -INPUT_MAX ? -INPUT_MAX : x
  }
}

/** Turns the network's outputs into what the task asks for. */
export function answer(
  { task, labels }: Pick<DenseFacts, 'task' | 'labels'>,
  raw: ArrayLike<number>,
  out: Float32Array,
  at: number,
): void {
  if (task === 'binary') out[at] = sigmoid(raw[0])
  else if (task === 'regression') out[at] = labels.mean + labels.deviation * raw[0]
  else if (task === 'count') out[at] = Math.exp(Math.min(LOG_COUNT_MAX, raw[0]))
  else softmax(raw, out, at)
}

function softmax(raw: ArrayLike<number>, out: Float32Array, at: number): void {
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < raw.length; i++) most = Math.max(most, raw[i])
  let sum = 0
  for (let i = 0; i < raw.length; i++) sum += Math.exp(raw[i] - most)
  for (let i = 0; i < raw.length; i++) out[at + i] = Math.exp(raw[i] - most) / sum
}
