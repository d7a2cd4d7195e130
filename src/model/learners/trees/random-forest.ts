import { Random } from '../../random.ts'
import { ForestPredictor, loadForest } from './forest-predictor.ts'
import { finishTrees } from './finish-trees.ts'
import { GrowingTrees } from './growing-trees.ts'
import { checkRequest, parameter, type FitRequest, type Learner } from '../learner.ts'
import type { Parameters, Predictor } from '../predictor.ts'
import { runRounds } from './rounds.ts'
import { createTarget, type TreeTarget } from './tree-target.ts'
import { Checker, prepareTreeData, usefulInputs, type TreeData } from './tree-data.ts'
import { TreeGrower } from './tree-grower.ts'
import { depthParameter, rowWeightParameter, shareParameter } from './tree-parameters.ts'

/**
 * Random forest (Breiman 2001): deep trees on bootstrap samples, each split looking at a few inputs
 * drawn at random; the answer is the mean of the trees.
 */
export const randomForest: Learner = {
  name: 'random_forest',
  title: 'Random forest',
  tasks: ['binary', 'multiclass', 'regression', 'count'],
  form: 'raw',
  parameters: {
    trees: parameter('Trees', 200, { min: 1, max: 2_000, whole: true }),
    depth: depthParameter(16, { max: 64, grid: [8, 12, 16, 24] }),
    weightMin: rowWeightParameter(5, [1, 2, 5, 10, 25]),
    inputShare: shareParameter(
      'Share of the inputs that a split looks at; 0: 2 √inputs for classes, a third for values',
      0,
      { min: 0, grid: [0.1, 0.2, 0.35, 0.6, 1] },
    ),
    rowShare: shareParameter('Rows drawn for a tree, with repetition, as a share of all', 1, {
      min: 0.01,
      grid: [0.3, 0.6, 1],
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(randomForest, request)
    const data = prepareTreeData(request, { keep: false })
    const target = createTarget(data, { penalty: 0 })
    const trees = new GrowingTrees(target.size)
    const checker = data.checked === null ? null : new Checker(data.checked, target.zeros)
    const inputs = usefulInputs(data)
    const grower = new TreeGrower(data.table, target.statistic, {
      depthMax: parameters.depth,
      leavesMax: Infinity,
      weightMin: parameters.weightMin,
      penalty: 0,
      gainMin: 0,
      inputsPerSplit: inputsPerSplit(data, parameters, inputs.length),
    })
    const add = (): boolean => {
      const random = new Random(Math.floor(data.random.next() * 2 ** 32))
      const rows = drawBootstrap(data, target, { share: parameters.rowShare, random })
      const leaves = grower.grow(trees, { rows, inputs: inputs.slice(), random })
      target.fill(trees, leaves)
      checker?.add(trees, trees.roots.length - 1, 0)
      return true
    }
    const loss = (): number | null =>
      checker?.loss(target.link, 1 / Math.max(1, trees.roots.length)) ?? null
    const plan = { learner: randomForest.name, total: parameters.trees, patience: Infinity }
    await runRounds({ ...plan, add, loss }, request)
    return new ForestPredictor({
      learner: randomForest.name,
      task: data.examples.task,
      forest: finishTrees(trees, data.table.cuts, target.size),
      link: target.link,
      base: target.zeros,
      mean: true,
      parameters,
      loss: loss(),
    })
  },

  load: async (saved) => loadForest(randomForest.name, saved),
}

/**
 * Where no share is given: a third of the inputs for values, 2 √inputs for classes. Breiman (2001) takes
 * √inputs, which is too few where most inputs are flags of categories.
 */
function inputsPerSplit(
  { examples }: TreeData,
  { inputShare }: Parameters,
  inputs: number,
): number {
  if (inputShare > 0) return Math.max(1, Math.round(inputShare * inputs))
  return Math.max(1, Math.ceil(examples.classes > 0 ? 2 * Math.sqrt(inputs) : inputs / 3))
}

/** Draws rows with repetition; a row that is drawn n times weighs n times as much. */
function drawBootstrap(
  { rows, weights }: TreeData,
  target: TreeTarget,
  { share, random }: { share: number; random: Random },
): Uint32Array<ArrayBuffer> {
  const times = new Uint16Array(weights.length)
  const draws = Math.max(1, Math.round(share * rows.length))
  for (let i = 0; i < draws; i++) times[rows[Math.floor(random.next() * rows.length)]]++
  const drawn = rows.filter((row) => times[row] > 0)
  for (const row of drawn) target.weigh(row, times[row] * weights[row])
  return drawn
}
