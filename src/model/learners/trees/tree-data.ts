import { LimnError } from '../../../protocol/errors.ts'
import { Random } from '../../random.ts'
import { INPUTS_MAX } from './forest.ts'
import type { GrowingTrees } from './growing-trees.ts'
import type { Examples, FitRequest } from '../learner.ts'
import { lossOf, toOutputs, type Link } from './link.ts'
import { codeRows, findCuts, type TreeTable } from './tree-table.ts'

/** Rows kept for early stopping where none are given: this share, if that is at least so many. */
const KEPT_SHARE = 0.1
const KEPT_ROWS_MIN = 20

/** A request as the tree learners use it. */
export interface TreeData {
  readonly examples: Examples
  readonly table: TreeTable
  /** Weight of each row of the table. */
  readonly weights: Float32Array
  /** Rows to learn from. */
  readonly rows: Uint32Array<ArrayBuffer>
  readonly checked: CheckedRows | null
  readonly random: Random
}

/** Rows on which the loss is looked at. */
export interface CheckedRows {
  readonly examples: Examples
  readonly table: TreeTable
  readonly rows: Uint32Array
}

/**
 * @param keep where no validation rows are given, a tenth of the rows of each class is kept for it
 * @throws LimnError ERR_LEARNER_INPUT for more inputs than a forest's file has room for
 */
export function prepareTreeData(request: FitRequest, { keep }: { keep: boolean }): TreeData {
  const { training: examples, validation, seed } = request
  if (examples.width > INPUTS_MAX) {
    const message = `there are ${examples.width} inputs; trees take at most ${INPUTS_MAX}`
    throw new LimnError('ERR_LEARNER_INPUT', message)
  }
  const random = new Random(seed)
  const cuts = findCuts(examples)
  const table = codeRows(examples, cuts)
  const weights = examples.weights ?? new Float32Array(examples.count).fill(1)
  const all = Uint32Array.from({ length: examples.count }, (_, row) => row)
  const shared = { examples, table, weights, random }
  if (validation !== null && validation.count > 0) {
    const rows = Uint32Array.from({ length: validation.count }, (_, row) => row)
    const checked = { examples: validation, table: codeRows(validation, cuts), rows }
    return { ...shared, rows: all, checked }
  }
  const kept = keep ? keepRows(examples, random) : new Uint8Array(examples.count)
  const checkedRows = all.filter((row) => kept[row] === 1)
  if (checkedRows.length === 0) return { ...shared, rows: all, checked: null }
  const rows = all.filter((row) => kept[row] === 0)
  return { ...shared, rows, checked: { examples, table, rows: checkedRows } }
}

/** Marks a tenth of the rows, and of each class as near to it as whole rows allow. */
function keepRows({ count, labels, classes }: Examples, random: Random): Uint8Array {
  const kept = new Uint8Array(count)
  if (count * KEPT_SHARE < KEPT_ROWS_MIN) return kept
  const order = Uint32Array.from({ length: count }, (_, row) => row)
  random.shuffle(order)
  const seen = new Uint32Array(Math.max(1, classes))
  for (const row of order) {
    const group = classes > 0 ? labels[row] : 0
    const before = Math.floor(seen[group] * KEPT_SHARE)
    if (Math.floor(++seen[group] * KEPT_SHARE) > before) kept[row] = 1
  }
  return kept
}

/** Scores of checked rows while trees are added, and their loss. */
export class Checker {
  private readonly checked: CheckedRows
  private readonly size: number
  private readonly sums: Float64Array
  private readonly outputs: Float64Array

  constructor(checked: CheckedRows, base: readonly number[]) {
    this.checked = checked
    this.size = base.length
    this.sums = Float64Array.from(
      { length: checked.rows.length * base.length },
      (_, i) => base[i % base.length],
    )
    this.outputs = new Float64Array(base.length)
  }

  /** @param score where a leaf's only number is added; leaves of several are added to all scores */
  add(trees: GrowingTrees, tree: number, score: number): void {
    const { rows, table } = this.checked
    const { leafSize, values } = trees
    for (let i = 0; i < rows.length; i++) {
      const leaf = trees.leafOf(tree, table, rows[i])
      for (let k = 0; k < leafSize; k++) {
        this.sums[i * this.size + score + k] += values[leaf * leafSize + k]
      }
    }
  }

  /** Mean loss of the scores times `scale`, weighted. */
  loss(link: Link, scale = 1): number {
    const { rows, examples } = this.checked
    const { outputs, size, sums } = this
    let loss = 0
    let weights = 0
    for (let i = 0; i < rows.length; i++) {
      for (let k = 0; k < size; k++) outputs[k] = scale * sums[i * size + k]
      toOutputs(link, outputs, 0, size)
      const weight = examples.weights?.[rows[i]] ?? 1
      loss += weight * lossOf(link, examples.labels[rows[i]], { outputs, at: 0, size })
      weights += weight
    }
    return loss / weights
  }
}

/** Weighted share of each class among the rows. */
export function classShares({ examples, rows, weights }: TreeData): Float64Array {
  const shares = new Float64Array(examples.classes)
  let total = 0
  for (const row of rows) {
    shares[examples.labels[row]] += weights[row]
    total += weights[row]
  }
  return shares.map((share) => share / total)
}

export function meanLabel({ examples, rows, weights }: TreeData): number {
  let sum = 0
  let total = 0
  for (const row of rows) {
    sum += weights[row] * examples.labels[row]
    total += weights[row]
  }
  return sum / total
}

/** Inputs that tell rows apart. */
export function usefulInputs({ table }: TreeData): Uint32Array<ArrayBuffer> {
  const inputs = Uint32Array.from({ length: table.width }, (_, input) => input)
  return inputs.filter((input) => {
    return table.cuts[input].length > 0 || table.columns[input].some((code) => code !== 1)
  })
}
