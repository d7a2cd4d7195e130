import { describe, expect, test } from 'vitest'
import { planModel, targetInWords, type ModelDefinition } from '../../src/model/definition.ts'
import { LEARNER_NAMES, loadLearner } from '../../src/model/learners/registry.ts'
import { LEARNER_TASKS } from '../../src/model/learners/learner-tasks.ts'

const target = { event: 'Order', within: '24h' }

describe('planModel', () => {
  test('fills in what is absent', () => {
    const plan = planModel({ target })
    expect(plan).toMatchObject({
      target: { event: ['Order'], where: null, label: 'happens', value: null, within: 86_400_000 },
      task: 'binary',
      sampling: { at: 'event', on: null, rate: 1, minGap: 0, rowsMax: 150_000 },
      exclude: { bots: true, when: null },
      select: null,
      holdout: 0.25,
      folds: 0,
      learners: ['logistic', 'boosted_trees'],
      threshold: { by: 'f1' },
      calibration: 'auto',
    })
  })

  test.each([
    [{ label: 'happens' }, 'binary'],
    [{ label: 'absent' }, 'binary'],
    [{ label: 'next', value: 'category' }, 'multiclass'],
    [{ label: 'count' }, 'count'],
    [{ label: 'sum', value: 'total' }, 'regression'],
  ] as const)('%j is %s', (label, task) => {
    const plan = planModel({ target: { ...target, ...label } })
    expect(plan.task).toBe(task)
    for (const name of plan.learners) expect(LEARNER_TASKS[name]).toContain(task)
  })

  test('costs that are not named are 0', () => {
    const { threshold } = planModel({ target, threshold: { by: 'cost', falseNegative: 5 } })
    expect(threshold).toEqual({
      by: 'cost',
      truePositive: 0,
      falsePositive: 0,
      falseNegative: 5,
      trueNegative: 0,
    })
  })

  test.each<[Partial<ModelDefinition>, string]>([
    [{ target: { event: 'Order', within: 'a day' } }, 'target.within: found "a day"; allowed: a'],
    [{ target: { event: 'Order', within: '0h' } }, 'target.within: found "0h"'],
    [{ target: { event: 'Session Ended', within: '1h' } }, 'target.event: found "Session Ended"'],
    [{ target: { ...target, label: 'sum' } }, 'target: missing "value", which "sum" needs'],
    [{ target: { ...target, value: 'total' } }, 'target.value: not used with the label "happens"'],
    [{ target: { ...target, classesMax: 5 } }, 'target.classesMax: not used with'],
    [{ task: 'regression' }, 'task: found "regression"; allowed: binary'],
    [{ sampling: { rate: 0 } }, 'sampling.rate: found 0; allowed: above 0'],
    [{ sampling: { nth: 2 } }, 'sampling.nth: not used with at: event; allowed: with at: session'],
    [{ sampling: { at: 'day', on: 'Order' } }, 'sampling.on: not used with at: day'],
    [{ sampling: { at: 'session', activeWithin: '1d' } }, 'sampling.activeWithin: not used'],
    [{ holdout: 1 }, 'holdout: found 1'],
    [{ folds: 1 }, 'folds: found 1; allowed: 0 for a split by time, or 2–10'],
    [{ learners: [] }, 'learners: found "none"'],
    [{ learners: ['linear'] }, 'learners.0: found "linear"; allowed: those that learn "binary"'],
    [{ learners: ['logistc'] }, 'learners.0: found "logistc"'],
    [{ threshold: { falsePositive: 1 } }, 'threshold.falsePositive: not used with by: f1'],
    [{ threshold: { by: 'cost' } }, 'threshold: found no cost'],
    [
      { target: { ...target, label: 'count' }, classWeights: 'balanced' },
      'classWeights: found "balanced"',
    ],
    [{ target: { ...target, label: 'count' }, calibration: 'platt' }, 'calibration: found "platt"'],
  ])('refuses %j', (definition, message) => {
    const plan = () => planModel({ target, ...definition })
    expect(plan).toThrowError(expect.objectContaining({ code: 'ERR_MODEL_DEFINITION' }))
    expect(plan).toThrowError(message)
  })
})

test('a target in words', () => {
  const words = (more: Partial<ModelDefinition['target']>) =>
    targetInWords(planModel({ target: { ...target, ...more } }).target)
  expect(words({})).toBe('Order within 24h')
  expect(words({ event: ['A', 'B'], where: 'total > 5' })).toBe('A or B where total > 5 within 24h')
  expect(words({ event: '*', label: 'absent', within: '30d' })).toBe('no event within 30d')
  expect(words({ label: 'sum', value: 'total' })).toBe('sum of total of Order within 24h')
  expect(words({ label: 'count', within: '90m' })).toBe('number of Order within 90m')
  expect(words({ label: 'next', value: 'category' })).toBe('category of the next Order within 24h')
})

test('configuration knows what every learner learns', async () => {
  expect(Object.keys(LEARNER_TASKS)).toEqual([...LEARNER_NAMES])
  for (const name of LEARNER_NAMES) {
    expect((await loadLearner(name)).tasks, name).toEqual(LEARNER_TASKS[name])
  }
})
