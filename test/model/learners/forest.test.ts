import { describe, expect, test } from 'vitest'
import { adaboost } from '../../../src/model/learners/trees/adaboost.ts'
import { boostedTrees } from '../../../src/model/learners/trees/boosted-trees.ts'
import {
  decodeForest,
  describeForest,
  encodeForest,
} from '../../../src/model/learners/trees/forest-file.ts'
import { ForestScorer } from '../../../src/model/learners/trees/forest-scorer.ts'
import { finishTrees } from '../../../src/model/learners/trees/finish-trees.ts'
import { LEAF_WORD, type Forest } from '../../../src/model/learners/trees/forest.ts'
import { GrowingTrees } from '../../../src/model/learners/trees/growing-trees.ts'
import type { Examples, Learner } from '../../../src/model/learners/learner.ts'
import { randomForest } from '../../../src/model/learners/trees/random-forest.ts'
import { TreeGrower } from '../../../src/model/learners/trees/tree-grower.ts'
import { codeOf, padCuts } from '../../../src/model/learners/trees/cut-codes.ts'
import { codeRows, findCuts } from '../../../src/model/learners/trees/tree-table.ts'
import { decisionTree } from '../../../src/model/learners/trees/tree.ts'
import { ValueStatistic } from '../../../src/model/learners/trees/tree-values.ts'
import { Random } from '../../../src/model/random.ts'
import { predict } from '../../contract/learner-suite.ts'
import { makeExamples } from './made-examples.ts'

/** Values with repetitions, gaps, and a tenth missing; an input that never varies; one mostly 0. */
function oddExamples(count: number, seed: number): Examples {
  const random = new Random(seed)
  const made = makeExamples('regression', { count, seed })
  const rows = made.rows.slice()
  for (let row = 0; row < count; row++) {
    const at = row * made.width
    rows[at + 1] = Math.round(rows[at + 1] * 3)
    rows[at + 3] = 7
    rows[at + 4] = random.next() < 0.95 ? 0 : rows[at + 4]
    for (const i of [0, 1, 5]) if (random.next() < 0.1) rows[at + i] = Number.NaN
  }
  return { ...made, rows }
}

function growForest(examples: Examples, depth: number, trees: number): Forest {
  const table = codeRows(examples, findCuts(examples))
  const statistic = new ValueStatistic(examples.count)
  const random = new Random(3)
  const grower = new TreeGrower(table, statistic, {
    depthMax: depth,
    leavesMax: Infinity,
    weightMin: 2,
    penalty: 0,
    gainMin: 0,
    inputsPerSplit: 2,
  })
  const grown = new GrowingTrees(1)
  for (let tree = 0; tree < trees; tree++) {
    examples.labels.forEach((label, row) => {
      statistic.pulls[row] = label + random.normal()
      statistic.holds[row] = 1
    })
    const rows = Uint32Array.from({ length: examples.count }, (_, row) => row)
    const inputs = Uint32Array.from({ length: examples.width }, (_, input) => input)
    for (const { node, sums } of grower.grow(grown, { rows, inputs, random })) {
      grown.values[node] = ValueStatistic.leaf(sums, 0)
    }
  }
  return finishTrees(grown, table.cuts, 1)
}

/** The plain meaning of a forest. */
function scorePlainly({ roots, nodes, cuts, values }: Forest, x: Float32Array): number {
  let sum = 0
  for (const root of roots) {
    let node = root
    while (nodes[2 * node] !== LEAF_WORD) {
      const word = nodes[2 * node]
      const value = x[word >>> 9]
      const left = Number.isNaN(value)
        ? (word & 0x100) !== 0
        : value <= cuts[word >>> 9][(word & 0xff) - 1]
      node = nodes[2 * node + 1] + (left ? 0 : 1)
    }
    sum += values[nodes[2 * node + 1]]
  }
  return sum
}

/** The gain of the best split, by trying all of them. */
function bestGainPlainly({ rows, labels, width, count }: Examples, weightMin: number): number {
  const gain = (chosen: number[]) => chosen.reduce((sum, y) => sum + y, 0) ** 2 / chosen.length
  const all = Array.from(labels)
  let best = 0
  for (let input = 0; input < width; input++) {
    const column = Array.from({ length: count }, (_, row) => rows[row * width + input])
    for (const cut of new Set(column.map((x) => (Number.isNaN(x) ? Infinity : x)))) {
      for (const missingLeft of [true, false]) {
        const isLeft = (x: number) => (Number.isNaN(x) ? missingLeft : x <= cut)
        const left = all.filter((_, row) => isLeft(column[row]))
        const right = all.filter((_, row) => !isLeft(column[row]))
        if (left.length < weightMin || right.length < weightMin) continue
        best = Math.max(best, gain(left) + gain(right) - gain(all))
      }
    }
  }
  return best
}

