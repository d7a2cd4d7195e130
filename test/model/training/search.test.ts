import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Learner } from '../../../src/model/learners/learner.ts'
import { loadLearner } from '../../../src/model/learners/registry.ts'
import { crossBaselines } from '../../../src/model/training/cross-baselines.ts'
import { FitTimes } from '../../../src/model/training/fit-times.ts'
import { meanLoss } from '../../../src/model/training/loss.ts'
import { fitPipeline, PLAIN_PIPELINE } from '../../../src/model/training/fit-pipeline.ts'
import { foldRounds, timeRounds } from '../../../src/model/training/rounds.ts'
import {
  searchModels,
  type SearchProgress,
  type SearchRequest,
} from '../../../src/model/training/search.ts'
import { gridSettings } from '../../../src/model/training/settings.ts'
import { makeLearningTable } from './made-learning-table.ts'

const table = makeLearningTable('binary', { count: 900, seed: 1 })
const folds = foldRounds(table.labels, { folds: 3, classes: 2, seed: 1 })
const learnersOf = (...names: string[]): Promise<Learner[]> => Promise.all(names.map(loadLearner))
const request = (given: Partial<SearchRequest>): SearchRequest => ({
  learners: [],
  rounds: folds,
  method: 'random',
  trials: 0,
  options: PLAIN_PIPELINE,
  seed: 1,
  validate: false,
  ...given,
})

describe('a search', () => {
  test('predicts every row by the pipeline of the round that held it, and puts the best first', async () => {
    const learners = await learnersOf('tree', 'logistic')
    const { candidates, failed } = await searchModels(table, request({ learners, trials: 2 }))
    expect(failed).toEqual([])
    const whole = candidates.filter(({ rounds: run }) => run === 3)
    const losses = whole.map(({ loss }) => loss)
    expect(losses).toEqual([...losses].sort((a, b) => a - b))
    expect(whole[0].learner.name).toBe('logistic')
    for (const { learner, parameters, held, predictions, loss } of whole) {
      expect([...held]).toEqual([...table.labels.keys()])
      const own: number[] = []
      for (const round of folds) {
        const fit = { parameters, seed: 1, options: PLAIN_PIPELINE }
        const pipeline = await fitPipeline(learner, table, round.fit, fit)
        const rows = Float32Array.from(round.held, (row) => row)
        const out = new Float32Array(table.count)
        pipeline.predict(table.rows, table.count, out)
        const answers = Float32Array.from(rows, (row) => out[row])
        expect(Float32Array.from(rows, (row) => predictions[row])).toEqual(answers)
        const labels = Float32Array.from(rows, (row) => table.labels[row])
        own.push(meanLoss('binary', answers, labels, 1))
      }
      expect(loss).toBeCloseTo(own.reduce((a, b) => a + b) / 3, 12)
    }
  })

  test('tries a grid whole where trials allow, and the defaults alone where there are none', async () => {
    const [learner] = await learnersOf('knn')
    const settings = gridSettings(learner, 1_000, 1)
    const rounds = timeRounds(Float64Array.from(table.labels.keys()), { validation: 0.2, gapMs: 0 })
    const grid = request({ learners: [learner], rounds, method: 'grid', trials: settings.length })
    const { candidates } = await searchModels(table, grid)
    const tried = candidates.map(({ parameters }) => JSON.stringify(parameters)).sort()
    expect(tried).toEqual([{}, ...settings].map((one) => JSON.stringify(one)).sort())
    const none = await searchModels(table, { ...grid, trials: 0 })
    expect(none.candidates.map(({ parameters }) => parameters)).toEqual([{}])
  })

  test('by time predicts the latest rows, which no label of theirs can change', async () => {
    const times = Float64Array.from(table.labels.keys(), (row) => 1e6 - row)
    const rounds = timeRounds(times, { validation: 0.2, gapMs: 50 })
    const learners = await learnersOf('logistic', 'tree')
    const options = { select: { k: 3, by: 'anova' }, classWeights: 'balanced' } as const
    const run = request({ learners, rounds, options })
    const own = await searchModels(table, run)
    const drawn = fc.record({ row: fc.integer({ min: 0, max: 179 }), value: fc.float() })
    await fc.assert(
      fc.asyncProperty(drawn, async ({ row, value }) => {
        const changed = { ...table, rows: table.rows.slice(), labels: table.labels.slice() }
        for (let other = 0; other < 180; other++) changed.labels[other] = 1 - table.labels[other]
        changed.rows.fill(value, row * 6, row * 6 + 6)
        const { candidates } = await searchModels(changed, run)
        for (const candidate of candidates) {
          const before = own.candidates.find(({ learner }) => learner === candidate.learner)
          expect(candidate.predictions.with(row, 0)).toEqual(before?.predictions.with(row, 0))
        }
      }),
      { numRuns: 6 },
    )
    expect([...own.candidates[0].held]).toEqual(Array.from({ length: 180 }, (_, row) => row))
  })

  test('lets held rows end the fits only where it is told to', async () => {
    const rounds = timeRounds(Float64Array.from(table.labels.keys()), { validation: 0.3, gapMs: 0 })
    const learners = await learnersOf('boosted_trees')
    const flipped = { ...table, labels: table.labels.map((y, row) => (row < 630 ? y : 1 - y)) }
    const predicted = async (of: typeof table, validate: boolean) => {
      const { candidates } = await searchModels(of, request({ learners, rounds, validate }))
      return candidates[0].predictions
    }
    expect(await predicted(flipped, false)).toEqual(await predicted(table, false))
    expect(await predicted(flipped, true)).not.toEqual(await predicted(table, true))
  })

  test('is the same again under the same seed', async () => {
    const learners = await learnersOf('tree')
    const run = async () => {
      const { candidates } = await searchModels(table, request({ learners, trials: 4 }))
      return candidates.map((candidate) => ({ ...candidate, seconds: 0 }))
    }
    expect(await run()).toEqual(await run())
  })
})

