import type { GrowingTrees } from './growing-trees.ts'
import type { Link } from './link.ts'
import { ClassStatistic } from './tree-classes.ts'
import { classShares, meanLabel, type TreeData } from './tree-data.ts'
import type { Leaf } from './tree-grower.ts'
import type { Statistic } from './tree-statistic.ts'
import { ValueStatistic } from './tree-values.ts'

/** What trees that stand for themselves learn: a mean, or the shares of classes. */
export interface TreeTarget {
  readonly statistic: Statistic
  /** Numbers in a leaf. */
  readonly size: number
  readonly zeros: readonly number[]
  readonly link: Link
  weigh(row: number, weight: number): void
  /** Weighted sum over all rows of the squared distance from their mean or shares. */
  impurity(): number
  /** Sets the values of leaves, pulled by the penalty toward the mean or shares of all rows. */
  fill(trees: GrowingTrees, leaves: readonly Leaf[]): void
}

export function createTarget(data: TreeData, { penalty }: { penalty: number }): TreeTarget {
  return data.examples.task === 'multiclass'
    ? new SharesTarget(data, penalty)
    : new MeanTarget(data, penalty)
}

class MeanTarget implements TreeTarget {
  readonly statistic: ValueStatistic
  readonly size = 1
  readonly zeros = [0]
  readonly link: Link
  private readonly mean: number
  private readonly penalty: number
  private readonly labels: Float32Array
  private readonly data: TreeData

  constructor(data: TreeData, penalty: number) {
    this.data = data
    this.statistic = new ValueStatistic(data.table.count)
    this.link = data.examples.task === 'binary' ? 'share' : 'value'
    this.mean = meanLabel(data)
    this.penalty = penalty
    this.labels = data.examples.labels
    for (const row of data.rows) this.weigh(row, data.weights[row])
  }

  weigh(row: number, weight: number): void {
    this.statistic.pulls[row] = weight * (this.labels[row] - this.mean)
    this.statistic.holds[row] = weight
  }

  impurity(): number {
    let sum = 0
    for (const row of this.data.rows) {
      sum += this.data.weights[row] * (this.labels[row] - this.mean) ** 2
    }
    return sum
  }

  fill(trees: GrowingTrees, leaves: readonly Leaf[]): void {
    for (const { node, sums } of leaves) {
      trees.values[node] = this.mean + ValueStatistic.leaf(sums, this.penalty)
    }
  }
}

class SharesTarget implements TreeTarget {
  readonly statistic: ClassStatistic
  readonly size: number
  readonly zeros: readonly number[]
  readonly link = 'share'
  private readonly penalty: number
  private readonly data: TreeData

  constructor(data: TreeData, penalty: number) {
    this.data = data
    this.statistic = new ClassStatistic(data.examples.labels, classShares(data))
    this.size = data.examples.classes
    this.zeros = Array.from({ length: this.size }, () => 0)
    this.penalty = penalty
    for (const row of data.rows) this.weigh(row, data.weights[row])
  }

  weigh(row: number, weight: number): void {
    this.statistic.weights[row] = weight
  }

  impurity(): number {
    const { rows, weights } = this.data
    const weight = rows.reduce((sum, row) => sum + weights[row], 0)
    return weight * (1 - this.statistic.prior.reduce((sum, share) => sum + share * share, 0))
  }

  fill(trees: GrowingTrees, leaves: readonly Leaf[]): void {
    for (const { node, sums } of leaves) {
      trees.values.set(this.statistic.shares(sums, this.penalty), node * this.size)
    }
  }
}
