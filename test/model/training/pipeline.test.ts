import { InputPreparation } from '../../../src/model/preparation/input-preparation.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadLearner } from '../../../src/model/learners/registry.ts'
import { chooseInputs, SELECTIONS } from '../../../src/model/training/choose-inputs.ts'
import {
  fitPipeline,
  PLAIN_PIPELINE,
  type LearningTable,
  type PipelineOptions,
} from '../../../src/model/training/fit-pipeline.ts'
import { Pipeline } from '../../../src/model/version/pipeline.ts'
import { foldRounds } from '../../../src/model/training/rounds.ts'
import { mean } from '../evaluation/plain-metrics.ts'
import { makeExamples } from '../learners/made-examples.ts'
import { makeLearningTable, makeRareClass, numberColumn } from './made-learning-table.ts'

const rowsBetween = (start: number, end: number) =>
  Uint32Array.from({ length: end - start }, (_, i) => start + i)

function predictions(pipeline: Pipeline, table: LearningTable): Float32Array {
  const out = new Float32Array(table.count * pipeline.outputs)
  pipeline.predict(table.rows, table.count, out)
  return out
}

const fitting = (options: Partial<PipelineOptions>) => ({
  parameters: {},
  seed: 1,
  options: { ...PLAIN_PIPELINE, ...options },
})

describe('what a pipeline is fitted on', () => {
  const table = makeLearningTable('binary', { count: 240, seed: 1, missing: 0.1 })
  const probe = makeLearningTable('binary', { count: 50, seed: 2, missing: 0.1 })
  const drawn = fc.record({
    learner: fc.constantFrom('tree', 'logistic'),
    by: fc.option(fc.constantFrom(...SELECTIONS)),
    classWeights: fc.constantFrom('none' as const, 'balanced' as const),
    fold: fc.nat(4),
    seed: fc.nat(),
    value: fc.constantFrom(Number.NaN, 1e9, -3, 0),
  })

  test('is its own rows alone: others may have any values and labels', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ learner: name, by, classWeights, fold, seed, value }) => {
        const learner = await loadLearner(name)
        const rounds = foldRounds(table.labels, { folds: 5, classes: 2, seed })
        const { fit, held } = rounds[fold]
        const changed = { ...table, rows: table.rows.slice(), labels: table.labels.slice() }
        for (const row of held) {
          changed.rows.fill(value, row * 6, row * 6 + 1 + (row % 6))
          changed.labels[row] = 1 - changed.labels[row]
        }
        const request = fitting({ select: by === null ? null : { k: 3, by }, classWeights })
        const own = predictions(await fitPipeline(learner, table, fit, request), probe)
        const other = predictions(await fitPipeline(learner, changed, fit, request), probe)
        expect(other).toEqual(own)
      }),
      { numRuns: 25 },
    )
  })

  test('and validation rows, which end fitting but are not learned from', async () => {
    const learner = await loadLearner('boosted_trees')
    const rows = rowsBetween(0, 160)
    const validated = async (labels: Float32Array) => {
      const request = { ...fitting({}), validation: rowsBetween(160, 240) }
      return predictions(await fitPipeline(learner, { ...table, labels }, rows, request), probe)
    }
    const own = await validated(table.labels)
    const turned = await validated(table.labels.map((y, row) => (row < 160 ? y : 1 - y)))
    const spread = (of: Float32Array) => Math.max(...of) - Math.min(...of)
    expect(spread(turned)).toBeLessThan(spread(own) / 2)
  })
})

