import type { Backend } from '../backend.ts'
import { NetworkScorer, type Network } from './network.ts'
import { takeInputs } from '../clipped-inputs.ts'
import type { Parameters, Predictor, SavedPredictor, Task } from '../predictor.ts'
import { answer, type OutputShape } from '../network-output.ts'
import { BATCH_ROWS_MAX, BatchScorer } from './batch-scorer.ts'

/** What a dense predictor is beside its weights; its saved description. */
export interface DenseFacts extends OutputShape {
  readonly names: readonly string[]
  /** Inputs, hidden layers, outputs. */
  readonly sizes: readonly number[]
  readonly parameters: Parameters
  readonly epochs: number
  /** Of the best epoch, on the rows that fitting was stopped by. */
  readonly loss: number
}

/** From so many rows on TensorFlow.js is faster than plain JavaScript (measured in benchmarks/scoring.bench.ts). */
export const BATCH_ROWS_MIN = 16

/** Largest difference of a probability between the JavaScript and the TensorFlow.js path. */
export const SCORE_TOLERANCE = 1e-5

/**
 * A network with the output its task needs, on buffers made once. Few rows run in plain JavaScript, many
 * of a network with hidden layers as TensorFlow.js operations; the two agree within
 * {@link SCORE_TOLERANCE}.
 */
export class DensePredictor implements Predictor {
  readonly learner: string
  readonly task: Task
  readonly width: number
  readonly outputs: number
  private readonly network: Network
  private readonly facts: DenseFacts
  private readonly scorer: NetworkScorer
  private readonly batches: BatchScorer | null
  private readonly inputs: Float32Array
  private readonly batchInputs: Float32Array

  /** @param backend null: everything runs in plain JavaScript */
  constructor(
    learner: string,
    network: Network,
    { facts, backend }: { readonly facts: DenseFacts; readonly backend: Backend | null },
  ) {
    this.learner = learner
    this.network = network
    this.facts = facts
    this.task = facts.task
    this.width = network.sizes[0]
    this.outputs = network.sizes[network.sizes.length - 1]
    this.scorer = new NetworkScorer(network)
    this.inputs = new Float32Array(this.width)
    const hidden = network.sizes.length > 2
    this.batches = hidden && backend !== null ? new BatchScorer(backend, network) : null
    this.batchInputs = new Float32Array(this.batches === null ? 0 : BATCH_ROWS_MAX * this.width)
  }

  predict(rows: Float32Array, count: number, out: Float32Array): void {
    if (this.batches !== null && count >= BATCH_ROWS_MIN) {
      return this.predictBatches(this.batches, { rows, count, out })
    }
    for (let row = 0; row < count; row++) {
      takeInputs(rows, row * this.width, this.inputs)
      answer(this.facts, this.scorer.outputs(this.inputs, 0), out, row * this.outputs)
    }
  }

  private predictBatches(
    batches: BatchScorer,
    { rows, count, out }: { rows: Float32Array; count: number; out: Float32Array },
  ): void {
    const { facts, width, outputs, batchInputs } = this
    for (let start = 0; start < count; start += BATCH_ROWS_MAX) {
      const size = Math.min(BATCH_ROWS_MAX, count - start)
      takeInputs(rows, start * width, batchInputs.subarray(0, size * width))
      const raw = batches.outputs(batchInputs, size)
      for (let row = 0; row < size; row++) {
        const own = outputs === 1 ? [raw[row]] : raw.subarray(row * outputs, (row + 1) * outputs)
        answer(facts, own, out, (start + row) * outputs)
      }
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
    this.batches?.dispose()
  }
}
