import { beforeAll, describe, expect, test } from 'vitest'
import { loadBackend, type Backend } from '../../src/model/backend.ts'
import { createLearner, FIT_DEFAULTS, LEARNERS } from '../../src/model/learner.ts'
import { binaryMetrics, rankingMetrics } from '../../src/model/metrics.ts'
import { BATCH_ROWS_MIN, DenseScorer, SCORE_TOLERANCE } from '../../src/model/scorer.ts'
import { sliceTable } from '../../src/model/table.ts'
import { makeTable } from './made-table.ts'

const table = makeTable(16_000, 11)
const training = sliceTable(table, 0, 9_000)
const validation = sliceTable(table, 9_000, 11_000)
const holdout = sliceTable(table, 11_000, 16_000)
const quiet = (): void => undefined
let backend: Backend

beforeAll(async () => {
  backend = await loadBackend()
})

describe.each(LEARNERS)('learner %s', (name) => {
  test('comes near the best possible on a known function, and is calibrated', async () => {
    const learner = await createLearner(name, backend)
    const { model } = await learner.fit(training, validation, FIT_DEFAULTS, quiet)
    const scores = new Float32Array(holdout.count)
    new DenseScorer(model, backend).score(holdout.rows, holdout.count, scores)
    const metrics = binaryMetrics(scores, holdout.labels, 0.5)
    const best = rankingMetrics(table.truth.subarray(11_000), holdout.labels)
    expect(metrics.rocAuc).toBeGreaterThan(best.rocAuc - 0.01)
    expect(metrics.ece).toBeLessThan(0.02)
  })

  test('is deterministic under a seed', async () => {
    const options = { ...FIT_DEFAULTS, epochsMax: 2 }
    const learner = await createLearner(name, backend)
    const first = await learner.fit(training, validation, options, quiet)
    const second = await learner.fit(training, validation, options, quiet)
    const third = await learner.fit(training, validation, { ...options, seed: 2 }, quiet)
    expect(second.model).toEqual(first.model)
    expect(third.model.network.weights[0]).not.toEqual(first.model.network.weights[0])
  })

  test('refuses no rows and rows of one class', async () => {
    const learner = await createLearner(name, backend)
    const empty = sliceTable(table, 0, 0)
    const same = { ...training, labels: new Uint8Array(training.count) }
    const fit = (rows: typeof empty) => learner.fit(rows, validation, FIT_DEFAULTS, quiet)
    await expect(fit(empty)).rejects.toMatchObject({ code: 'ERR_DATASET_EMPTY' })
    await expect(fit(same)).rejects.toMatchObject({ code: 'ERR_DATASET_ONE_CLASS' })
  })

  test('scores rows of nothing but missing or infinite values, and constant columns', async () => {
    const learner = await createLearner(name, backend)
    const options = { ...FIT_DEFAULTS, epochsMax: 1 }
    const { model } = await learner.fit(training, validation, options, quiet)
    const rows = new Float32Array(4 * table.width).fill(Number.NaN)
    rows.fill(Number.POSITIVE_INFINITY, table.width, 2 * table.width)
    rows.fill(3e38, 2 * table.width, 3 * table.width)
    rows.fill(-3e38, 3 * table.width)
    const out = new Float32Array(4)
    new DenseScorer(model, null).score(rows, 4, out)
    for (const score of out) expect(score).toSatisfy((p: number) => p >= 0 && p <= 1)
    expect(out[1]).toBe(out[0])
  })

  test('scores one row, a small and a large batch alike, with and without a backend', async () => {
    const learner = await createLearner(name, backend)
    const options = { ...FIT_DEFAULTS, epochsMax: 1 }
    const { model } = await learner.fit(training, validation, options, quiet)
    const scorer = new DenseScorer(model, backend)
    const plain = new Float32Array(3_000)
    new DenseScorer(model, null).score(holdout.rows, 3_000, plain)
    for (const size of [1, BATCH_ROWS_MIN - 1, BATCH_ROWS_MIN, 1_024, 2_500]) {
      for (const path of [undefined, 'rows', 'batch'] as const) {
        const out = new Float32Array(size)
        scorer.score(holdout.rows, size, out, path)
        const gaps = Array.from(out, (score, i) => Math.abs(score - plain[i]))
        expect(Math.max(...gaps)).toBeLessThan(SCORE_TOLERANCE)
      }
    }
    scorer.dispose()
  })
})
