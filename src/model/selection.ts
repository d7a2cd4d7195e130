import { binEdges, binOf } from './binning.ts'
import type { Examples } from './learners/learner.ts'

/**
 * How much each input alone says of the label. Rows where the input is missing are left out, except
 * for mutual information, where "missing" is a value like another; weights do not count. Higher says
 * more; 0 is nothing.
 */

const BINS = 16
const LABEL_BINS = 10

/**
 * The F statistic of a one-way analysis of variance between classes (Fisher, Statistical Methods for
 * Research Workers, 1925). Infinity where an input is constant within every class but not over all.
 */
export function anovaF(examples: Examples): Float64Array {
  return eachInput(examples, (input) => anovaOf(examples, input))
}

/** The F statistic of a linear regression on one input, `r² / (1 − r²) · (n − 2)`. */
export function correlationF(examples: Examples): Float64Array {
  return eachInput(examples, (input) => {
    const { correlation, count } = correlationOf(examples, input)
    const explained = correlation * correlation
    return count < 3 ? 0 : (explained / (1 - explained)) * (count - 2)
  })
}

/**
 * Mutual information of input and label, in nats (Shannon 1948), with both cut into parts of equally
 * many rows where they are not classes; less the bias of an estimate from counts,
 * `(inputs − 1)(labels − 1) / 2n` (Miller 1955), and never below 0.
 */
export function mutualInformation(examples: Examples): Float64Array {
  const labels = labelParts(examples)
  return eachInput(examples, (input) => informationOf(examples, input, labels))
}

/** The `k` inputs with the highest scores, best first; of equal ones the first. NaN is never chosen. */
export function selectBest(scores: Float64Array, k: number): number[] {
  const order = [...scores.keys()].filter((i) => !Number.isNaN(scores[i]))
  return order.sort((a, b) => descending(scores[a], scores[b]) || a - b).slice(0, k)
}

/** Pearson correlation of an input with the label, over rows that have it; 0 where one is constant. */
export function correlationOf(
  { rows, labels, width, count }: Pick<Examples, 'rows' | 'labels' | 'width' | 'count'>,
  input: number,
): { readonly correlation: number; readonly count: number } {
  let present = 0
  let meanX = 0
  let meanY = 0
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + input]
    if (x !== x) continue
    present++
    meanX += (x - meanX) / present
    meanY += (labels[row] - meanY) / present
  }
  let [xx, yy, xy] = [0, 0, 0]
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + input] - meanX
    if (x !== x) continue
    const y = labels[row] - meanY
    xx += x * x
    yy += y * y
    xy += x * y
  }
  const spread = Math.sqrt(xx * yy)
  const correlation = spread > 0 ? Math.max(-1, Math.min(1, xy / spread)) : 0
  return { correlation, count: present }
}

function descending(a: number, b: number): number {
  return a === b ? 0 : a < b ? 1 : -1
}

function eachInput({ width }: Examples, score: (input: number) => number): Float64Array {
  return Float64Array.from({ length: width }, (_, input) => score(input))
}

function anovaOf({ rows, labels, width, count, classes }: Examples, input: number): number {
  const sizes = new Float64Array(classes)
  const means = new Float64Array(classes)
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + input]
    if (x !== x) continue
    const k = labels[row]
    means[k] += (x - means[k]) / ++sizes[k]
  }
  let within = 0
  for (let row = 0; row < count; row++) {
    const off = rows[row * width + input] - means[labels[row]]
    if (off === off) within += off * off
  }
  const total = sizes.reduce((a, b) => a + b, 0)
  const mean = means.reduce((sum, one, k) => sum + one * sizes[k], 0) / total
  const between = means.reduce((sum, one, k) => sum + sizes[k] * (one - mean) ** 2, 0)
  const groups = sizes.reduce((n, size) => n + Number(size > 0), 0)
  if (groups < 2 || total <= groups || between === 0) return 0
  return between / (groups - 1) / (within / (total - groups))
}

interface LabelParts {
  readonly count: number
  readonly of: Uint16Array
}

function labelParts({ labels, classes, count }: Examples): LabelParts {
  if (classes > 0) return { count: classes, of: Uint16Array.from(labels) }
  const edges = binEdges({ rows: labels, width: 1, count }, 0, LABEL_BINS)
  return { count: edges.length + 1, of: Uint16Array.from(labels, (label) => binOf(label, edges)) }
}

function informationOf(examples: Examples, input: number, labels: LabelParts): number {
  const { rows, width, count } = examples
  const edges = binEdges(examples, input, BINS)
  const bins = edges.length + 2
  const cells = new Float64Array(bins * labels.count)
  for (let row = 0; row < count; row++) {
    const x = rows[row * width + input]
    const bin = x === x ? binOf(x, edges) : bins - 1
    cells[bin * labels.count + labels.of[row]]++
  }
  const across = new Float64Array(bins)
  const down = new Float64Array(labels.count)
  cells.forEach((n, i) => {
    across[Math.floor(i / labels.count)] += n
    down[i % labels.count] += n
  })
  let information = 0
  cells.forEach((n, i) => {
    if (n === 0) return
    const expected = across[Math.floor(i / labels.count)] * down[i % labels.count]
    information += (n / count) * Math.log((n * count) / expected)
  })
  const used = (sums: Float64Array): number => sums.reduce((n, sum) => n + Number(sum > 0), 0)
  return Math.max(0, information - ((used(across) - 1) * (used(down) - 1)) / (2 * count))
}
