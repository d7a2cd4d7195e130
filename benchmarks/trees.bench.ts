/**
 * How long do the tree learners take to fit, and to score a row?
 *
 * Load: 100,000 rows of 40 inputs, every fourth a small whole number, one in ten of the first input
 * missing; labels by a known chance; one thread. Boosting is held to 300 rounds of depth 6 (early
 * stopping looks at its rows and never stops it). Scoring in batches of 1,024 and of 1, rows that
 * were not fitted. Not measured: reading features, quality. Budget: boosted trees fitted in 60 s
 * (goal 15), a row in a batch in 10 µs (goal 3).
 */
import { adaboost } from '../src/model/learners/trees/adaboost.ts'
import { boostedTrees } from '../src/model/learners/trees/boosted-trees.ts'
import type { Examples, Learner } from '../src/model/learners/learner.ts'
import type { Parameters } from '../src/model/learners/predictor.ts'
import { randomForest } from '../src/model/learners/trees/random-forest.ts'
import { decisionTree } from '../src/model/learners/trees/tree.ts'
import { Random } from '../src/model/random.ts'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { microsecondsPerRow } from './row-time.ts'

const WIDTH = 40
const ROWS = 100_000
const TABLE_ROWS = 8_192
const BATCHES = [1_024, 1]
/** A small rate and no patience, so that all rounds are run and kept. */
const BOOSTING = { rounds: 300, patience: 5_000, learningRate: 0.02, depth: 6, leaves: 64 }
const CASES: readonly (readonly [Learner, Parameters])[] = [
  [boostedTrees, BOOSTING],
  [randomForest, {}],
  [decisionTree, {}],
  [adaboost, {}],
]

export const trees: Benchmark = {
  name: 'trees',
  figures: [
    speed('boostedTreesFitSeconds', 's', { better: 'lower', must: 60, goal: 15 }),
    speed('boostedTreesMicrosecondsPerRow', 'µs', { better: 'lower', must: 10, goal: 3 }),
  ],
  async run({ seconds }) {
    const training = makeRows(ROWS, 1)
    const { rows } = makeRows(TABLE_ROWS, 2)
    const lines: string[] = []
    const results: Record<string, number> = {}
    for (const [learner, parameters] of CASES) {
      const started = performance.now()
      const predictor = await learner.fit({ training, validation: null, parameters, seed: 1 })
      const fitSeconds = (performance.now() - started) / 1_000
      const [batch, single] = BATCHES.map((size) =>
        microsecondsPerRow(predictor, rows, { size, seconds: seconds / 10 }),
      )
      if (learner === boostedTrees) {
        results.boostedTreesFitSeconds = fitSeconds
        results.boostedTreesMicrosecondsPerRow = batch
      }
      const { trees: count, nodes } = predictor.describe()
      lines.push(
        `${learner.name} fit ${fitSeconds.toFixed(1)} s, ${batch.toFixed(2)} µs a row of 1,024, ${single.toFixed(2)} alone, ${String(count)} trees of ${String(nodes)} nodes, ${predictor.save().bytes.length} B`,
      )
      predictor.dispose()
    }
    return { results, notes: { boostedTreesFitSeconds: lines.join('; ') } }
  },
}

function makeRows(count: number, seed: number): Examples {
  const random = new Random(seed)
  const rows = new Float32Array(count * WIDTH)
  const labels = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const x = rows.subarray(row * WIDTH, (row + 1) * WIDTH)
    for (let i = 0; i < WIDTH; i++)
      x[i] = i % 4 === 3 ? Math.round(random.normal()) : random.normal()
    const signal = 1.5 * x[0] - x[1] + 0.7 * Math.max(0, x[2]) + 0.3 * x[0] * x[1]
    labels[row] = random.next() < 1 / (1 + Math.exp(-signal)) ? 1 : 0
    if (random.next() < 0.1) x[0] = Number.NaN
  }
  const names = Array.from({ length: WIDTH }, (_, i) => `input ${i}`)
  const shape = { task: 'binary', names, width: WIDTH, steps: 1, classes: 2 } as const
  return { ...shape, count, rows, labels, weights: null }
}
