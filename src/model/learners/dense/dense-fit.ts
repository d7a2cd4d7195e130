import { setImmediate } from 'node:timers/promises'
import { LimnError } from '../../../protocol/errors.ts'
import { loadBackend } from '../../backend.ts'
import { DenseTraining } from '../../dense-training.ts'
import { NetworkScorer, type Network } from '../../network.ts'
import { Random } from '../../random.ts'
import { DensePredictor, INPUT_MAX, answer, takeInputs } from './dense-predictor.ts'
import type { Examples, FitRequest, Learner, Parameters } from '../learner.ts'

/** Share of the training rows that stops fitting where no validation rows are given. */
const STOPPING_SHARE = 0.1
const STOPPING_ROWS_MIN = 100
const PROBABILITY_MIN = 1e-7

interface Best {
  readonly network: Network
  readonly loss: number
  readonly epochs: number
}

/** Fits by mini-batches; keeps the epoch with the least loss on rows that it was not fitted on. */
export async function fitDense(
  learner: Learner,
  parameters: Parameters,
  request: FitRequest,
): Promise<DensePredictor> {
  const { training, seed } = request
  const backend = await loadBackend()
  const random = new Random(seed)
  const order = Uint32Array.from({ length: training.count }, (_, i) => i)
  random.shuffle(order)
  const stopping = stoppingRows(request, order)
  const labels = labelScale(training, stopping.fitted)
  const outputs = training.task === 'multiclass' ? training.classes : 1
  const hidden = [parameters.hidden1 ?? 0, parameters.hidden2 ?? 0].filter((units) => units > 0)
  const sizes = [training.width, ...hidden, outputs]
  const state = new DenseTraining(backend, sizes, random)
  state.outputBias.set(startBias(training, stopping.fitted))
  const loss = (network: Network): number =>
    meanLoss({ task: training.task, labels }, network, stopping.examples, stopping.rows)
  const best = await runEpochs(learner, parameters, request, {
    state,
    rows: stopping.fitted,
    labels,
    random,
    loss,
  })
  const { task, names } = training
  const facts = { task, names, sizes, labels, parameters, epochs: best.epochs, loss: best.loss }
  return new DensePredictor(learner.name, best.network, facts)
}

interface LabelScale {
  readonly mean: number
  readonly deviation: number
}

interface Run {
  readonly state: DenseTraining
  readonly rows: Uint32Array
  readonly labels: LabelScale
  readonly random: Random
  readonly loss: (network: Network) => number
}

async function runEpochs(
  learner: Learner,
  { epochs, patience, learningRate }: Parameters,
  request: FitRequest,
  run: Run,
): Promise<Best> {
  let best: Best | null = null
  let waited = 0
  let rate = learningRate
  for (let epoch = 1; epoch <= epochs; epoch++) {
    run.random.shuffle(run.rows)
    runEpoch(request, run, rate)
    const network = run.state.network()
    const loss = run.loss(network)
    if (!Number.isFinite(loss)) {
      const message = `${learner.name}: the loss is ${loss} after epoch ${epoch}; try a smaller learningRate`
      throw new LimnError('ERR_MODEL_DIVERGED', message)
    }
    request.progress?.({ done: epoch, total: epochs, loss })
    if (best === null || loss < best.loss) {
      best = { network, loss, epochs: epoch }
      waited = 0
    } else {
      waited++
      rate *= 0.6
      if (waited >= patience) break
    }
    if (request.signal?.aborted === true) break
    await setImmediate()
  }
  if (best === null) throw new LimnError('ERR_MODEL_DIVERGED', `${learner.name}: no epoch was run`)
  return best
}

function runEpoch(request: FitRequest, run: Run, rate: number): void {
  const { training, parameters } = request
  const { width, weights, task, labels } = training
  const batchRows = Math.min(parameters.batchRows ?? 256, run.rows.length)
  const inputs = new Float32Array(batchRows * width)
  const one = new Float32Array(width)
  const step = { rate, penalty: parameters.penalty ?? 1e-4 }
  for (let start = 0; start < run.rows.length; start += batchRows) {
    const batch = run.rows.subarray(start, start + batchRows)
    let total = 0
    batch.forEach((row, i) => {
      takeInputs(training.rows, row * width, one)
      inputs.set(one, i * width)
      total += weights === null ? 1 : weights[row]
    })
    const slope = (outputs: Float32Array): void => {
      const each = outputs.length / batch.length
      batch.forEach((row, i) => {
        const weight = (weights === null ? 1 : weights[row]) / total
        differentiate(task, outputs, i * each, each, scaled(task, labels[row], run.labels))
        for (let k = 0; k < each; k++) outputs[i * each + k] *= weight
      })
    }
    run.state.step(inputs.subarray(0, batch.length * width), batch.length, slope, step)
  }
}

