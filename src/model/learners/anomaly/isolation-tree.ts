import type { Random } from '../../random.ts'

const EULER_GAMMA = 0.577_215_664_901_532_9

/** Nodes of all trees one after another; a node with `next` 0 is a leaf and its value the path's length. */
export interface IsolationNodes {
  /** Of a cut its threshold: rows below it go to `next`, others to `next + 1`. */
  readonly values: number[]
  readonly inputs: number[]
  readonly nexts: number[]
}

interface Sample {
  readonly rows: Float32Array
  readonly width: number
  readonly chosen: Uint32Array
}

/** Mean length of the path of an unsuccessful search in a binary tree of so many (Liu 2008, formula 1). */
export function pathLength(count: number): number {
  if (count <= 1) return 0
  if (count === 2) return 1
  return 2 * (Math.log(count - 1) + EULER_GAMMA) - (2 * (count - 1)) / count
}

/** Adds a tree of random cuts, as deep as a balanced one; returns its root. */
export function growIsolationTree(nodes: IsolationNodes, sample: Sample, random: Random): number {
  const depthMax = Math.ceil(Math.log2(Math.max(2, sample.chosen.length)))
  const root = addNode(nodes)
  const open = [{ node: root, start: 0, end: sample.chosen.length, depth: 0 }]
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const { node, start, end, depth } = part
    const cut = depth < depthMax ? drawCut(sample, { start, end }, random) : null
    if (cut === null) {
      nodes.values[node] = depth + pathLength(end - start)
      continue
    }
    const middle = divide(sample, { start, end }, cut)
    nodes.values[node] = cut.threshold
    nodes.inputs[node] = cut.input
    nodes.nexts[node] = addNode(nodes)
    const right = addNode(nodes)
    open.push({ node: right, start: middle, end, depth: depth + 1 })
    open.push({ node: nodes.nexts[node], start, end: middle, depth: depth + 1 })
  }
  return root
}

function addNode({ values, inputs, nexts }: IsolationNodes): number {
  inputs.push(0)
  nexts.push(0)
  return values.push(0) - 1
}

interface Cut {
  readonly input: number
  readonly threshold: number
}
interface Range {
  readonly start: number
  readonly end: number
}

/** A threshold with rows on both sides, of any input in which they differ; null: there is none. */
function drawCut(sample: Sample, range: Range, random: Random): Cut | null {
  if (range.end - range.start < 2) return null
  const spans: { input: number; low: number; high: number }[] = []
  for (let input = 0; input < sample.width; input++) {
    const { low, high } = spanOf(sample, range, input)
    if (low < high) spans.push({ input, low, high })
  }
  if (spans.length === 0) return null
  const { input, low, high } = spans[Math.floor(random.next() * spans.length)]
  const threshold = low + random.next() * (high - low)
  return { input, threshold: threshold > low ? threshold : high }
}

function spanOf({ rows, width, chosen }: Sample, { start, end }: Range, input: number) {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = start; i < end; i++) {
    const value = rows[chosen[i] * width + input]
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return { low, high }
}

/** Rows below the threshold first; returns where the others start. */
function divide(
  { rows, width, chosen }: Sample,
  { start, end }: Range,
  { input, threshold }: Cut,
): number {
  let middle = start
  for (let i = start; i < end; i++) {
    const row = chosen[i]
    if (!(rows[row * width + input] < threshold)) continue
    chosen[i] = chosen[middle]
    chosen[middle++] = row
  }
  return middle
}
