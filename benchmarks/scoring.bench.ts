/**
 * How many feature vectors a second does one thread score, and from which batch size on is
 * TensorFlow.js faster than plain JavaScript?
 *
 * Load: the shipped kind of model (48 raw features of which 8 may be missing, 64-32-1 network, and
 * logistic regression), rows of random values, preparation included; closed loop, one thread.
 * Not measured: reading features from profiles. Budget: 0.5 M rows/s in batches of 1,024.
 */
import { loadBackend } from '../src/model/backend.ts'
import type { DenseModel } from '../src/model/network.ts'
import { fitPreparation, preparedWidth } from '../src/model/preparation.ts'
import { Random } from '../src/model/random.ts'
import { DenseScorer } from '../src/model/scorer.ts'
import type { ScorePath } from '../src/model/scorer.ts'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'

const FEATURES = 48
const MAYBE_MISSING = 8
const HEAVY_TAILED = 16
const BATCHES = [1, 8, 16, 32, 64, 1_024]
const TABLE_ROWS = 4_096
/** A backend is active for the whole thread, so they take turns; null: plain JavaScript. */
const PATHS = [null, 'tensorflow', 'wasm'] as const
const MODELS: Readonly<Record<string, readonly number[]>> = { network: [64, 32], logistic: [] }

export const scoring: Benchmark = {
  name: 'scoring',
  figures: [
    speed('scoreRowsPerSecond', '/s', { better: 'higher', must: 500_000, goal: 1_000_000 }),
  ],
  async run({ seconds }) {
    const rows = makeRows()
    const measured: Measurement[] = []
    for (const name of PATHS) {
      const backend = name === null ? null : await loadBackend(name).catch(() => null)
      if (name !== null && backend === null) continue
      measured.push(...measurePath(rows, { name, backend, seconds: seconds / 15 }))
    }
    const best = measured.filter(({ model, batch }) => model === 'network' && batch === 1_024)
    return {
      results: { scoreRowsPerSecond: Math.max(...best.map((one) => one.rowsPerSecond)) },
      notes: { scoreRowsPerSecond: `the fastest path; µs a call: ${callsText(measured)}` },
    }
  },
}

interface Measurement {
  readonly model: string
  readonly path: string
  readonly batch: number
  readonly rowsPerSecond: number
}

interface PathOptions {
  readonly name: (typeof PATHS)[number]
  readonly backend: Awaited<ReturnType<typeof loadBackend>> | null
  readonly seconds: number
}

function measurePath(rows: Float32Array, { name, backend, seconds }: PathOptions): Measurement[] {
  const measured: Measurement[] = []
  const path: ScorePath = backend === null ? 'rows' : 'batch'
  for (const [model, hidden] of Object.entries(MODELS)) {
    const scorer = new DenseScorer(makeModel(rows, hidden), backend)
    for (const batch of BATCHES) {
      const rowsPerSecond = batch * callsPerSecond(scorer, { rows, batch, path, seconds })
      measured.push({
        model,
        path: name ?? 'javascript',
        batch,
        rowsPerSecond: Math.round(rowsPerSecond),
      })
    }
    scorer.dispose()
  }
  return measured
}

function callsText(measured: readonly Measurement[]): string {
  const groups = new Map<string, string[]>()
  for (const { model, path, batch, rowsPerSecond } of measured) {
    const group = groups.get(`${model} ${path}`) ?? []
    group.push(`${((1e6 * batch) / rowsPerSecond).toPrecision(3)} (${batch})`)
    groups.set(`${model} ${path}`, group)
  }
  return [...groups].map(([name, calls]) => `${name} ${calls.join(' ')}`).join('; ')
}

function callsPerSecond(
  scorer: DenseScorer,
  load: { rows: Float32Array; batch: number; path: ScorePath; seconds: number },
): number {
  const { rows, batch, path } = load
  const out = new Float32Array(batch)
  const offsets = TABLE_ROWS / Math.max(batch, 64)
  const runs: number[] = []
  let sum = 0
  for (let run = 0; run < 4; run++) {
    const started = performance.now()
    const until = started + (load.seconds * 1_000) / 4
    let calls = 0
    while (performance.now() < until) {
      for (let i = 0; i < 8; i++) {
        const from = (calls++ % offsets) * batch * FEATURES
        scorer.score(rows.subarray(from, from + batch * FEATURES), batch, out, path)
        sum += out[0]
      }
    }
    runs.push((calls * 1_000) / (performance.now() - started))
  }
  if (!Number.isFinite(sum)) throw new Error('a score is not finite')
  runs.sort((a, b) => a - b)
  return (runs[1] + runs[2]) / 2
}

function makeRows(): Float32Array {
  const random = new Random(1)
  return Float32Array.from({ length: TABLE_ROWS * FEATURES }, (_, i) => {
    const column = i % FEATURES
    if (column < MAYBE_MISSING && random.next() < 0.3) return Number.NaN
    const value = random.normal()
    return column < HEAVY_TAILED ? Math.exp(2 * value) : value
  })
}

function makeModel(rows: Float32Array, hidden: readonly number[]): DenseModel {
  const random = new Random(2)
  const labels = new Uint8Array(TABLE_ROWS)
  const preparation = fitPreparation({ width: FEATURES, count: TABLE_ROWS, rows, labels })
  const sizes = [preparedWidth(preparation), ...hidden, 1]
  const made = (size: number, scale: number): Float32Array =>
    Float32Array.from({ length: size }, () => random.normal() * scale)
  const weights = sizes.slice(1).map((size, i) => made(size * sizes[i], 1 / Math.sqrt(sizes[i])))
  const biases = sizes.slice(1).map((size) => made(size, 0.1))
  return { preparation, network: { sizes, weights, biases } }
}