/** A label as the network sees it. */
function scaled(task: Examples['task'], label: number, { mean, deviation }: LabelScale): number {
  return task === 'regression' ? (label - mean) / deviation : label
}

/** Outputs of one row become d(loss)/d(output): log loss, squared error, or Poisson's. */
function differentiate(
  task: Examples['task'],
  outputs: Float32Array,
  at: number,
  each: number,
  label: number,
): void {
  if (task === 'regression') {
    outputs[at] -= label
    return
  }
  const scale = { mean: 0, deviation: 1 }
  answer({ task, labels: scale }, outputs.slice(at, at + each), outputs, at)
  if (task === 'multiclass') outputs[at + label] -= 1
  else outputs[at] -= label
  // A count far off must not throw the weights away.
  if (task === 'count') outputs[at] = Math.max(-INPUT_MAX, Math.min(INPUT_MAX, outputs[at]))
}

/** The rows to fit on, and those that say when to stop. */
function stoppingRows(
  { training, validation }: FitRequest,
  order: Uint32Array,
): { fitted: Uint32Array; examples: Examples; rows: Uint32Array } {
  if (validation !== null && validation.count > 0) {
    const rows = Uint32Array.from({ length: validation.count }, (_, i) => i)
    return { fitted: order, examples: validation, rows }
  }
  const held = Math.floor(order.length * STOPPING_SHARE)
  if (held < STOPPING_ROWS_MIN) return { fitted: order, examples: training, rows: order.slice() }
  return { fitted: order.slice(held), examples: training, rows: order.slice(0, held) }
}

function labelScale({ labels, task }: Examples, rows: Uint32Array): LabelScale {
  if (task !== 'regression') return { mean: 0, deviation: 1 }
  let sum = 0
  for (const row of rows) sum += labels[row]
  const mean = sum / rows.length
  let squares = 0
  for (const row of rows) squares += (labels[row] - mean) ** 2
  const deviation = Math.sqrt(squares / rows.length)
  return { mean, deviation: deviation > 0 ? deviation : 1 }
}

/** The answer that needs no inputs: the log odds, log shares or log mean of the labels. */
function startBias({ labels, task, classes, weights }: Examples, rows: Uint32Array): number[] {
  if (task === 'regression') return [0]
  const weightOf = (row: number): number => (weights === null ? 1 : weights[row])
  let total = 0
  for (const row of rows) total += weightOf(row)
  if (task === 'multiclass') {
    const shares = new Float64Array(classes).fill(1)
    for (const row of rows) shares[labels[row]] += weightOf(row)
    return Array.from(shares, (share) => Math.log(share / (total + classes)))
  }
  let sum = 0
  for (const row of rows) sum += labels[row] * weightOf(row)
  const mean = (sum + 0.5) / (total + 1)
  return [task === 'count' ? Math.log(mean) : Math.log(mean / (1 - mean))]
}

function meanLoss(
  shape: { task: Examples['task']; labels: LabelScale },
  network: Network,
  examples: Examples,
  rows: Uint32Array,
): number {
  const scorer = new NetworkScorer(network)
  const inputs = new Float32Array(examples.width)
  const out = new Float32Array(network.sizes[network.sizes.length - 1])
  let sum = 0
  let total = 0
  for (const row of rows) {
    takeInputs(examples.rows, row * examples.width, inputs)
    answer(shape, scorer.outputs(inputs, 0), out, 0)
    const weight = examples.weights === null ? 1 : examples.weights[row]
    sum += weight * lossOf(shape.task, out, examples.labels[row])
    total += weight
  }
  return sum / total
}

function lossOf(task: Examples['task'], out: Float32Array, label: number): number {
  if (task === 'regression') return (out[0] - label) ** 2
  if (task === 'count') return out[0] - label * Math.log(Math.max(PROBABILITY_MIN, out[0]))
  const probability = task === 'multiclass' ? out[label] : label === 1 ? out[0] : 1 - out[0]
  return -Math.log(Math.max(PROBABILITY_MIN, probability))
}