describe('selection of inputs', () => {
  const names = ['input 0', 'input 1', 'input 2']

  test.each(SELECTIONS)('by %s keeps the inputs that matter, of every task', async (by) => {
    for (const task of ['binary', 'regression', 'count'] as const) {
      const table = makeLearningTable(task, { count: 3_000, seed: 3, missing: 0.05 })
      for (const name of ['boosted_trees', task === 'binary' ? 'logistic' : 'linear']) {
        const learner = await loadLearner(name)
        const request = fitting({ select: { k: 3, by } })
        const pipeline = await fitPipeline(learner, table, rowsBetween(0, 3_000), request)
        expect(pipeline.preparation.names, `${task} ${name}`).toEqual(names)
        expect(pipeline.predictor.width).toBe(3)
      }
    }
  })

  test('keeps all where there are no more, never a constant one, and only what is asked for', async () => {
    const made = makeLearningTable('binary', { count: 400, seed: 4 })
    const table = { ...made, rows: made.rows.map((x, i) => (i % 6 === 5 ? 7 : x)) }
    const learner = await loadLearner('tree')
    const kept = async (k: number, by: (typeof SELECTIONS)[number]) => {
      const request = fitting({ select: { k, by } })
      const pipeline = await fitPipeline(learner, table, rowsBetween(0, 400), request)
      return pipeline.preparation.names
    }
    const varying = ['input 0', 'input 1', 'input 2', 'input 3', 'input 4']
    for (const by of SELECTIONS) {
      expect(await kept(5, by)).toEqual(varying)
      expect(await kept(50, by)).toEqual(varying)
      expect(await kept(1, by)).toEqual(['input 0'])
      await expect(kept(0, by)).rejects.toMatchObject({ code: 'ERR_PREPARATION_SELECT' })
      await expect(kept(1.5, by)).rejects.toMatchObject({ code: 'ERR_PREPARATION_SELECT' })
    }
    const unlabelled = { ...table, task: null, labels: new Float32Array(0), classes: 0 }
    const request = fitting({ select: { k: 2, by: 'anova' } })
    const clusters = await loadLearner('kmeans')
    await expect(
      fitPipeline(clusters, unlabelled, rowsBetween(0, 400), request),
    ).rejects.toMatchObject({ code: 'ERR_PREPARATION_SELECT' })
    const plain = await fitPipeline(clusters, unlabelled, rowsBetween(0, 400), fitting({}))
    expect(plain.preparation.names).toEqual(varying)
  })

  test('keeps all inputs of a sequence, whose steps have the same', async () => {
    const steps = { ...makeExamples('binary', { count: 100, seed: 5 }), steps: 2 }
    const learner = await loadLearner('tree')
    const select = { k: 1, by: 'anova' } as const
    const request = { parameters: {}, seed: 1, select, classWeights: null }
    expect(await chooseInputs(learner, steps, request)).toEqual(steps.names)
    const plain = { ...steps, steps: 1 }
    expect(await chooseInputs(learner, plain, request)).toEqual(['input 0'])
  })

  test('by permutation falls back to F when it is interrupted', async () => {
    const table = makeLearningTable('binary', { count: 600, seed: 5 })
    const request = {
      ...fitting({ select: { k: 2, by: 'permutation' } }),
      signal: AbortSignal.abort(),
    }
    const learner = await loadLearner('tree')
    const pipeline = await fitPipeline(learner, table, rowsBetween(0, 600), request)
    expect(pipeline.preparation.names).toEqual(['input 0', 'input 1'])
  })
})

