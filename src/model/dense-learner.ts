import { setImmediate } from 'node:timers/promises'
import { LimnError } from '../protocol/errors.ts'
import type { Backend } from './backend.ts'
import { DenseTraining } from './dense-training.ts'
import type { Fitted, FitOptions, FitProgress, Learner, LearnerName } from './learner.ts'
import { calibrated, fitCalibration } from './logit-calibration.ts'
import { logLoss } from './metrics.ts'
import { NetworkScorer, type DenseModel } from './network.ts'
import { fitPreparation, preparedWidth, prepareRows } from './preparation.ts'
import { Random } from './random.ts'
import { DenseScorer } from './scorer.ts'
import { countPositives, type Table } from './table.ts'

/**
 * Logistic regression (no hidden layer) and multilayer networks, on the log loss.
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
    const state = new DenseTraining(this.backend, sizes, random)
    const odds = positives / (training.count - positives)
    state.outputBias[0] = Math.log(odds)
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

  private epoch(state: DenseTraining, task: EpochTask): void {
    const { order, width, options } = task
    const inputs = new Float32Array(options.batchRows * width)
    const labels = new Uint8Array(options.batchRows)
    const step = { rate: task.rate, penalty: options.penalty }
    for (let start = 0; start < order.length; start += options.batchRows) {
      const size = Math.min(options.batchRows, order.length - start)
      for (let i = 0; i < size; i++) {
        const row = order[start + i]
        inputs.set(task.inputs.subarray(row * width, (row + 1) * width), i * width)
        labels[i] = task.labels[row]
      }
      const slope = (logits: Float32Array): void => lossSlope(logits, labels)
      state.step(inputs.subarray(0, size * width), size, slope, step)
    }
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

/** Logits become d(mean log loss)/d(logit). */
function lossSlope(logits: Float32Array, labels: Uint8Array): void {
  for (let i = 0; i < logits.length; i++) {
    logits[i] = (1 / (1 + Math.exp(-logits[i])) - labels[i]) / logits.length
  }
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