describe('codes', () => {
  test('ask what the cuts ask, for any value', () => {
    const examples = oddExamples(3_000, 1)
    for (const cuts of findCuts(examples)) {
      const padded = padCuts(cuts)
      for (const value of [
        ...cuts,
        ...examples.rows.slice(0, 200),
        Infinity,
        -Infinity,
        -0,
        1e38,
      ]) {
        const below = cuts.filter((cut) => cut < value).length
        expect(codeOf(padded, value)).toBe(Number.isNaN(value) ? 0 : below + 1)
      }
    }
  })

  test('tell few values apart exactly, and keep a frequent one by itself', () => {
    const examples = oddExamples(8_000, 2)
    const cuts = findCuts(examples)
    expect(cuts[3]).toHaveLength(0)
    const whole = new Set(examples.rows.filter((x, i) => i % 6 === 1 && !Number.isNaN(x)))
    expect(cuts[1]).toHaveLength(whole.size - 1)
    const mostlyZero = examples.rows.filter((_, i) => i % 6 === 4)
    const code = (value: number) => codeOf(padCuts(cuts[4]), value)
    expect(new Set(mostlyZero).size).toBeGreaterThan(300)
    expect(code(Math.min(...mostlyZero.filter((x) => x > 0)))).toBeGreaterThan(code(0))
    expect(code(Math.max(...mostlyZero.filter((x) => x < 0)))).toBeLessThan(code(0))
    expect(cuts.every(({ length }) => length <= 253)).toBe(true)
  })
})

describe('growing', () => {
  test('finds the split that trying all finds, missing values on either side', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const made = oddExamples(150, seed)
      const labels = made.labels.map((label, row) => {
        return Number.isNaN(made.rows[row * made.width + (seed % 2)]) ? label + 3 : label
      })
      const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length
      const examples = { ...made, labels: labels.map((label) => label - mean) }
      const table = codeRows(examples, findCuts(examples))
      const statistic = new ValueStatistic(examples.count)
      statistic.pulls.set(examples.labels)
      statistic.holds.fill(1)
      const rules = { depthMax: 1, leavesMax: 2, weightMin: 5, penalty: 0, gainMin: 0 }
      const grower = new TreeGrower(table, statistic, { ...rules, inputsPerSplit: Infinity })
      const trees = new GrowingTrees(1)
      const leaves = grower.grow(trees, {
        rows: Uint32Array.from({ length: examples.count }, (_, row) => row),
        inputs: Uint32Array.from({ length: examples.width }, (_, input) => input),
        random: new Random(1),
      })
      expect(leaves).toHaveLength(2)
      expect(trees.gains[0]).toBeCloseTo(bestGainPlainly(examples, 5), 2)
    }
  })

  test('a row that weighs 2 is a row that is there twice', async () => {
    const made = makeExamples('regression', { count: 500, seed: 4 })
    const once = { ...made, rows: made.rows.map((x) => Math.round(10 * x) / 10) }
    const heavy = Uint8Array.from({ length: 500 }, (_, row) => (row % 3 === 0 ? 2 : 1))
    const order = Array.from(heavy).flatMap((times, row) =>
      Array.from({ length: times }, () => row),
    )
    const twice = {
      ...once,
      count: order.length,
      rows: Float32Array.from(
        order.flatMap((row) => [...once.rows.subarray(row * 6, row * 6 + 6)]),
      ),
      labels: Float32Array.from(order, (row) => once.labels[row]),
    }
    const fit = (training: Examples) =>
      decisionTree.fit({ training, validation: null, parameters: {}, seed: 1 })
    const weighted = predict(await fit({ ...once, weights: Float32Array.from(heavy) }), once)
    const repeated = predict(await fit(twice), once)
    weighted.forEach((value, row) => expect(value).toBeCloseTo(repeated[row], 4))
  })
})

