import { ForestPredictor, loadForest } from './forest-predictor.ts'
import { finishTrees } from './finish-trees.ts'
import { GrowingTrees } from './growing-trees.ts'
import { checkRequest, type FitRequest, type Learner } from '../learner.ts'
import type { Predictor } from '../predictor.ts'
import { pruneTree } from './prune-tree.ts'
import { Checker, prepareTreeData, usefulInputs } from './tree-data.ts'
import { TreeGrower } from './tree-grower.ts'
import {
  depthParameter,
  penaltyParameter,
  rowWeightParameter,
  shareParameter,
} from './tree-parameters.ts'
import { createTarget } from './tree-target.ts'

/**
 * One classification or regression tree with cost-complexity pruning (Breiman, Friedman, Olshen &
 * Stone 1984, CART). It is grown in one piece; an abort is noticed afterwards.
 */
export const decisionTree: Learner = {
  name: 'tree',
  title: 'Decision tree',
  tasks: ['binary', 'multiclass', 'regression', 'count'],
  form: 'raw',
  parameters: {
    depth: depthParameter(10, { max: 64, grid: [3, 5, 7, 10, 15] }),
    weightMin: rowWeightParameter(25, [1, 5, 10, 25, 100]),
    complexity: shareParameter(
      'Least gain of a split, as a share of the impurity of all rows',
      0.001,
      { min: 0, grid: [0, 0.0003, 0.001, 0.003, 0.01] },
    ),
    penalty: penaltyParameter('Pulls leaves toward the mean of all rows, as so much weight of it', {
      grid: [0, 1, 5],
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(decisionTree, request)
    const { depth, weightMin, complexity, penalty } = parameters
    const data = prepareTreeData(request, { keep: false })
    const target = createTarget(data, { penalty })
    const grower = new TreeGrower(data.table, target.statistic, {
      depthMax: depth,
      leavesMax: Infinity,
      weightMin,
      penalty,
      gainMin: 0,
      inputsPerSplit: Infinity,
    })
    const grown = new GrowingTrees(target.size)
    const task = { rows: data.rows, inputs: usefulInputs(data), random: data.random }
    const nodes = grower.grow(grown, task)
    const trees = pruneTree(grown, nodes, complexity * target.impurity())
    target.fill(trees.tree, trees.leaves)
    const checker = data.checked === null ? null : new Checker(data.checked, target.zeros)
    checker?.add(trees.tree, 0, 0)
    const loss = checker?.loss(target.link) ?? null
    request.progress?.({ done: 1, total: 1, loss })
    return new ForestPredictor({
      learner: decisionTree.name,
      task: data.examples.task,
      forest: finishTrees(trees.tree, data.table.cuts, target.size),
      link: target.link,
      base: target.zeros,
      mean: true,
      parameters,
      loss,
    })
  },

  load: async (saved) => loadForest(decisionTree.name, saved),
}
