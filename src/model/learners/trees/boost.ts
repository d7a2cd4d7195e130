import type { FitRequest } from '../learner.ts'
import type { Parameters } from '../predictor.ts'
import { ForestPredictor } from './forest-predictor.ts'
import { finishTrees } from './finish-trees.ts'
import type { GrowingTrees } from './growing-trees.ts'
import type { Link } from './link.ts'
import { runRounds } from './rounds.ts'
import type { Checker, TreeData } from './tree-data.ts'

/** A sum of trees that grows: scores are `base` and what the trees add to it. */
export interface Boosted {
  readonly trees: GrowingTrees
  readonly checker: Checker | null
  readonly link: Link
  readonly base: readonly number[]
  /** Adds a round; false: there is nothing more to add. */
  add(): boolean
}

/**
 * Adds rounds until `patience` of them did not lower the validation loss, and keeps those up to the
 * lowest.
 * @throws LimnError ERR_MODEL_DIVERGED
 */
export async function boost(
  learner: string,
  boosted: Boosted,
  fit: { request: FitRequest; data: TreeData; parameters: Parameters },
): Promise<ForestPredictor> {
  const { request, data, parameters } = fit
  const { trees, checker, link, base } = boosted
  const plan = {
    learner,
    total: parameters.rounds,
    patience: parameters.patience,
    add: () => boosted.add(),
    loss: () => checker?.loss(link) ?? null,
  }
  const { rounds, loss } = await runRounds(plan, request)
  trees.truncate((rounds * base.length) / trees.leafSize)
  return new ForestPredictor({
    learner,
    task: data.examples.task,
    forest: finishTrees(trees, data.table.cuts, base.length),
    link,
    base,
    mean: false,
    parameters,
    loss,
  })
}
