import type { Examples } from '../learners/learner.ts'
import { binEdges, binOf } from '../binning.ts'

/** Places where an input may be cut. */
const CUTS = 64
/** Rows that each side must have, so that a rule is not about a handful. */
const SIDE_ROWS_MIN = 5

/** One cut of one input, with the answer for each side and for missing values. */
export interface Rule {
  readonly input: number
  readonly threshold: number
  readonly outputs: {
    readonly below: Float32Array
    readonly above: Float32Array
    readonly missing: Float32Array
  }
}

/**
 * The decision stump with the lowest training loss (Holte, Very Simple Classification Rules, Machine
 * Learning 11, 1993): log loss for classes, squared error for values. Cuts are tried at 64 quantiles.
 * @returns null where no input varies
 */
export function bestRule(training: Examples): Rule | null {
  let best: Rule | null = null
  let least = Number.POSITIVE_INFINITY
  for (let input = 0; input < training.width; input++) {
    const found = bestCut(training, input)
    if (found === null || found.loss >= least) continue
    best = found.rule
    least = found.loss
  }
  return best
}

/** Sums over rows from which answer and loss follow: weight of each class, or weight, Σy, Σy². */
type Sums = Float64Array

/** Sums and rows of each part between two edges; the last part has the missing values. */
interface Parts {
  readonly sums: readonly Sums[]
  readonly rows: Uint32Array
}

function bestCut(training: Examples, input: number): { rule: Rule; loss: number } | null {
  const edges = binEdges(training, input, CUTS)
  const parts = partsOf(training, input, edges)
  const missing = parts.sums[edges.length + 1]
  let best = { cut: -1, loss: Number.POSITIVE_INFINITY }
  for (let cut = 0; cut < edges.length; cut++) {
    if (rowsOfSmallerSide(parts, cut) < SIDE_ROWS_MIN) continue
    const [below, above] = sides(parts, cut)
    const loss = lossOf(training, below) + lossOf(training, above) + lossOf(training, missing)
    if (loss < best.loss) best = { cut, loss }
  }
  if (best.cut < 0) return null
  const [below, above] = sides(parts, best.cut)
  const all = total(parts.sums)
  const answer = (side: Sums): Float32Array => answerOf(training, side, all)
  const outputs = { below: answer(below), above: answer(above), missing: answer(missing) }
  return { rule: { input, threshold: edges[best.cut], outputs }, loss: best.loss }
}

function partsOf(training: Examples, input: number, edges: Float32Array): Parts {
  const { width, count, rows } = training
  const bins = edges.length + 1
  const sums = Array.from({ length: bins + 1 }, () => new Float64Array(sumsSize(training)))
  const rowsIn = new Uint32Array(bins + 1)
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + input]
    const bin = x === x ? binOf(x, edges) : bins
    rowsIn[bin]++
    addRow(training, row, sums[bin])
  }
  return { sums, rows: rowsIn }
}

function rowsOfSmallerSide({ rows }: Parts, cut: number): number {
  const count = (part: Uint32Array): number => part.reduce((a, b) => a + b, 0)
  return Math.min(count(rows.subarray(0, cut + 1)), count(rows.subarray(cut + 1, -1)))
}

function sides({ sums }: Parts, cut: number): [Sums, Sums] {
  return [total(sums.slice(0, cut + 1)), total(sums.slice(cut + 1, -1))]
}

function total(parts: readonly Sums[]): Sums {
  const sum = new Float64Array(parts[0].length)
  for (const part of parts) part.forEach((value, i) => (sum[i] += value))
  return sum
}

function sumsSize({ classes }: Examples): number {
  return classes > 0 ? classes : 3
}

function addRow({ labels, weights, classes }: Examples, row: number, sums: Sums): void {
  const weight = weights === null ? 1 : weights[row]
  const label = labels[row]
  if (classes > 0) {
    sums[label] += weight
    return
  }
  sums[0] += weight
  sums[1] += weight * label
  sums[2] += weight * label * label
}

function lossOf({ classes }: Examples, sums: Sums): number {
  if (classes === 0) return sums[0] > 0 ? sums[2] - (sums[1] * sums[1]) / sums[0] : 0
  const total = sums.reduce((a, b) => a + b, 0)
  let loss = 0
  for (const weight of sums) if (weight > 0) loss -= weight * Math.log(weight / total)
  return loss
}

/** A side's mean, or its class shares drawn a little towards those of all rows, so that none is 0. */
function answerOf({ task, classes }: Examples, side: Sums, all: Sums): Float32Array {
  if (classes === 0) return Float32Array.of(side[0] > 0 ? side[1] / side[0] : all[1] / all[0])
  const total = side.reduce((a, b) => a + b, 0)
  const whole = all.reduce((a, b) => a + b, 0)
  const shares = Float32Array.from(side, (weight, k) => (weight + all[k] / whole) / (total + 1))
  return task === 'binary' ? Float32Array.of(shares[1]) : shares
}
