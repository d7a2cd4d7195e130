/**
 * How long do the tree learners take to fit, and to score a row?
 *
 * Load: 100,000 rows of 40 inputs, every fourth a small whole number, one in ten of the first input
 * missing; labels by a known chance; one thread. Boosting is held to 300 rounds of depth 6 (early
 * stopping looks at its rows and never stops it). Scoring in batches of 1,024 and of 1, rows that
 * were not fitted. Not measured: reading features, quality. Budget: boosted trees fitted in 60 s
 * (goal 15), a row in a batch in 10 µs (goal 3).
 */
import { pathToFileURL } from 'node:url'
import { adaboost } from '../src/model/learners/trees/adaboost.ts'
import { boostedTrees } from '../src/model/learners/trees/boosted-trees.ts'
import type { Examples, Learner, Parameters, Predictor } from '../src/model/learners/learner.ts'
import { randomForest } from '../src/model/learners/trees/random-forest.ts'
import { decisionTree } from '../src/model/learners/trees/tree.ts'
import { Random } from '../src/model/random.ts'

const WIDTH = 40
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

export interface TreesMeasurement {
  readonly learner: string
  readonly trees: number
  readonly nodes: number
  readonly fitSeconds: number
  /** Of a row, in batches of 1,024. */
  readonly microsecondsPerRow: number
  readonly microsecondsPerSingleRow: number
  readonly savedBytes: number
}

export interface TreesResult {
  readonly boostedTreesFitSeconds: number
  readonly boostedTreesMicrosecondsPerRow: number
  readonly measurements: readonly TreesMeasurement[]
}

/**
 * @param options.rows to fit on
 * @param options.seconds time for each measurement of scoring
 */
export async function run(options: {
  readonly rows: number
  readonly seconds: number
}): Promise<TreesResult> {
  const training = makeRows(options.rows, 1)
  const { rows } = makeRows(TABLE_ROWS, 2)
  const measurements: TreesMeasurement[] = []
  for (const [learner, parameters] of CASES) {
    const started = performance.now()
    const predictor = await learner.fit({ training, validation: null, parameters, seed: 1 })
    const fitSeconds = (performance.now() - started) / 1_000
    const [batch, single] = BATCHES.map((size) =>
      microseconds(predictor, rows, { size, ...options }),
    )
    const { trees, nodes } = predictor.describe()
    measurements.push({
      learner: learner.name,
      trees: Number(trees),
      nodes: Number(nodes),
      fitSeconds: Number(fitSeconds.toFixed(2)),
      microsecondsPerRow: batch,
      microsecondsPerSingleRow: single,
      savedBytes: predictor.save().bytes.length,
    })
    predictor.dispose()
  }
  const [{ fitSeconds, microsecondsPerRow }] = measurements
  return {
    boostedTreesFitSeconds: fitSeconds,
    boostedTreesMicrosecondsPerRow: microsecondsPerRow,
    measurements,
  }
}

/** Time a row: the median of five runs. */
function microseconds(
  predictor: Predictor,
  rows: Float32Array,
  { size, seconds }: { size: number; seconds: number },
): number {
  const out = new Float32Array(size * predictor.outputs)
  const runs: number[] = []
  let sum = 0
  let from = 0
  for (let run = 0; run < 5; run++) {
    const started = performance.now()
    let calls = 0
    while (performance.now() < started + (seconds * 1_000) / 5) {
      predictor.predict(rows.subarray(from * WIDTH, (from + size) * WIDTH), size, out)
      sum += out[0]
      from = (from + size) % TABLE_ROWS
      calls++
    }
    runs.push(((performance.now() - started) * 1_000) / (calls * size))
  }
  if (!Number.isFinite(sum)) throw new Error('a score is not finite')
  runs.sort((a, b) => a - b)
  return Number(runs[2].toFixed(2))
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

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { measurements, ...result } = await run({ rows: 100_000, seconds: 1 })
  console.table(measurements)
  console.log(JSON.stringify(result))
}
