import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadProfileConfig } from '../../src/config/profile-config.ts'
import { planModel } from '../../src/model/definition.ts'

const dir = mkdtempSync(join(tmpdir(), 'limn-profile-'))
afterAll(() => rmSync(dir, { recursive: true }))

const MACHINE = 'id: stage\ninitial: a\nstates:\n  a: { on: { page: b } }\n  b: {}\n'

function load(text: string, machine = MACHINE) {
  writeFileSync(join(dir, 'machine.yaml'), machine)
  writeFileSync(join(dir, 'profile.yaml'), text)
  return loadProfileConfig(join(dir, 'profile.yaml'))
}

function faultOf(text: string, machine = MACHINE): string {
  try {
    load(text, machine)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_CONFIG_INVALID' })
    return error instanceof Error ? error.message.replaceAll(`${dir}/`, '') : ''
  }
  throw new Error('was accepted')
}

/** A definition with one more line among the traits, which is line 3. */
const withTrait = (line: string) =>
  `traits:\n  orders: { part: consumption, op: count, on: Order Completed }\n  ${line}\n`

describe('loadProfileConfig', () => {
  test('reads traits, segments, machines and models', () => {
    const text = `${withTrait('plan: { part: attributes, op: last, on: identify, value: traits.plan, text: true }')}
segments:
  staged: { when: machine.stage == 'b' and orders > 0 and traits.plan != null }
machines: [machine.yaml]
models:
  purchase: { target: { event: Order Completed, within: 24h } }
`
    const { definition, models, warnings } = load(text)
    expect(Object.keys(definition.traits)).toEqual(['orders', 'plan'])
    expect(definition.machines.stage.initial).toBe('a')
    expect(warnings).toEqual([])
    expect(models.purchase).toEqual({
      target: { event: 'Order Completed', within: '24h' },
      sampling: { at: 'event', rate: 1, minGap: '0s', perProfileMax: 2_000, rowsMax: 150_000 },
      exclude: { bots: true },
      features: {},
      holdout: 0.25,
      folds: 0,
      search: { method: 'random', trials: 4 },
      classWeights: 'none',
      threshold: { by: 'f1' },
      calibration: 'auto',
    })
    expect(planModel(models.purchase)).toEqual(
      planModel({ target: { event: 'Order Completed', within: '24h' } }),
    )
    expect(Object.isFrozen(definition.traits.orders)).toBe(true)
    expect(Object.isFrozen(definition.machines.stage.states.a.on)).toBe(true)
  })

  test.each([
    [
      'a: { part: nowhere, op: count, on: page }',
      '3:14: traits.a.part: found "nowhere"; allowed: attributes, ',
    ],
    [
      'a: { part: social, op: cuont, on: page }',
      '3:26: traits.a.op: found "cuont"; allowed: count, sum',
    ],
    ['a: { part: social, op: count }', '3:3: traits.a: missing "on", which count needs'],
    ['a: { part: social, on: page }', '3:3: traits.a: missing "op"'],
    [
      'a: { part: social, op: since, on: page, window: 1h }',
      '3:43: traits.a.window: not used by since; allowed: on, where, bots',
    ],
    [
      'a: { part: social, op: count, on: page, windw: 1h }',
      'traits.a.windw: unknown key (did you mean "window"?)',
    ],
    [
      'a: { part: social, op: count, on: page, window: soon }',
      'found "soon"; allowed: a duration such as 30m',
    ],
    [
      'a: { part: social, op: count, on: page, window: 2h }',
      '3:51: traits.a.window: found window 2h without resolution',
    ],
    [
      'a: { part: social, op: count, on: page, window: 2h, resolution: 7m }',
      '3:67: traits.a.resolution: found 7m in 2h; allowed: a divisor',
    ],
    ['a: { part: social, op: count, on: page, window: 30d, resolution: 1h }', 'at most 60 buckets'],
    [
      'a: { part: social, op: count, on: page, window: 1h, resolution: 0s }',
      'traits.a.resolution: found 0s in 1h',
    ],
    ['a: { part: social, op: count, on: page, resolution: 1h }', 'found resolution without window'],
    [
      'a: { part: social, op: count, on: page, window: 1h, halfLife: 1d }',
      'found window and halfLife',
    ],
    [
      'a: { part: social, op: ratio, numerator: order, denominator: orders }',
      '3:44: traits.a.numerator: found "order"; allowed: a numeric trait (did you mean "orders"?)',
    ],
    [
      'a: { part: social, op: count, on: page, where: price > }',
      '3:50: traits.a.where: column 8: found the end; allowed: ',
    ],
    [
      'a: { part: social, op: count, on: page, where: prise > 1 }',
      '3:50: traits.a.where: found the name "prise"; unknown here (did you mean "price"?)',
    ],
    [
      'a: { part: social, op: sum, on: page, value: products.weight }',
      'found the name "products.weight"',
    ],
    [
      'a: { part: social, op: formula, formula: order + 1 }',
      'found the name "order"; unknown here (did you mean "orders"?)',
    ],
    [
      'a: { part: social, op: formula, formula: a + 1 }',
      '3:44: traits.a.formula: found a circle of formulas',
    ],
    [
      'a: { part: social, op: recent, on: page, window: 1h }',
      '3:44: traits.a.window: not used by recent; allowed: on, where, k, value, bots',
    ],
    ['a: { part: social, op: recent }', '3:3: traits.a: missing "on", which recent needs'],
    [
      'a: { part: social, op: recent, on: page, k: 33 }',
      '3:47: traits.a.k: found 33; allowed: 1–32 events',
    ],
    ['a: { part: social, op: recent, on: page, k: 0 }', '3:47: traits.a.k: found 0; allowed: '],
    [
      'a: { part: social, op: recent, on: page, value: products.price }',
      '3:51: traits.a.value: found "products.price"; allowed: one number an event',
    ],
    [
      'a: { part: social, op: recent, on: page }\n  b: { part: social, op: formula, formula: a > 1 }',
      '4:44: traits.b.formula: found "a", a list of events; allowed: ',
    ],
    [
      'a: { part: social, op: recent, on: page }\n  b: { part: social, op: ratio, numerator: a, denominator: orders }',
      '4:44: traits.b.numerator: found "a"; allowed: a numeric trait',
    ],
    ['a: { part: social, op: count, on: [] }', 'traits.a.on: found 0 items; allowed: 1–64 items'],
    [
      'a: { part: social, op: count, on: [page, 5] }',
      '3:44: traits.a.on.1: found 5; allowed: text',
    ],
    [
      'Bad-Name: { part: social, op: count, on: page }',
      '3:3: traits.Bad-Name: found the name "Bad-Name"; allowed: lower_snake_case',
    ],
    ['a:', '3:3: traits.a: missing "part"'],
  ])('refuses the trait %j', (line, message) => {
    expect(faultOf(withTrait(line))).toContain(`profile.yaml:${/^\d/.test(message) ? message : ''}`)
    expect(faultOf(withTrait(line))).toContain(message)
  })

  test('refuses a segment and a guard that read a list of events', () => {
    const text = withTrait('a: { part: social, op: recent, on: page }')
    expect(faultOf(`${text}segments: { s: { when: a > 1 } }\n`)).toContain(
      '4:24: segments.s.when: found "a", a list of events; allowed: ',
    )
    const machine = 'id: m\ninitial: x\nstates:\n  x: { on: { page: { guard: a > 1 } } }\n'
    expect(faultOf(`${text}machines: [machine.yaml]\n`, machine)).toContain(
      'machine.yaml:4:29: states.x.on.page.guard: found the name "a"; unknown here',
    )
  })

  test.each([
    [
      'segments: { s: { when: order > 1 } }',
      '4:24: segments.s.when: found the name "order"; unknown here',
    ],
    ["segments: { s: { when: machine.x == 'a' } }", 'found the name "machine.x"'],
    [
      "segments: { s: { when: \"tag('orders', 'a') > 1\" } }",
      'found tag trait "orders"; allowed: a trait with op top',
    ],
    [
      'segments: { s: { when: age + 1 > 5 } }',
      'found "age" in arithmetic; allowed: since traits compared',
    ],
    ['segments: { s: {} }', '4:13: segments.s: missing "when"'],
    ['machines: [machine.yaml, machine.yaml]', '4:26: machines.1: found a second machine "stage"'],
    [
      'models: { m: { target: { event: x, within: 1 } } }',
      'models.m.target.within: found 1; allowed: a duration',
    ],
    ['models: { m: {} }', 'models.m: missing "target"'],
    [
      'models: { m: { target: { event: x, within: 1h, label: maybe } } }',
      '4:55: models.m.target.label: found "maybe"; allowed: happens, absent, count, sum, next',
    ],
    [
      'models: { m: { target: { event: x, within: 1h, label: sum } } }',
      '4:16: models.m.target: missing "value", which "sum" needs',
    ],
    [
      'models: { m: { target: { event: x, within: 1h, label: sum, value: category } } }',
      '4:67: models.m.target.value: found "category", which is text; allowed with sum: a number',
    ],
    [
      'models: { m: { target: { event: x, within: 1h, label: next, value: price } } }',
      'models.m.target.value: found "price", which is a number; allowed with next: text',
    ],
    [
      'models: { m: { target: { event: x, within: 1h, where: prise > 1 } } }',
      '4:55: models.m.target.where: found the name "prise"; unknown here (did you mean "price"?)',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, learners: [linear] } }',
      '4:61: models.m.learners.0: found "linear"; allowed: those that learn "binary": adaboost, ',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, exclude: { when: order > 1 } } }',
      'models.m.exclude.when: found the name "order"; unknown here (did you mean "orders"?)',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, features: { include: [order] } } }',
      '4:72: models.m.features.include.0: found "order"; allowed: names of features, or beginnings with * (did you mean "orders"?)',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, features: { exclude: [spend*] } } }',
      'models.m.features.exclude.0: found "spend*"; allowed: names',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, features: { cross: [[age, a]] } } }',
      'models.m.features.cross.0.1: found "a"; allowed: names of features',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, features: { cross: [[age]] } } }',
      'models.m.features.cross.0: found 1 items; allowed: 2–2 items',
    ],
    [
      'models: { m: { target: { event: x, within: 1h }, sampling: { on: a, at: day } } }',
      '4:62: models.m.sampling.on: not used with at: day; allowed: with at: event',
    ],
  ])('refuses %j', (line, message) => {
    expect(
      faultOf(`${withTrait('age: { part: social, op: since, on: page }')}${line}\n`),
    ).toContain(message)
  })

  test.each([
    [
      'id: stage\ninitial: x\nstates:\n  a: {}\n',
      'machine.yaml:2:10: initial: found "x"; allowed: a',
    ],
    [
      'id: stage\ninitial: a\nstates:\n  a:\n    entry: log\n',
      'machine.yaml:5:12: states.a.entry: ',
    ],
    [
      'id: stage\ninitial: a\nstates:\n  a:\n    on:\n      page: { target: b }\n',
      'machine.yaml:6:23: states.a.on.page.target: ',
    ],
    [
      'id: stage\ninitial: a\nstates:\n  a: { on: { page: { guard: order > 1 } } }\n',
      'machine.yaml:4:29: states.a.on.page.guard: found the name "order"',
    ],
    [
      'id: stage\ninitial: a\nstates:\n  a: { on: { page: { guard: 1 > } } }\n',
      'column 4: found the end',
    ],
    ['initial: a\nstates: { a: {} }\n', 'machine.yaml:1:1: missing "id"'],
    [
      'id: stage\ninitial: a\nstates: { a: { after: { 1h: { target: a, reenter: true } } } }\n',
      'circle: a → a',
    ],
  ])('refuses the machine %j', (machine, message) => {
    expect(faultOf(`${withTrait('# none')}machines: [machine.yaml]\n`, machine)).toContain(message)
  })

  test('takes a model with every key', () => {
    const text = `${withTrait('age: { part: social, op: since, on: page }')}
models:
  m:
    description: everything
    target: { event: [A, page, '*'], where: revenue > 0, label: next, value: category, within: 24h, classesMax: 9 }
    task: multiclass
    sampling: { at: session, nth: 2, rate: 0.5, minGap: 1h, perProfileMax: 9, rowsMax: 1000 }
    exclude: { bots: false, when: traits.consent == false or orders > 5 or revenue > 9 }
    features: { include: [ord*, age], exclude: [orders], log: [age], cross: [[orders, age]] }
    select: { k: 5, by: permutation }
    holdout: 0.3
    folds: 5
    learners: [boosted_trees, knn]
    search: { method: grid, trials: 9 }
    classWeights: balanced
    threshold: { by: f1 }
    calibration: isotonic
`
    const plan = planModel(load(text).models.m)
    expect(plan).toMatchObject({
      target: { event: ['A', 'page', '*'], where: 'revenue > 0', value: 'category', classesMax: 9 },
      sampling: { at: 'session', nth: 2, rate: 0.5, minGap: 3_600_000, perProfileMax: 9 },
      features: { include: ['ord*', 'age'], log: ['age'], cross: [['orders', 'age']] },
      select: { k: 5, by: 'permutation' },
      folds: 5,
    })
  })

  test('warns of states that cannot be reached', () => {
    const machine = `${MACHINE}  c: {}\n`
    const { warnings } = load(`${withTrait('# none')}machines: [machine.yaml]\n`, machine)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('machine.yaml:6:3: state "c" cannot be reached from "a"')
  })
})
