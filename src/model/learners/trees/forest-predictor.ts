import { LimnError } from '../../../protocol/errors.ts'
import { decodeForest, describeForest, encodeForest } from './forest-file.ts'
import { ForestScorer } from './forest-scorer.ts'
import { treeDepths, type Forest } from './forest.ts'
import type { Parameters, Predictor, SavedPredictor, Task } from '../predictor.ts'
import { TASKS } from '../predictor.ts'
import { LINKS, toOutputs, type Link } from './link.ts'

/** What a forest's sums mean, and how it was found. */
export interface ForestModel {
  readonly learner: string
  readonly task: Task
  readonly forest: Forest
  readonly link: Link
  /** Added to the sums, one number a score. */
  readonly base: readonly number[]
  /** The sums are divided by the number of trees. */
  readonly mean: boolean
  readonly parameters: Parameters
  /** On the rows of early stopping; null: there were none. */
  readonly loss: number | null
}

export class ForestPredictor implements Predictor {
  readonly learner: string
  readonly task: Task
  readonly width: number
  readonly outputs: number
  private readonly model: ForestModel
  private scorer: ForestScorer | null

  constructor(model: ForestModel) {
    this.model = model
    this.learner = model.learner
    this.task = model.task
    this.width = model.forest.width
    this.outputs = model.forest.scores
    this.scorer = new ForestScorer(model.forest)
  }

  predict(rows: Float32Array, count: number, out: Float32Array): void {
    const { forest, base, mean, link } = this.model
    const { scores } = forest
    const scale = mean ? 1 / Math.max(1, forest.roots.length) : 1
    this.scorer?.score(rows, count, (sums, first, size) => {
      for (let i = 0; i < size * scores; i++) sums[i] = base[i % scores] + scale * sums[i]
      for (let row = 0; row < size; row++) toOutputs(link, sums, row * scores, scores)
      out.set(sums.subarray(0, size * scores), first * scores)
    })
  }

  save(): SavedPredictor {
    const { forest, ...rest } = this.model
    return { description: { ...rest, shape: describeForest(forest) }, bytes: encodeForest(forest) }
  }

  describe(): Readonly<Record<string, unknown>> {
    const { forest, parameters, loss } = this.model
    const { trees, nodes, leaves, cuts } = describeForest(forest)
    const depth = treeDepths(forest).reduce((most, one) => Math.max(most, one), 0)
    return { parameters, trees, nodes, leaves, cuts, depth, validationLoss: loss }
  }

  importance(): Float32Array | null {
    const { gains } = this.model.forest
    const total = gains.reduce((sum, gain) => sum + gain, 0)
    return total > 0 ? gains.map((gain) => gain / total) : null
  }

  dispose(): void {
    this.scorer = null
  }
}

/** @throws LimnError ERR_MODEL_CORRUPT */
export function loadForest(learner: string, { description, bytes }: SavedPredictor): Predictor {
  try {
    const forest = decodeForest(description.shape, bytes)
    const { task, link, base, mean, loss, parameters } = description as Partial<ForestModel>
    const known = task !== undefined && TASKS.includes(task)
    const linked = link !== undefined && LINKS.includes(link)
    const based = Array.isArray(base) && base.length === forest.scores
    if (!known || !linked || !based || description.learner !== learner) {
      throw new Error(`is no model of ${learner}`)
    }
    if (!base.every((one) => Number.isFinite(one))) throw new Error('has no base')
    return new ForestPredictor({
      learner,
      task,
      forest,
      link,
      base,
      mean: mean === true,
      parameters: parameters ?? {},
      loss: loss ?? null,
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new LimnError('ERR_MODEL_CORRUPT', `the model ${reason}`, { cause: error })
  }
}
