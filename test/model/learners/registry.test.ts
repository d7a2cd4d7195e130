import { expect, test } from 'vitest'
import { LEARNER_NAMES, loadLearner } from '../../../src/model/learners/registry.ts'

test.each(LEARNER_NAMES)('%s is the learner of that name, with sound parameters', async (name) => {
  const learner = await loadLearner(name)
  expect(learner.name).toBe(name)
  expect(learner.tasks.length).toBeGreaterThan(0)
  for (const { value, min, max, whole, grid } of Object.values(learner.parameters)) {
    for (const one of [value, ...grid]) {
      expect(one >= min && one <= max && (!whole || Number.isInteger(one))).toBe(true)
    }
  }
})

test('an unknown name is refused with those that are known', async () => {
  await expect(loadLearner('constructor')).rejects.toMatchObject({
    code: 'ERR_LEARNER_UNKNOWN',
    message: expect.stringContaining('pareto_nbd'),
  })
})
