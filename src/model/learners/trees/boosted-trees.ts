import { checkRequest, parameter, type FitRequest, type Learner } from '../learner.ts'
import type { Parameters, Predictor } from '../predictor.ts'
import { boost, type Boosted } from './boost.ts'
import { objectiveOf, type Objective } from './boosting-objective.ts'
import { loadForest } from './forest-predictor.ts'
import { GrowingTrees } from './growing-trees.ts'
import type { Link } from './link.ts'
import { Checker, prepareTreeData, usefulInputs, type TreeData } from './tree-data.ts'
import { TreeGrower, type Leaf } from './tree-grower.ts'
import {
  boostingParameters,
  depthParameter,
  leafWeightParameter,
  penaltyParameter,
  shareParameter,
} from './tree-parameters.ts'
import { ValueStatistic } from './tree-values.ts'

/** A leaf moves a score by at most this much before the learning rate. */
const STEP_MAX = 20
/** Fitting ends after so many rounds without a split. */
const IDLE_ROUNDS_MAX = 10

/**
 * Gradient-boosted trees (Friedman 2001; Newton steps as in Chen & Guestrin 2016, "XGBoost";
 * histograms, and leaves by gain, as in Ke et al. 2017, "LightGBM"). Missing values go the way that
 * gains more. Fitting ends when the validation rows stop gaining; where none are given, a tenth of
 * the rows is kept for that.
 */
export const boostedTrees: Learner = {
  name: 'boosted_trees',
  title: 'Gradient-boosted trees',
  tasks: ['binary', 'multiclass', 'regression', 'count'],
  form: 'raw',
  parameters: {
    ...boostingParameters({
      rounds: { description: 'Rounds at most: a tree each, or one for each class', value: 500 },
      learningRate: { value: 0.05, grid: [0.02, 0.05, 0.1] },
    }),
    depth: depthParameter(6, { max: 30, grid: [3, 4, 6, 8] }),
    leaves: parameter('Leaves of a tree at most', 31, {
      min: 2,
      max: 1_024,
      whole: true,
      grid: [15, 31, 63],
    }),
    weightMin: leafWeightParameter('Least sum of curvatures in a leaf', 3, [1, 3, 10, 30]),
    penalty: penaltyParameter('Pulls leaves toward 0 (L2)', {
      grid: [0.1, 1, 10],
      logarithmic: true,
    }),
    gainMin: parameter('Least gain of a split', 0, { min: 0, max: 1e9, grid: [0, 0.1, 1] }),
    rowShare: shareParameter('Share of the rows that each round draws', 0.8, {
      min: 0.05,
      grid: [0.5, 0.8, 1],
    }),
    inputShare: shareParameter('Share of the inputs that each tree draws', 0.8, {
      min: 0.01,
      grid: [0.3, 0.6, 0.8, 1],
    }),
  },

  async fit(request: FitRequest): Promise<Predictor> {
    const parameters = checkRequest(boostedTrees, request)
    const data = prepareTreeData(request, { keep: true })
    const boosted = new Boosting(data, parameters)
    return boost(boostedTrees.name, boosted, { request, data, parameters })
  },

  load: async (saved) => loadForest(boostedTrees.name, saved),
}

class Boosting implements Boosted {
  readonly trees = new GrowingTrees(1)
  readonly objective: Objective
  readonly checker: Checker | null
  private readonly data: TreeData
  private readonly parameters: Parameters
  private readonly statistic: ValueStatistic
  private readonly grower: TreeGrower
  private readonly inputs: Uint32Array<ArrayBuffer>
  /** Of all rows, `base.length` each. */
  private readonly scores: Float64Array
  private readonly drawn: Uint8Array
  /** Rounds at the end that split nothing. */
  private idle = 0

  constructor(data: TreeData, parameters: Parameters) {
    this.data = data
    this.parameters = parameters
    const { count } = data.table
    this.objective = objectiveOf(data)
    const { base } = this.objective
    this.checker = data.checked === null ? null : new Checker(data.checked, base)
    this.statistic = new ValueStatistic(count)
    this.inputs = usefulInputs(data)
    this.grower = new TreeGrower(data.table, this.statistic, {
      depthMax: parameters.depth,
      leavesMax: parameters.leaves >= 2 ** parameters.depth ? Infinity : parameters.leaves,
      weightMin: parameters.weightMin,
      penalty: parameters.penalty,
      gainMin: parameters.gainMin,
      inputsPerSplit: Infinity,
    })
    this.scores = Float64Array.from(
      { length: count * base.length },
      (_, i) => base[i % base.length],
    )
    this.drawn = new Uint8Array(count)
  }

  get link(): Link {
    return this.objective.link
  }

  get base(): readonly number[] {
    return this.objective.base
  }

  /** A round: a tree for each score. */
  add(): boolean {
    const { data, statistic, objective, trees } = this
    const size = objective.base.length
    const before = size > 1 ? this.scores.slice() : this.scores
    const rows = this.drawRows()
    const inputs = this.drawInputs()
    let leaves = 0
    for (let k = 0; k < size; k++) {
      objective.pull(before, k, rows, statistic)
      const task = { rows, inputs, random: data.random }
      const grown = this.grower.grow(trees, task)
      leaves += grown.length
      this.settle(grown, rows, k)
      this.checker?.add(trees, trees.roots.length - 1, k)
    }
    this.idle = leaves > size ? 0 : this.idle + 1
    return this.idle < IDLE_ROUNDS_MAX
  }

  /** Gives leaves their values and adds those to the scores. */
  private settle(leaves: readonly Leaf[], rows: Uint32Array, k: number): void {
    const { trees, parameters, scores, data, drawn } = this
    const size = this.objective.base.length
    for (const { node, sums, start, end } of leaves) {
      const step = ValueStatistic.leaf(sums, parameters.penalty)
      const limited = Math.min(STEP_MAX, Math.max(-STEP_MAX, step))
      const value = this.objective.link === 'value' ? step : limited
      trees.values[node] = parameters.learningRate * value
      for (let i = start; i < end; i++) scores[rows[i] * size + k] += trees.values[node]
    }
    if (rows.length === data.rows.length) return
    const tree = trees.roots.length - 1
    for (const row of data.rows) {
      if (drawn[row] === 1) continue
      scores[row * size + k] += trees.values[trees.leafOf(tree, data.table, row)]
    }
  }

  private drawRows(): Uint32Array<ArrayBuffer> {
    const { rows, random } = this.data
    const { rowShare } = this.parameters
    if (rowShare === 1) return rows.slice()
    const taken = new Uint32Array(rows.length)
    let size = 0
    for (const row of rows) {
      const draw = random.next() < rowShare
      this.drawn[row] = draw ? 1 : 0
      if (draw) taken[size++] = row
    }
    return taken.slice(0, size)
  }

  private drawInputs(): Uint32Array<ArrayBuffer> {
    const count = Math.max(1, Math.round(this.parameters.inputShare * this.inputs.length))
    if (count >= this.inputs.length) return this.inputs.slice()
    this.data.random.shuffle(this.inputs)
    return this.inputs.slice(0, count).sort()
  }
}