describe.each([
  ['shallow trees', 6],
  ['deep trees', 14],
])('scoring %s', (_, depth) => {
  const training = oddExamples(2_000, 6)
  const forest = growForest(training, depth, 20)
  const rows = oddExamples(1_111, 7).rows.slice()
  rows.set([NaN, NaN, NaN, NaN, NaN, NaN, Infinity, -Infinity, Infinity, 3e38, -3e38, -0])

  test('gives what walking down the trees gives, to the last bit', () => {
    new ForestScorer(forest).score(rows, 1_111, (sums, first, size) => {
      for (let row = 0; row < size; row++) {
        const at = (first + row) * 6
        expect(sums[row]).toBe(scorePlainly(forest, rows.subarray(at, at + 6)))
      }
    })
  })

  test('a forest survives its file, and a damaged file is refused', () => {
    const shape = describeForest(forest)
    const bytes = encodeForest(forest)
    expect(decodeForest(shape, bytes)).toEqual(forest)
    expect(() => decodeForest({ ...shape, nodes: shape.nodes - 1 }, bytes)).toThrow()
    const nodesAt = bytes.length - 4 * (shape.leaves + 2 * shape.nodes)
    for (const at of [nodesAt + 4, bytes.length - 4, 0]) {
      const damaged = bytes.slice()
      damaged.set([0xff, 0xff, 0xff, 0xff], at)
      expect(() => decodeForest(shape, damaged)).toThrow()
    }
  })
})

describe('fitting', () => {
  const training = makeExamples('binary', { count: 4_000, seed: 8 })
  const validation = makeExamples('binary', { count: 2_000, seed: 9 })
  const learners: [string, Learner, Record<string, number>][] = [
    ['boosted trees', boostedTrees, { rounds: 5_000, patience: 5_000, learningRate: 0.001 }],
    ['random forest', randomForest, { trees: 2_000 }],
    ['AdaBoost', adaboost, { rounds: 5_000, patience: 5_000, learningRate: 0.001 }],
  ]

  test.each(learners)('%s: an abort keeps what is there', async (_, learner, parameters) => {
    const control = new AbortController()
    let last = 0
    const predictor = await learner.fit({
      training,
      validation,
      parameters,
      seed: 1,
      signal: control.signal,
      progress: ({ done, total, loss }) => {
        expect(loss).toBeGreaterThan(0)
        last = done / total
        if (done === 12) setImmediate(() => control.abort())
      },
    })
    expect(last).toBeLessThan(1)
    expect(predictor.describe().trees).toBeGreaterThanOrEqual(12)
    expect(new Set(predict(predictor, validation)).size).toBeGreaterThan(5)
  })

  test('boosting ends when the given validation rows stop gaining', async () => {
    const parameters = { rounds: 2_000, patience: 10, learningRate: 0.3 }
    const seen: number[] = []
    const predictor = await boostedTrees.fit({
      training,
      validation,
      parameters,
      seed: 1,
      progress: ({ loss }) => seen.push(loss ?? Number.NaN),
    })
    const { trees, validationLoss } = predictor.describe()
    expect(trees).toBe(seen.indexOf(Math.min(...seen)) + 1)
    expect(validationLoss).toBe(Math.min(...seen))
    expect(seen).toHaveLength(Number(trees) + 10)
  })

  test('a value that is missing tells something', async () => {
    const rows = training.rows.slice()
    for (let row = 0; row < training.count; row++) {
      if (training.labels[row] === 1 && row % 2 === 0) rows[row * 6 + 4] = Number.NaN
    }
    for (const [, learner] of learners) {
      const fitted = await learner.fit({
        training: { ...training, rows },
        validation: null,
        parameters: {},
        seed: 1,
      })
      const row = Float32Array.of(0, 0, 0, 0, Number.NaN, 0)
      const out = new Float32Array(1)
      fitted.predict(row, 1, out)
      expect(out[0]).toBeGreaterThan(0.8)
    }
  })

  test('inputs that never vary leave nothing to split', async () => {
    const still = { ...training, rows: new Float32Array(training.rows.length).fill(3) }
    const share = training.labels.reduce((sum, label) => sum + label, 0) / training.count
    for (const learner of [boostedTrees, randomForest, decisionTree, adaboost]) {
      const fitted = await learner.fit({
        training: still,
        validation: null,
        parameters: {},
        seed: 1,
      })
      expect(predict(fitted, still)[0]).toBeCloseTo(share, 1)
      expect(fitted.importance()).toBeNull()
    }
  })
})