describe('balanced class weights', () => {
  const table = makeRareClass({ count: 8_000, seed: 6 })
  const later = makeRareClass({ count: 8_000, seed: 7 })
  const rows = rowsBetween(0, table.count)

  const offTruth = (answers: Float32Array) =>
    mean(answers.map((p, row) => Math.abs(p - later.truth[row])))
  const fitBoth = async (name: string) => {
    const learner = await loadLearner(name)
    const measured = async (classWeights: PipelineOptions['classWeights']) => {
      const pipeline = await fitPipeline(learner, table, rows, fitting({ classWeights }))
      const answers = predictions(pipeline, later)
      const { preparation, predictor } = pipeline
      const uncorrected = predictions(new Pipeline(preparation, predictor), later)
      const positive = uncorrected.filter((_, row) => later.labels[row] === 1)
      return { answers, uncorrected, recall: mean(positive.map((p) => Number(p >= 0.5))) }
    }
    return { plain: await measured('none'), balanced: await measured('balanced') }
  }

  test.each(['logistic', 'svm_linear', 'network', 'adaboost'])(
    '%s finds more of the rare class at one half, and its probabilities stay as true',
    async (name) => {
      const { plain, balanced } = await fitBoth(name)
      expect(plain.recall).toBeLessThan(0.2)
      expect(balanced.recall).toBeGreaterThan(0.6)
      expect(mean(balanced.uncorrected)).toBeGreaterThan(0.2)
      expect(Math.abs(mean(balanced.answers) - mean(later.labels))).toBeLessThan(0.015)
      expect(offTruth(balanced.answers)).toBeLessThan(offTruth(plain.answers) + 0.004)
    },
  )

  test.each(['boosted_trees', 'random_forest'])(
    '%s, which learns heavy rows by heart, is left nearer the truth than uncorrected',
    async (name) => {
      const { plain, balanced } = await fitBoth(name)
      expect(balanced.recall).toBeGreaterThan(plain.recall + 0.15)
      expect(offTruth(balanced.answers)).toBeLessThan(offTruth(balanced.uncorrected) * 0.7)
    },
  )

  test('hold for several classes: probabilities sum to 1 and are true in the mean', async () => {
    const made = makeLearningTable('multiclass', { count: 6_000, seed: 8, classes: 4 })
    const learner = await loadLearner('logistic')
    const request = fitting({ classWeights: 'balanced' })
    const pipeline = await fitPipeline(learner, made, rowsBetween(0, 6_000), request)
    const answers = predictions(pipeline, made)
    for (let k = 0; k < 4; k++) {
      const told = mean(answers.filter((_, i) => i % 4 === k))
      const there = mean(made.labels.map((label) => Number(label === k)))
      expect(Math.abs(told - there)).toBeLessThan(0.03)
    }
    for (let row = 0; row < 100; row++) {
      expect(answers.subarray(row * 4, row * 4 + 4).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
    }
  })

  test('are saved with the pipeline, and refused where they cannot be', async () => {
    const learner = await loadLearner('tree')
    const request = fitting({ classWeights: 'balanced' })
    const pipeline = await fitPipeline(learner, table, rows, request)
    const saved = pipeline.save()
    const kept = JSON.parse(JSON.stringify(saved.classWeights)) as number[]
    const loaded = await Pipeline.load(learner, { ...saved, classWeights: kept })
    expect(predictions(loaded, later)).toEqual(predictions(pipeline, later))
    for (const classWeights of [[1], [1, 2, 3], [1, -1], [1, Number.NaN]]) {
      await expect(Pipeline.load(learner, { ...saved, classWeights })).rejects.toMatchObject({
        code: 'ERR_MODEL_CORRUPT',
      })
    }
    const values = makeLearningTable('regression', { count: 100, seed: 9 })
    await expect(fitPipeline(learner, values, rowsBetween(0, 100), request)).rejects.toMatchObject({
      code: 'ERR_LEARNER_TASK',
    })
  })
})

test('preparation options reach the preparation', async () => {
  const made = makeLearningTable('regression', { count: 300, seed: 10 })
  const options = { preparation: { log: ['input 3'] } }
  const learner = await loadLearner('linear')
  const { preparation } = await fitPipeline(learner, made, rowsBetween(0, 300), fitting(options))
  if (!(preparation instanceof InputPreparation)) throw new Error('not of numbers')
  const scales = preparation.plan.numbers.map(({ transform }) => transform?.logarithmic)
  expect(scales).toEqual([false, false, false, true, false, false])
  const unknown = { ...made, columns: made.columns.with(3, numberColumn('other')) }
  await expect(
    fitPipeline(learner, unknown, rowsBetween(0, 300), fitting(options)),
  ).rejects.toMatchObject({ code: 'ERR_PREPARATION_LOG' })
})
