import { describe, expect, test } from 'vitest'
import type { Examples, FitRequest, Learner } from '../../src/model/learners/learner.ts'
import type { Parameters, Predictor } from '../../src/model/learners/predictor.ts'
import { loadReader, READER_NAMES } from '../../src/model/learners/readers.ts'
import { takeRows } from '../model/learners/made-examples.ts'
import type { MadeExamples } from '../model/learners/made-examples.ts'

export interface LearnerCase {
  readonly name: string
  /** Rows to fit on, and others to look at what was learned. */
  readonly training: MadeExamples
  readonly test: MadeExamples
  readonly parameters?: Parameters
  /** Fails when the predictions are not what they should be. */
  readonly learned: (predictions: Float32Array, test: MadeExamples, predictor: Predictor) => void
  /** Whether another seed gives another model. */
  readonly random: boolean
}

/** What every learner keeps, for each task that it learns. */
export function learnerContract(learner: Learner, cases: readonly LearnerCase[]): void {
  const fit = (request: Partial<FitRequest> & { training: Examples }): Promise<Predictor> =>
    learner.fit({ validation: null, parameters: {}, seed: 1, ...request })

  describe.each(cases.map((one) => [one.name, one] as const))(`${learner.name}: %s`, (_, one) => {
    const { training, parameters = {} } = one
    const few = takeRows(training, 0, Math.min(400, training.count))

    test('learns a known function, and says what it learned', async () => {
      const seen: number[] = []
      const predictor = await fit({
        training,
        parameters,
        progress: ({ done, total }) => seen.push(done / total),
      })
      one.learned(predict(predictor, one.test), one.test, predictor)
      expect(predictor).toMatchObject({ learner: learner.name, task: training.task })
      expect(predictor.width).toBe(training.width)
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect(seen.every((share) => share >= 0 && share <= 1)).toBe(true)
      expect(() => JSON.stringify(predictor.describe())).not.toThrow()
      checkImportance(predictor)
      predictor.dispose()
    })

    test('is deterministic under a seed', async () => {
      const [a, b, c] = await Promise.all(
        [1, 1, 2].map((seed) => fit({ training: few, parameters, seed })),
      )
      const shown = predict(a, one.test)
      expect(predict(b, one.test)).toEqual(shown)
      if (one.random) expect(predict(c, one.test)).not.toEqual(shown)
    })

    test('survives save and load with equal outputs', async () => {
      const predictor = await fit({ training: few, parameters })
      const saved = predictor.save()
      const description = JSON.parse(JSON.stringify(saved.description)) as typeof saved.description
      const half = saved.bytes.slice(0, Math.floor(saved.bytes.length / 2))
      // Where its models are kept as versions, what serves reads them without the learner.
      const served = READER_NAMES.includes(learner.name) ? [await loadReader(learner.name)] : []
      for (const reader of [learner, ...served]) {
        const loaded = await reader.load({ description, bytes: saved.bytes.slice() })
        expect(predict(loaded, one.test)).toEqual(predict(predictor, one.test))
        expect(loaded.describe()).toEqual(predictor.describe())
        expect(loaded.importance()).toEqual(predictor.importance())
        await expect(reader.load({ description, bytes: half })).rejects.toMatchObject({
          code: 'ERR_MODEL_CORRUPT',
        })
      }
    })

    test('refuses bad input and bad parameters, by code', async () => {
      const refuses = async (request: Parameters | Partial<Examples>, code: string) => {
        const asParameters = Object.values(request).every((value) => typeof value === 'number')
        const isExamples = Object.keys(request).some((key) => key in training)
        const given =
          asParameters && !isExamples
            ? { training: few, parameters: request as Parameters }
            : { training: { ...few, ...(request as Partial<Examples>) }, parameters }
        await expect(fit(given)).rejects.toMatchObject({ code })
      }
      await refuses({ 'no such thing': 1 }, 'ERR_LEARNER_PARAMETER')
      for (const [name, { max, whole }] of Object.entries(learner.parameters)) {
        if (Number.isFinite(max)) await refuses({ [name]: max + 1 }, 'ERR_LEARNER_PARAMETER')
        if (whole) await refuses({ [name]: 1.5 }, 'ERR_LEARNER_PARAMETER')
      }
      const empty = takeRows(training, 0, 0)
      await refuses({ ...empty }, 'ERR_DATASET_EMPTY')
      if (training.width > 0) {
        const infinite = few.rows.slice()
        infinite[3] = Number.POSITIVE_INFINITY
        await refuses({ rows: infinite }, 'ERR_LEARNER_INPUT')
        await refuses({ rows: few.rows.slice(1) }, 'ERR_LEARNER_INPUT')
      }
      if (training.classes > 0) {
        await refuses({ labels: few.labels.map(() => 1) }, 'ERR_DATASET_ONE_CLASS')
        await refuses({ labels: few.labels.map(() => training.classes) }, 'ERR_LEARNER_INPUT')
      }
      if (few.labels.length > 0) {
        await refuses({ labels: few.labels.map(() => Number.NaN) }, 'ERR_LEARNER_INPUT')
      }
    })

    test('predicts something for rows of nothing but missing or extreme values', async () => {
      const predictor = await fit({ training: few, parameters })
      if (training.width === 0) return
      for (const value of [Number.NaN, 3e38, -3e38, Number.POSITIVE_INFINITY]) {
        const out = new Float32Array(predictor.outputs)
        predictor.predict(new Float32Array(training.width).fill(value), 1, out)
        if (training.classes > 0) {
          expect(out.every((p) => p >= 0 && p <= 1)).toBe(true)
          if (predictor.outputs > 1) expect(out.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4)
        }
        if (training.task === 'count') expect(out[0]).toBeGreaterThanOrEqual(0)
        expect(out.some(Number.isNaN)).toBe(false)
      }
    })

    test('scores a row alone as it scores it among others', async () => {
      const predictor = await fit({ training: few, parameters })
      if (training.width === 0) return
      const all = predict(predictor, one.test)
      for (const row of [0, 7, one.test.count - 1]) {
        const alone = predict(predictor, takeRows(one.test, row, row + 1))
        alone.forEach((value, i) => {
          expect(value).toBeCloseTo(all[row * predictor.outputs + i], 4)
        })
      }
    })
  })

  test(`${learner.name} refuses a task that it does not learn`, async () => {
    const { training } = cases[0]
    for (const task of ['binary', 'regression', 'anomaly', 'series'] as const) {
      if (learner.tasks.includes(task)) continue
      await expect(fit({ training: { ...training, task } })).rejects.toMatchObject({
        code: 'ERR_LEARNER_TASK',
      })
    }
  })
}

export function predict(predictor: Predictor, { rows, count }: Examples): Float32Array {
  const out = new Float32Array(count * predictor.outputs)
  predictor.predict(rows, count, out)
  return out
}

function checkImportance(predictor: Predictor): void {
  const importance = predictor.importance()
  if (importance === null) return
  expect(importance.length).toBe(predictor.width)
  expect(importance.every((share) => share >= 0)).toBe(true)
  expect(importance.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 3)
}
