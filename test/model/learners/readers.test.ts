import { expect, test } from 'vitest'
import { EVALUATED_TASKS } from '../../../src/model/evaluation/outcome.ts'
import { LEARNER_TASKS } from '../../../src/model/learners/learner-tasks.ts'
import { loadReader, READER_NAMES } from '../../../src/model/learners/readers.ts'

test('models of all learners that a version can be of are read, and of no others', () => {
  const evaluated: readonly string[] = EVALUATED_TASKS
  const kept = Object.entries(LEARNER_TASKS)
    .filter(([, tasks]) => tasks.some((task) => evaluated.includes(task)))
    .map(([name]) => name)
  expect(READER_NAMES).toEqual(kept)
})

test.each(READER_NAMES)('a damaged model of %s is refused by code', async (name) => {
  const reader = await loadReader(name)
  const saved = { description: {}, bytes: new Uint8Array(3) }
  await expect(reader.load(saved)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
})

test.each(['constructor', 'kmeans'])('"%s" is refused with those that are known', async (name) => {
  await expect(loadReader(name)).rejects.toMatchObject({
    code: 'ERR_LEARNER_UNKNOWN',
    message: expect.stringContaining('pareto_nbd'),
  })
})
