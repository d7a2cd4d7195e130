import { checkRequest, type FitRequest, type Learner } from '../learner.ts'
import type { Parameters, Predictor } from '../predictor.ts'
import { boost, type Boosted } from './boost.ts'
import { loadForest } from './forest-predictor.ts'
import { GrowingTrees } from './growing-trees.ts'
import type { Link } from './link.ts'
import { ClassStatistic } from './tree-classes.ts'
import { Checker, classShares, prepareTreeData, usefulInputs, type TreeData } from './tree-data.ts'
import { TreeGrower, type Leaf } from './tree-grower.ts'
import {
  boostingParameters,
  depthParameter,
  penaltyParameter,
  rowWeightParameter,
} from './tree-parameters.ts'

/** Shares of classes in a leaf are kept this far from 0, so that their logarithms are finite. */
const SHARE_MIN = 1e-6

/**
 * AdaBoost by class probabilities (SAMME.R: Zhu, Zou, Rosset & Hastie 2009; for two classes Real
 * AdaBoost, Friedman, Hastie & Tibshirani 2000): shallow trees, each on rows that weigh more the
 * worse those before it did; the first step is the shares of the classes. Scores are log odds, so
 * outputs are probabilities; validation rows, a tenth of all where none are given, end it before it
 * becomes too sure.
 */
export const adaboost: Learner = {
  name: 'adaboost',
  title: 'AdaBoost',
  tasks: ['binary', 'multiclass'],
  form: 'raw',
  parameters: {
    ...boostingParameters({
      rounds: { description: 'Trees at most', value: 300 },
      learningRate: { value: 0.1, grid: [0.05, 0.1, 0.2, 0.5, 1] },
    }),
    depth: depthParameter(3, { max: 10, grid: [1, 2, 3, 4], note: '; 1: stumps' }),
    weightMin: rowWeightParameter(5, [1, 5, 25]),
    penalty: penaltyParameter('Pulls leaves toward equal shares, as so much weight', {
      grid: [0, 1, 10],
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(adaboost, request)
    const data = prepareTreeData(request, { keep: true })
    const boosted = new ClassBoosting(data, parameters)
    return boost(adaboost.name, boosted, { request, data, parameters })
  },

  load: async (saved) => loadForest(adaboost.name, saved),
}

class ClassBoosting implements Boosted {
  readonly trees: GrowingTrees
  readonly checker: Checker | null
  readonly link: Link
  readonly base: readonly number[]
  private readonly data: TreeData
  private readonly parameters: Parameters
  private readonly statistic: ClassStatistic
  private readonly grower: TreeGrower
  private readonly inputs: Uint32Array<ArrayBuffer>
  private readonly rows: Uint32Array<ArrayBuffer>

  constructor(data: TreeData, parameters: Parameters) {
    const { classes, labels } = data.examples
    this.data = data
    this.parameters = parameters
    this.link = classes > 2 ? 'softmax' : 'logistic'
    const first = logShares(classShares(data))
    this.base = classes > 2 ? Array.from(first) : [2 * first[1]]
    this.trees = new GrowingTrees(this.base.length)
    this.checker = data.checked === null ? null : new Checker(data.checked, this.base)
    this.statistic = new ClassStatistic(labels, new Float64Array(classes).fill(1 / classes))
    this.inputs = usefulInputs(data)
    this.rows = data.rows.slice()
    const factors = first.map((step) => Math.exp(-step))
    for (const row of data.rows) {
      this.statistic.weights[row] = data.weights[row] * factors[labels[row]]
    }
    this.rescale()
    this.grower = new TreeGrower(data.table, this.statistic, {
      depthMax: parameters.depth,
      leavesMax: Infinity,
      weightMin: parameters.weightMin,
      penalty: parameters.penalty,
      gainMin: 0,
      inputsPerSplit: Infinity,
    })
  }

  add(): boolean {
    const { data, grower, trees, rows, inputs } = this
    const leaves = grower.grow(trees, { rows, inputs, random: data.random })
    for (const leaf of leaves) this.settle(leaf)
    this.checker?.add(trees, trees.roots.length - 1, 0)
    this.rescale()
    return trees.roots.length === 1 || leaves.length > 1
  }

  /** Gives a leaf its step, and its rows their new weights: e to −step of their own class. */
  private settle({ node, sums, start, end }: Leaf): void {
    const { statistic, trees, base, parameters, rows, data } = this
    const steps = logShares(statistic.shares(sums, parameters.penalty))
    const { labels, classes } = data.examples
    const factors = steps.map((step) => Math.exp(-parameters.learningRate * step))
    for (let i = start; i < end; i++) statistic.weights[rows[i]] *= factors[labels[rows[i]]]
    const rate = parameters.learningRate * (classes > 2 ? 1 : 2)
    for (let k = 0; k < base.length; k++) {
      trees.values[node * base.length + k] = rate * steps[classes > 2 ? k : 1]
    }
  }

  /** Weights of all rows together as at the beginning. */
  private rescale(): void {
    const { weights } = this.statistic
    let now = 0
    let first = 0
    for (const row of this.data.rows) {
      now += weights[row]
      first += this.data.weights[row]
    }
    for (const row of this.data.rows) weights[row] = Math.max(1e-30, (weights[row] * first) / now)
  }
}

/** Logarithms less their mean. */
function logShares(shares: Float64Array): Float64Array {
  const logs = shares.map((share) => Math.log(Math.max(SHARE_MIN, share)))
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  return logs.map((log) => log - mean)
}
