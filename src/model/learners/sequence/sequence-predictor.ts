import Type, { type Static } from 'typebox'
import { LimnError } from '../../../protocol/errors.ts'
import type { Predictor, SavedPredictor } from '../predictor.ts'
import { answer } from '../network-output.ts'
import { PARAMETERS, loadModel, saveModel, size, type ModelFormat } from '../saved-model.ts'
import type { CellName } from './cell.ts'
import { sequenceParameters, type SequenceShape } from './sequence-network.ts'
import { BLOCK_ROWS, SequenceScorer } from './sequence-scorer.ts'

export type SequenceTask = 'binary' | 'multiclass' | 'regression' | 'count'

/** Steps of a row at most. */
export const STEPS_MAX = 1_024
/** Inputs of a step, or outputs, at most in a file. */
const WIDTH_MAX = 2 ** 14
export const HIDDEN_MAX = 512

const Facts = Type.Object({
  task: Type.Union([
    Type.Literal('binary'),
    Type.Literal('multiclass'),
    Type.Literal('regression'),
    Type.Literal('count'),
  ]),
  steps: size(1, STEPS_MAX),
  /** Of a step. */
  inputs: size(1, WIDTH_MAX),
  hidden: size(1, HIDDEN_MAX),
  outputs: size(1, WIDTH_MAX),
  /** A regression's answer is `mean + deviation × output`. */
  labels: Type.Object({ mean: Type.Number(), deviation: Type.Number() }),
  parameters: PARAMETERS,
  epochs: size(1),
  /** Of the best epoch, on the rows that fitting was stopped by. */
  loss: Type.Number(),
})
type SequenceFacts = Static<typeof Facts>

const ARRAYS = { weights: 'f32' } as const

/** A recurrent network with the output its task needs. */
export class SequencePredictor implements Predictor {
  readonly learner: CellName
  readonly task: SequenceTask
  readonly width: number
  readonly outputs: number
  private readonly facts: SequenceFacts
  private readonly weights: Float32Array
  private readonly scorer: SequenceScorer
  private readonly raw: Float32Array

  constructor(cell: CellName, weights: Float32Array, facts: SequenceFacts) {
    this.learner = cell
    this.task = facts.task
    this.width = facts.steps * facts.inputs
    this.outputs = facts.outputs
    this.facts = facts
    this.weights = weights
    this.scorer = new SequenceScorer({ cell, ...facts }, weights)
    this.raw = new Float32Array(facts.outputs)
  }

  predict(rows: Float32Array, count: number, out: Float32Array): void {
    const { width, outputs, raw } = this
    for (let start = 0; start < count; start += BLOCK_ROWS) {
      const size = Math.min(BLOCK_ROWS, count - start)
      const values = this.scorer.run(rows.subarray(start * width, (start + size) * width), size)
      for (let row = 0; row < size; row++) {
        for (let k = 0; k < outputs; k++) raw[k] = values[row * outputs + k]
        answer(this.facts, raw, out, (start + row) * outputs)
      }
    }
  }

  save(): SavedPredictor {
    return saveModel(formatOf(this.learner), {
      facts: this.facts,
      arrays: { weights: this.weights },
    })
  }

  describe(): Readonly<Record<string, unknown>> {
    const { steps, inputs, hidden, outputs, epochs, loss, parameters } = this.facts
    const { length: weights } = this.weights
    return { steps, inputs, hidden, outputs, weights, epochs, loss, parameters }
  }

  /** What an input at a step adds depends on all steps before it: there is no share to give. */
  importance(): null {
    return null
  }

  dispose(): void {
    // Holds nothing that the collector does not free.
  }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function loadSequence(cell: CellName, saved: SavedPredictor): SequencePredictor {
  const { facts, arrays } = loadModel(formatOf(cell), saved)
  if (facts.task !== 'multiclass' && facts.outputs !== 1) {
    const message = `the model of ${cell} has ${facts.outputs} outputs for the task "${facts.task}"`
    throw new LimnError('ERR_MODEL_CORRUPT', message)
  }
  return new SequencePredictor(cell, arrays.weights, facts)
}

function formatOf(cell: CellName): ModelFormat<typeof Facts, typeof ARRAYS> {
  const shapeOf = (facts: SequenceFacts): SequenceShape => ({ cell, ...facts })
  return {
    learner: cell,
    facts: Facts,
    arrays: ARRAYS,
    lengths: (facts) => ({ weights: sequenceParameters(shapeOf(facts)) }),
  }
}