describe('a learner that fails on the data', () => {
  const counts = makeLearningTable('count', { count: 300, seed: 2 })
  const rounds = foldRounds(counts.labels, { folds: 3, classes: 0, seed: 1 })

  test('is told with its error, and the others go on', async () => {
    const learners = await learnersOf('bg_nbd', 'logistic', 'linear')
    const { candidates, failed } = await searchModels(counts, request({ learners, rounds }))
    expect(candidates.map(({ learner }) => learner.name)).toEqual(['linear'])
    expect(failed).toEqual([
      expect.objectContaining({ learner: 'bg_nbd', code: 'ERR_LEARNER_INPUT' }),
      expect.objectContaining({ learner: 'logistic', code: 'ERR_LEARNER_TASK' }),
    ])
  })

  test('ends the search where all do, with the first error', async () => {
    const learners = await learnersOf('bg_nbd', 'logistic')
    await expect(searchModels(counts, request({ learners, rounds }))).rejects.toMatchObject({
      code: 'ERR_LEARNER_INPUT',
    })
  })
})

describe('progress', () => {
  test('never goes back, ends with nothing left, and knows the time left from the first fit on', async () => {
    const learners = await learnersOf('tree', 'logistic', 'svm_rbf')
    for (const method of ['random', 'grid'] as const) {
      const seen: SearchProgress[] = []
      const progress = (at: SearchProgress) => seen.push(at)
      await searchModels(table, request({ learners, method, trials: 4, progress }))
      seen.forEach(({ done, total, best, secondsLeft }, i) => {
        const before = seen[Math.max(0, i - 1)]
        expect(done).toBeGreaterThanOrEqual(before.done)
        expect(total).toBeLessThanOrEqual(before.total)
        expect(done).toBeLessThanOrEqual(total)
        expect(best ?? 99).toBeLessThanOrEqual(before.best ?? 99)
        if (done > 0) expect(secondsLeft).toBeGreaterThanOrEqual(0)
      })
      const [first] = seen
      expect(first).toEqual({ done: 0, total: 21, learner: 'tree', best: null, secondsLeft: null })
      const last = seen[seen.length - 1]
      expect(last).toMatchObject({ total: last.done, secondsLeft: 0 })
    }
  })

  test('counts a failed learner out', async () => {
    const learners = await learnersOf('linear', 'tree')
    const seen = new Set<string>()
    const progress = ({ done, total }: SearchProgress) => seen.add(`${done}/${total}`)
    await searchModels(table, request({ learners, progress }))
    expect([...seen]).toEqual(['0/6', '0/3', '1/3', '2/3', '3/3'])
  })
})

