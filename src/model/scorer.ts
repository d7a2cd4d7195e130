import { fusedMatMul, type Backend, type Tensor1D, type Tensor2D } from './backend.ts'
import { NetworkScorer, sigmoid, type DenseModel } from './network.ts'
import { preparedWidth, prepareRows } from './preparation.ts'

/**
 * From this many rows on TensorFlow.js is faster than one row at a time in JavaScript, for networks
 * with hidden layers; measured by `benchmarks/scoring.bench.ts`: with the WASM backend a call costs
 * about 60 µs before the first row, and the two meet between 8 and 16 rows. Logistic regression is
 * faster in JavaScript at every size.
 */
export const BATCH_ROWS_MIN = 16
/** One row at a time in JavaScript, or all at once in TensorFlow.js. */
export type ScorePath = 'rows' | 'batch'

/** Rows of one TensorFlow.js call; larger batches go in pieces. */
const BATCH_ROWS_MAX = 1_024

/**
 * Scores raw feature vectors with a dense model.
 *
 * Small batches run in plain JavaScript on buffers made once, large ones as fused TensorFlow.js
 * operations; the two agree within {@link SCORE_TOLERANCE}. Without a backend everything runs in
 * JavaScript. Belongs to one thread. Call {@link dispose} when replaced: it frees the tensors.
 */
export class DenseScorer {
  private readonly model: DenseModel
  private readonly backend: Backend | null
  private readonly scorer: NetworkScorer
  private readonly inputs: Float32Array
  private readonly width: number
  private readonly batchRowsMin: number
  private readonly weights: Tensor2D[] = []
  private readonly biases: Tensor1D[] = []

  constructor(model: DenseModel, backend: Backend | null) {
    this.model = model
    this.backend = backend
    this.scorer = new NetworkScorer(model.network)
    this.width = preparedWidth(model.preparation)
    this.inputs = new Float32Array(BATCH_ROWS_MAX * this.width)
    const hiddenLayers = model.network.sizes.length - 2
    this.batchRowsMin = hiddenLayers > 0 ? BATCH_ROWS_MIN : Number.POSITIVE_INFINITY
    if (backend === null) return
    const { sizes, weights, biases } = model.network
    for (let layer = 0; layer < weights.length; layer++) {
      const shape: [number, number] = [sizes[layer], sizes[layer + 1]]
      this.weights.push(backend.tf.tensor2d(weights[layer], shape))
      this.biases.push(backend.tf.tensor1d(biases[layer]))
    }
  }

  /**
   * Writes the probability of each of the `count` rows to `out`.
   * @param path forces a path, for measuring; `batch` needs a backend
   */
  score(rows: Float32Array, count: number, out: Float32Array, path?: ScorePath): void {
    const raw = this.model.preparation.width
    for (let start = 0; start < count; start += BATCH_ROWS_MAX) {
      const size = Math.min(BATCH_ROWS_MAX, count - start)
      const part = count === size ? rows : rows.subarray(start * raw)
      prepareRows(this.model.preparation, part, size, this.inputs)
      const inBatch = path === undefined ? size >= this.batchRowsMin : path === 'batch'
      if (this.backend === null || !inBatch) this.scoreRows(size, out, start)
      else this.scoreBatch(this.backend, size, out, start)
    }
  }

  /** Runs both paths once, so that the first real row finds compiled code. */
  warm(): void {
    const rows = new Float32Array(64 * this.model.preparation.width)
    const out = new Float32Array(64)
    this.score(rows, 64, out)
    for (let i = 0; i < 64; i++) this.score(rows, 1, out)
  }

  dispose(): void {
    for (const tensor of [...this.weights, ...this.biases]) tensor.dispose()
    this.weights.length = 0
    this.biases.length = 0
  }

  private scoreRows(count: number, out: Float32Array, at: number): void {
    for (let row = 0; row < count; row++) {
      out[at + row] = sigmoid(this.scorer.logit(this.inputs, row * this.width))
    }
  }

  private scoreBatch(backend: Backend, count: number, out: Float32Array, at: number): void {
    const { tf } = backend
    const used = this.inputs.subarray(0, count * this.width)
    let layer: Tensor2D = tf.tensor2d(used, [count, this.width])
    const last = this.weights.length - 1
    for (let i = 0; i <= last; i++) {
      const next = fusedMatMul(tf, {
        a: layer,
        b: this.weights[i],
        bias: this.biases[i],
        activation: i < last ? 'relu' : 'linear',
      })
      layer.dispose()
      layer = next
    }
    const logits = layer.dataSync<'float32'>()
    layer.dispose()
    for (let row = 0; row < count; row++) out[at + row] = sigmoid(logits[row])
  }
}

/** Largest difference of a probability between the JavaScript and the TensorFlow.js path. */
export const SCORE_TOLERANCE = 1e-5
