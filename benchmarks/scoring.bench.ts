/**
 * How many feature vectors a second does one thread score with each kind of model, alone and in
 * batches?
 *
 * Load: 48 raw features, of which 8 may be missing and 16 are heavy-tailed; every learner with its
 * default settings, fitted on 4,096 rows of random values (trees: to their full depth); preparation
 * included; closed loop, one thread. Not measured: reading features from profiles.
 * Budget: the network 0.5 M rows/s in batches of 1,024; trees and small networks 10 µs a row.
 */
import { loadLearner } from '../src/model/learners/registry.ts'
import { Random } from '../src/model/random.ts'
import { fitPipeline, PLAIN_PIPELINE } from '../src/model/training/fit-pipeline.ts'
import type { LearningTable } from '../src/model/training/fit-pipeline.ts'
import type { Pipeline } from '../src/model/version/pipeline.ts'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'

const FEATURES = 48
const MAYBE_MISSING = 8
const HEAVY_TAILED = 16
const BATCHES = [1, 16, 64, 1_024]
const ROWS = 4_096
/** Its speed is the figure; the others stand in the notes. */
const FIGURE = 'network'
const LEARNERS = [
  'logistic',
  FIGURE,
  'tree',
  'boosted_trees',
  'random_forest',
  'adaboost',
  'svm_linear',
]

export const scoring: Benchmark = {
  name: 'scoring',
  figures: [
    speed('scoreRowsPerSecond', '/s', { better: 'higher', must: 500_000, goal: 1_000_000 }),
  ],
  async run({ seconds }) {
    const table = makeTable()
    const rows = Uint32Array.from({ length: ROWS }, (_, row) => row)
    const request = { parameters: {}, seed: 1, options: PLAIN_PIPELINE }
    const lines: string[] = []
    let best = 0
    for (const name of LEARNERS) {
      const pipeline = await fitPipeline(await loadLearner(name), table, rows, request)
      const load = { rows: table.rows, seconds: seconds / 30 }
      const speeds = BATCHES.map((batch) => batch * callsPerSecond(pipeline, { ...load, batch }))
      if (name === FIGURE) best = Math.max(...speeds)
      const shown = speeds.map((rate, i) => `${(1e6 / rate).toPrecision(3)} (${BATCHES[i]})`)
      lines.push(`${name} ${shown.join(' ')}`)
      pipeline.dispose()
    }
    return {
      results: { scoreRowsPerSecond: Math.round(best) },
      notes: { scoreRowsPerSecond: `the network; µs a row (rows a call): ${lines.join('; ')}` },
    }
  },
}

function callsPerSecond(
  pipeline: Pipeline,
  { rows, batch, seconds }: { rows: Float32Array; batch: number; seconds: number },
): number {
  const out = new Float32Array(batch)
  const offsets = ROWS / batch
  const runs: number[] = []
  let sum = 0
  for (let run = 0; run < 4; run++) {
    const started = performance.now()
    const until = started + (seconds * 1_000) / 4
    let calls = 0
    while (performance.now() < until) {
      for (let i = 0; i < 8; i++) {
        const from = (calls++ % offsets) * batch * FEATURES
        pipeline.predict(rows.subarray(from, from + batch * FEATURES), batch, out)
        sum += out[0]
      }
    }
    runs.push((calls * 1_000) / (performance.now() - started))
  }
  if (!Number.isFinite(sum)) throw new Error('a score is not finite')
  runs.sort((a, b) => a - b)
  return (runs[1] + runs[2]) / 2
}

function makeTable(): LearningTable {
  const random = new Random(1)
  const rows = Float32Array.from({ length: ROWS * FEATURES }, (_, i) => {
    const column = i % FEATURES
    if (column < MAYBE_MISSING && random.next() < 0.3) return Number.NaN
    const value = random.normal()
    return column < HEAVY_TAILED ? Math.exp(2 * value) : value
  })
  const labels = Float32Array.from({ length: ROWS }, (_, row) => {
    const at = row * FEATURES
    const logit = rows[at + HEAVY_TAILED] + rows[at + HEAVY_TAILED + 1] + random.normal()
    return Number(logit > 0)
  })
  const columns = Array.from({ length: FEATURES }, (_, i) => {
    return { name: `f${i}`, kind: 'number', categories: [], truth: false, origin: 0 } as const
  })
  return { columns, rows, labels, task: 'binary', classes: 2, count: ROWS }
}
