import { expect, test } from 'vitest'
import { loadLearner } from '../../../src/model/learners/registry.ts'
import type { Parameters } from '../../../src/model/learners/predictor.ts'
import { withParameters } from '../../../src/model/learners/with-parameters.ts'
import { gridSettings } from '../../../src/model/training/settings.ts'
import { makeExamples } from './made-examples.ts'

const training = makeExamples('binary', { count: 400, seed: 1 })
const request = { training, validation: null, parameters: {}, seed: 1 }

test('what is given counts in place of the default, and a search leaves it alone', async () => {
  const tree = await loadLearner('tree')
  const [name] = Object.entries(tree.parameters)
    .filter(([, { grid }]) => grid.length > 1)
    .map(([key]) => key)
  const { grid } = tree.parameters[name]
  const value = grid.find((one) => one !== tree.parameters[name].value) ?? 0
  const given = withParameters(tree, { [name]: value })
  const fitted = await given.fit(request)
  const same = await tree.fit({ ...request, parameters: { [name]: value } })
  expect(fitted.save().bytes).toEqual(same.save().bytes)
  for (const settings of gridSettings(given, 50, 1)) expect(settings[name] ?? value).toBe(value)
  const loaded = await given.load(fitted.save())
  expect(loaded.describe()).toEqual(fitted.describe())
})

test('refuses settings that the learner does not have, or out of their range', async () => {
  const logistic = await loadLearner('logistic')
  const refused: Parameters[] = [{ magic: 1 }, { penalty: -1 }]
  for (const parameters of refused) {
    expect(() => withParameters(logistic, parameters)).toThrow(
      expect.objectContaining({ code: 'ERR_LEARNER_PARAMETER' }) as Error,
    )
  }
})
