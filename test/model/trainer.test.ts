import { afterEach, beforeEach, expect, test } from 'vitest'
import { Trainer, type TrainRequest } from '../../src/model/trainer.ts'
import type { TrainProgress } from '../../src/model/training/train-on-journal.ts'

let trainer: Trainer

beforeEach(() => {
  trainer = new Trainer({ filename: new URL('./scripted-worker.mjs', import.meta.url) })
})

afterEach(() => trainer.close())

function request(name: string): TrainRequest {
  return {
    dataDir: '',
    shardCount: 1,
    modelsDir: '',
    profile: { traits: {}, segments: {}, machines: {} },
    name,
    model: { target: { event: 'Order Completed', within: '24h' } },
    seed: 1,
    learners: [],
    promote: false,
  }
}

test('runs a task in a worker and reports its progress', async () => {
  const seen: TrainProgress[] = []
  const result = trainer.train(request('purchase'), { progress: (at) => seen.push(at) })
  expect(await result).toBe('train purchase')
  expect(seen).toEqual([{ stage: 'save' }])
  expect(await trainer.evaluate({ ...request('purchase'), version: 1 })).toBe('evaluate purchase')
})

test('an expected failure keeps its code, and the next task runs', async () => {
  await expect(trainer.train(request('refused'))).rejects.toMatchObject({
    code: 'ERR_DATASET_EMPTY',
  })
  expect(await trainer.train(request('purchase'))).toBe('train purchase')
})

test('an interrupt ends the worker, and the next task runs', async () => {
  const controller = new AbortController()
  const progress = (): void => controller.abort()
  const endless = trainer.train(request('endless'), { signal: controller.signal, progress })
  await expect(endless).rejects.toMatchObject({ code: 'ERR_MODEL_INTERRUPTED' })
  expect(await trainer.train(request('purchase'))).toBe('train purchase')
})

test('refuses more tasks than may wait', async () => {
  const tasks = Array.from({ length: 40 }, () => trainer.train(request('purchase')))
  const outcomes = await Promise.allSettled(tasks)
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_MODEL_BUSY' })
})
