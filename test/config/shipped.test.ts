import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { loadServerConfig, packageRoot } from '../../src/config/server-config.ts'
import { planModel } from '../../src/model/definition.ts'
import { PROFILE_PARTS } from '../../src/profile/definition.ts'

describe('the shipped configuration', () => {
  const config = loadServerConfig({ env: {} })
  const { definition, models, warnings } = loadProfileConfig(config.profile.file)

  test('the server file says what the defaults are', () => {
    const file = join(packageRoot(), 'config', 'limn.yaml')
    expect(loadServerConfig({ file, env: {} })).toEqual(config)
  })

  test('the profile has every part, and the size that was asked for', () => {
    const traits = Object.values(definition.traits)
    expect(traits.length).toBeGreaterThanOrEqual(40)
    expect(new Set(traits.map(({ part }) => part))).toEqual(new Set(PROFILE_PARTS))
    expect(Object.keys(definition.segments).length).toBeGreaterThanOrEqual(8)
    expect(Object.keys(definition.machines)).toEqual(['session', 'lifecycle'])
    expect(models.purchase.target).toEqual({ event: 'Order Completed', within: '24h' })
    expect(warnings).toEqual([])
  })

  test('the models can be planned, and leave out who refused', () => {
    const tasks = Object.entries(models).map(([name, model]) => [name, planModel(model).task])
    expect(Object.fromEntries(tasks)).toEqual({
      purchase: 'binary',
      churn: 'binary',
      spend_30d: 'regression',
      next_category: 'multiclass',
      return_risk: 'binary',
    })
    for (const model of Object.values(models)) {
      expect(model.exclude.bots).toBe(true)
      expect(model.exclude.when).toContain('traits.consent == false')
    }
  })

  test('every trait and segment is described', () => {
    const { traits, segments } = definition
    const all = [...Object.values(traits), ...Object.values(segments), ...Object.values(models)]
    expect(all.filter(({ description }) => description === undefined)).toEqual([])
  })
})