test("the time left follows from each learner's own fits, and before those from the fit at work", () => {
  const times = new FitTimes(['fast', 'slow'], { rounds: 3, trials: 2 })
  times.start('fast')
  expect([times.done, times.total, times.secondsLeft(null)]).toEqual([0, 12, null])
  times.fitting(0.5, 0.25)
  expect(times.secondsLeft(null)).toBe(null)
  times.fitting(1, 0.75)
  expect(times.secondsLeft(null)).toBe(12 * 1.25 - 1)
  times.fitted(1)
  expect(times.secondsLeft(null)).toBe(2 + 3 + 6)
  times.fitted(1)
  times.fitted(1)
  times.start('slow')
  times.fitting(1, 0)
  times.fitting(4, 0.5)
  expect(times.secondsLeft('fast')).toBe(3 * 7 - 4 + 6)
  times.fitted(8)
  expect(times.secondsLeft('fast')).toBe(2 * 8 + 6)
  expect(times.secondsLeft('slow')).toBe(2 * 8 + 6 * 8)
  times.fitting(20, 0.9)
  expect(times.secondsLeft('fast')).toBe(6)
  times.end()
  times.expectTrials(1)
  expect([times.done, times.total, times.secondsLeft('slow')]).toEqual([4, 7, 24])
  times.start('slow')
  times.end()
  expect([times.done, times.total, times.secondsLeft('slow')]).toEqual([4, 4, 0])
})

describe('an interrupt', () => {
  const interrupted = async (names: string[], when: (at: SearchProgress) => boolean) => {
    const abort = new AbortController()
    const learners = await learnersOf(...names)
    const progress = (at: SearchProgress) => {
      if (when(at)) abort.abort()
    }
    const { candidates } = await searchModels(
      table,
      request({ learners, trials: 3, progress, signal: abort.signal }),
    )
    return candidates
  }

  test('keeps what is whole, and nothing that was cut short', async () => {
    const kept = await interrupted(['tree', 'logistic', 'svm_rbf'], ({ done }) => done === 4)
    expect(kept.map(({ learner, rounds: run }) => [learner.name, run])).toEqual([['tree', 3]])
    const both = await interrupted(['tree', 'logistic'], ({ learner, done }) => {
      return learner === 'logistic' && done === 6
    })
    expect(both.map(({ learner }) => learner.name)).toEqual(['logistic', 'tree'])
  })

  test('lets the first candidate finish, as if there were none', async () => {
    const kept = await interrupted(['boosted_trees', 'tree'], () => true)
    const [alone] = (
      await searchModels(table, request({ learners: await learnersOf('boosted_trees') }))
    ).candidates
    expect(kept).toHaveLength(1)
    expect(kept[0].predictions).toEqual(alone.predictions)
  })
})

test('baselines answer for held rows from their own rounds', () => {
  const baselines = crossBaselines(table, folds)
  expect(baselines.map(({ name }) => name)).toEqual(['always the same', 'best one-input rule'])
  const [constant] = baselines
  const answers = constant.predict(table.rows, table.count)
  for (const { fit, held } of folds) {
    const share = fit.reduce((sum, row) => sum + table.labels[row], 0) / fit.length
    for (const row of held) expect(answers[row]).toBeCloseTo(share, 6)
  }
  const [late] = timeRounds(Float64Array.from(table.labels.keys()), { validation: 0.2, gapMs: 9 })
  expect(crossBaselines(table, [late])[0].predict(table.rows, 180)).toHaveLength(180)
})
