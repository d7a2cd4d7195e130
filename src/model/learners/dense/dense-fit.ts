import { loadBackend } from '../backend.ts'
import { DenseTraining } from './dense-training.ts'
import { NetworkScorer, type Network } from './network.ts'
import { Random } from '../../random.ts'
import { takeInputs } from '../clipped-inputs.ts'
import { bestEpoch, stoppingRows, type StoppingRows } from '../early-stopping.ts'
import { DensePredictor } from './dense-predictor.ts'
import type { FitRequest, Learner } from '../learner.ts'
import type { Parameters } from '../predictor.ts'
import { answer, type LabelScale } from '../network-output.ts'
import { labelScale, lossOf, lossSlope, outputCount, startBias } from '../network-loss.ts'

/** Fits by mini-batches; keeps the epoch with the least loss on rows that it was not fitted on. */
export async function fitDense(
  learner: Learner,
  parameters: Parameters,
  request: FitRequest,
): Promise<DensePredictor> {
  const { training, seed, signal } = request
  const backend = await loadBackend()
  const random = new Random(seed)
  const stopping = stoppingRows(request, random)
  const rows = stopping.fitted
  const labels = labelScale(training, rows)
  const hidden = [parameters.hidden1 ?? 0, parameters.hidden2 ?? 0].filter((units) => units > 0)
  const sizes = [training.width, ...hidden, outputCount(training)]
  const state = new DenseTraining(backend, sizes, random)
  state.outputBias.set(startBias(training, rows))
  const { model, loss, epochs } = await bestEpoch<Network>({
    name: learner.name,
    parameters,
    signal,
    epoch: async (rate) => {
      random.shuffle(rows)
      runEpoch(request, { state, rows, labels }, rate)
      const network = state.network()
      return { model: network, loss: meanLoss(network, stopping, labels) }
    },
    reached: (done, lossThen) => {
      request.progress?.({ done, total: parameters.epochs, loss: lossThen })
    },
  })
  const { task, names } = training
  const facts = { task, names, sizes, labels, parameters, epochs, loss }
  return new DensePredictor(learner.name, model, { facts, backend })
}

interface Run {
  readonly state: DenseTraining
  readonly rows: Uint32Array
  readonly labels: LabelScale
}

function runEpoch({ training, parameters }: FitRequest, run: Run, rate: number): void {
  const { width } = training
  const batchRows = Math.min(parameters.batchRows ?? 256, run.rows.length)
  const inputs = new Float32Array(batchRows * width)
  const one = new Float32Array(width)
  const step = { rate, penalty: parameters.penalty ?? 1e-4 }
  for (let start = 0; start < run.rows.length; start += batchRows) {
    const batch = run.rows.subarray(start, start + batchRows)
    batch.forEach((row, i) => {
      takeInputs(training.rows, row * width, one)
      inputs.set(one, i * width)
    })
    const slope = lossSlope(training, run.labels, batch)
    run.state.step(inputs.subarray(0, batch.length * width), batch.length, slope, step)
  }
}

function meanLoss(network: Network, { examples, rows }: StoppingRows, labels: LabelScale): number {
  const { task, weights } = examples
  const scorer = new NetworkScorer(network)
  const inputs = new Float32Array(examples.width)
  const out = new Float32Array(network.sizes[network.sizes.length - 1])
  let sum = 0
  let total = 0
  for (const row of rows) {
    takeInputs(examples.rows, row * examples.width, inputs)
    answer({ task, labels }, scorer.outputs(inputs, 0), out, 0)
    const weight = weights === null ? 1 : weights[row]
    sum += weight * lossOf(task, out, examples.labels[row])
    total += weight
  }
  return sum / total
}
