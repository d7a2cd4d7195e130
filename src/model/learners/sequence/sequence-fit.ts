import { loadBackend } from '../backend.ts'
import { Random } from '../../random.ts'
import { bestEpoch, stoppingRows, type StoppingRows } from '../early-stopping.ts'
import type { Examples, FitRequest } from '../learner.ts'
import type { Parameters, Task } from '../predictor.ts'
import { labelScale, lossOf, lossSlope, outputCount, startBias } from '../network-loss.ts'
import type { LabelScale } from '../network-output.ts'
import { Pace } from '../pace.ts'
import type { CellName } from './cell.ts'
import { PackedBatch } from './packed-batch.ts'
import { SequencePredictor, type SequenceTask } from './sequence-predictor.ts'
import { SequenceTraining } from './sequence-training.ts'

/** Rows whose loss is taken in one go. */
const LOSS_ROWS = 64
/** Of a fit that was stopped in its first epoch, the loss is taken on no more rows than this. */
const STOPPED_LOSS_ROWS = 1_024

/** Fits by mini-batches; keeps the epoch with the least loss on rows that it was not fitted on. */
export async function fitSequence(
  cell: CellName,
  parameters: Parameters,
  request: FitRequest,
): Promise<SequencePredictor> {
  const { training, seed, signal } = request
  const backend = await loadBackend()
  const random = new Random(seed)
  const stopping = stoppingRows(request, random)
  const rows = stopping.fitted
  const facts = factsOf(request, parameters, rows)
  const batchRows = Math.min(parameters.batchRows, rows.length)
  const state = new SequenceTraining(backend, { cell, ...facts }, { batchRows, random })
  state.parts.outputBias.set(startBias(training, rows))
  const batch = new PackedBatch(batchRows, facts.steps, facts.inputs)
  const pace = new Pace(request, parameters.epochs * rows.length)
  const run = { training, parameters, state, batch, rows, labels: facts.labels, pace }
  const predictorOf = (weights: Float32Array, epochs: number, loss: number): SequencePredictor =>
    new SequencePredictor(cell, weights, { ...facts, epochs, loss })
  let epochs = 0
  let lossBefore: number | null = null
  const best = await bestEpoch<Float32Array>({
    name: cell,
    parameters,
    signal,
    epoch: async (rate, first) => {
      random.shuffle(rows)
      await runEpoch(run, { rate, epochs, lossBefore })
      if (pace.stopped && !first) return null
      const model = state.parameters.slice()
      const loss = await meanLoss(predictorOf(model, ++epochs, 0), stopping, { pace, first })
      lossBefore = loss
      return loss === null ? null : { model, loss }
    },
  })
  pace.finish(best.loss)
  return predictorOf(best.model, best.epochs, best.loss)
}

function factsOf({ training }: FitRequest, parameters: Parameters, rows: Uint32Array) {
  const { task, steps, width } = training
  return {
    task: sequenceTask(task),
    steps,
    inputs: width / steps,
    // Parameters are kept as floating-point numbers; loops that count with one are half as fast.
    hidden: parameters.hidden | 0,
    outputs: outputCount(training),
    labels: labelScale(training, rows),
    parameters,
  }
}

function sequenceTask(task: Task): SequenceTask {
  return task === 'binary' || task === 'multiclass' || task === 'count' ? task : 'regression'
}

interface Run {
  readonly training: Examples
  readonly parameters: Parameters
  readonly state: SequenceTraining
  readonly batch: PackedBatch
  readonly rows: Uint32Array
  readonly labels: LabelScale
  readonly pace: Pace
}

/** Ends early where fitting is to stop, but not before one batch was taken. */
async function runEpoch(
  run: Run,
  { rate, epochs, lossBefore }: { rate: number; epochs: number; lossBefore: number | null },
): Promise<void> {
  const { training, parameters, state, batch, rows, labels, pace } = run
  const { batchRows, penalty, gradientMax } = parameters
  for (let start = 0; start < rows.length; start += batchRows) {
    const chosen = rows.subarray(start, start + batchRows)
    batch.pack(training.rows, chosen.length, chosen)
    const slope = lossSlope(training, labels, batch.rows.subarray(0, batch.count))
    state.step(batch, slope, { rate, penalty, gradientMax })
    const done = epochs * rows.length + start + chosen.length
    if (!(await pace.reached(done, lossBefore))) return
  }
}

/** Of the model as it will serve; null where it was stopped, and it is not the first one. */
async function meanLoss(
  predictor: SequencePredictor,
  { examples, rows }: StoppingRows,
  { pace, first }: { readonly pace: Pace; readonly first: boolean },
): Promise<number | null> {
  const { width, labels, weights } = examples
  const { task, outputs } = predictor
  const inputs = new Float32Array(LOSS_ROWS * width)
  const answers = new Float32Array(LOSS_ROWS * outputs)
  let sum = 0
  let total = 0
  for (let start = 0; start < rows.length; start += LOSS_ROWS) {
    const some = rows.subarray(start, start + LOSS_ROWS)
    some.forEach((row, i) => {
      inputs.set(examples.rows.subarray(row * width, (row + 1) * width), i * width)
    })
    predictor.predict(inputs, some.length, answers)
    some.forEach((row, i) => {
      const weight = weights === null ? 1 : weights[row]
      const given = answers.subarray(i * outputs, (i + 1) * outputs)
      sum += weight * lossOf(task, given, labels[row])
      total += weight
    })
    if (await pace.reached(0)) continue
    if (!first) return null
    if (start >= STOPPED_LOSS_ROWS) break
  }
  return sum / total
}
