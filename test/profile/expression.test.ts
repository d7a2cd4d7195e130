import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Value } from '../../src/profile/expression.ts'
import { closestName, compileExpression, compilePredicate } from '../../src/profile/expression.ts'
import { parseExpression, references, thresholds } from '../../src/profile/expression.ts'
import { unknownNameError, usedInArithmetic } from '../../src/profile/expression.ts'

type Environment = Readonly<Record<string, Value>>

function evaluate(text: string, environment: Environment = {}): Value {
  const resolve = (name: string, args: readonly Value[] = []) => {
    const key = [name, ...args].join(' ')
    return () => environment[key] ?? null
  }
  const expression = parseExpression(text)
  const value = compileExpression(expression, resolve)()
  const truth = value !== null && value !== false && value !== 0 && value !== ''
  expect(compilePredicate(expression, resolve)()).toBe(truth)
  return value
}

function faultOf(text: string): unknown {
  try {
    parseExpression(text)
  } catch (error) {
    return error
  }
  throw new Error(`accepted ${text}`)
}

describe('values', () => {
  const environment = {
    a: 3,
    b: 'x',
    n: null,
    yes: true,
    'traits.plan': 'gold',
    'tag top shoes': 0.4,
  }
  test.each<[string, Value]>([
    ['1 + 2 * 3 - 4 / 2', 5],
    ['(1 + 2) * 3', 9],
    ['2 - 3 - 4', -5],
    ['-a * 2', -6],
    ['30d', 2_592_000],
    ['1.5h + 90s', 5490],
    ['500ms', 0.5],
    ['1e3', 1000],
    ["'it''s'", "it's"],
    ['"double"', 'double'],
    ["a > 2 and b == 'x'", true],
    ["a > 2 and not b == 'x' or yes", true],
    ['not a > 5', true],
    ['a in (1, 2, 3)', true],
    ['a not in (1, -2, 3)', false],
    ["b in ('x', 'y')", true],
    ["traits.plan == 'gold'", true],
    ["tag('top', 'shoes') >= 0.4", true],
    ["tag('top', 'hats') >= 0", false],
    ['a == b', false],
    ['a != b', true],
    ['a < b', false],
    ['1 / 0', null],
    ['log1p(0 - 2)', null],
    ['min(a, 2, 7)', 2],
    ['max(a, n)', null],
    ['round(2.5) + floor(-0.5) + abs(-2)', 4],
    ['band(a, 1, 3, 5)', 2],
    ['band(n, 1, 3)', null],
    ['coalesce(n, a)', 3],
    ["contains('abc', 'bc') and not contains(n, 'x')", true],
    ["starts_with('abc', 'ab') and not starts_with('abc', 'bc')", true],
    ["starts_with(n, '1') or starts_with(missing, '')", false],
    ['hour(3600000 * 49)', 1],
    ['weekday(0)', 4],
    ['weekday(-1)', 3],
  ])('%s is %j', (text, wanted) => {
    expect(evaluate(text, environment)).toBe(wanted)
  })

  test.each<[string, Value]>([
    ['n == null', true],
    ['null != n', false],
    ['n == 1', false],
    ['n != 1', false],
    ['n < 1', false],
    ['n == n', false],
    ['n in (1)', false],
    ['n not in (1)', false],
    ['n + 1', null],
    ['-n', null],
    ['not n', true],
    ['n or 1', true],
    ['n and 1', false],
  ])('null: %s is %j', (text, wanted) => {
    expect(evaluate(text)).toBe(wanted)
  })
})

describe('faults', () => {
  test.each([
    ['', 1, 'ERR_EXPRESSION_SYNTAX'],
    ['a +', 4, 'ERR_EXPRESSION_SYNTAX'],
    ['a b', 3, 'ERR_EXPRESSION_SYNTAX'],
    ['(a', 3, 'ERR_EXPRESSION_SYNTAX'],
    ['a < b < c', 7, 'ERR_EXPRESSION_SYNTAX'],
    ['a = 1', 3, 'ERR_EXPRESSION_SYNTAX'],
    ["a == 'x", 6, 'ERR_EXPRESSION_SYNTAX'],
    ['a > 30x', 5, 'ERR_EXPRESSION_SYNTAX'],
    ['a in ()', 7, 'ERR_EXPRESSION_SYNTAX'],
    ['a in (b)', 7, 'ERR_EXPRESSION_SYNTAX'],
    ['a in (null)', 7, 'ERR_EXPRESSION_SYNTAX'],
    ['and', 1, 'ERR_EXPRESSION_SYNTAX'],
    ['a.', 2, 'ERR_EXPRESSION_SYNTAX'],
    ['1e999', 1, 'ERR_EXPRESSION_SYNTAX'],
    ['minn(1, 2)', 1, 'ERR_EXPRESSION_NAME'],
    ['constructor(1)', 1, 'ERR_EXPRESSION_NAME'],
    ["1 + 'x'", 5, 'ERR_EXPRESSION_TYPE'],
    ["1 < 'x'", 3, 'ERR_EXPRESSION_TYPE'],
    ['a < null', 3, 'ERR_EXPRESSION_TYPE'],
    ['min(1)', 1, 'ERR_EXPRESSION_TYPE'],
    ['band(a, 3, 1)', 12, 'ERR_EXPRESSION_TYPE'],
    ["tag(a, 'x')", 5, 'ERR_EXPRESSION_TYPE'],
  ])('%s at column %i: %s', (text, column, code) => {
    expect(faultOf(text)).toMatchObject({ column, code })
  })

  test('the message says what was found and what is allowed', () => {
    expect(faultOf('a ! b')).toMatchObject({
      message: expect.stringMatching(/column 3: found "!"; allowed: /),
    })
  })

  test('length, depth and lists are limited', () => {
    expect(faultOf('a'.repeat(2001))).toMatchObject({ code: 'ERR_EXPRESSION_SYNTAX' })
    expect(faultOf(`${'('.repeat(40)}1${')'.repeat(40)}`)).toMatchObject({ column: 33 })
    expect(faultOf('not '.repeat(400))).toMatchObject({ code: 'ERR_EXPRESSION_SYNTAX' })
    expect(faultOf(`a in (${'1,'.repeat(300)}1)`)).toMatchObject({ code: 'ERR_EXPRESSION_SYNTAX' })
    expect(evaluate(`0${'+1'.repeat(999)}`)).toBe(999)
  })

  test('unknown names come from the resolver, with the column', () => {
    const resolve = (name: string) => {
      throw unknownNameError('trait', name, ['orders_30d', 'sessions'])
    }
    const expression = parseExpression('1 < order_30d')
    expect(() => compileExpression(expression, resolve)).toThrow(
      'column 5: unknown trait "order_30d"; did you mean "orders_30d"?',
    )
    expect(closestName('zzz', ['orders'])).toBeNull()
  })

  test('any text parses or throws a coded error', () => {
    const pieces = fc.constantFrom(
      'a',
      '1',
      "'s'",
      '(',
      ')',
      ',',
      'not',
      'and',
      'in',
      '<',
      '==',
      '-',
      '*',
      'min',
      'null',
      ' ',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces).map((parts) => parts.join(' ')),
    )
    fc.assert(
      fc.property(text, (source) => {
        try {
          evaluate(source, { a: 1 })
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_EXPRESSION_/) })
        }
      }),
    )
  })
})

/** Text of an expression beside what it means, computed without parsing. */
interface Meaning {
  readonly text: string
  readonly of: (environment: Environment) => Value
}

const numberOf = (value: Value) => (typeof value === 'number' ? value : null)
const finite = (value: number) => (Number.isFinite(value) ? value : null)
const truth = (value: Value) => Boolean(value)

function binary(left: Meaning, operator: string, right: Meaning): Meaning {
  const apply = (a: Value, b: Value): Value => {
    if (operator === 'and') return truth(a) && truth(b)
    if (operator === 'or') return truth(a) || truth(b)
    if (a === null || b === null) return '+-*/'.includes(operator) ? null : false
    const x = Number(a)
    const y = Number(b)
    const results: Record<string, Value> = {
      '+': finite(x + y),
      '-': finite(x - y),
      '*': finite(x * y),
      '/': finite(x / y),
      '==': x === y,
      '!=': x !== y,
      '<': x < y,
      '<=': x <= y,
      '>': x > y,
      '>=': x >= y,
    }
    return results[operator]
  }
  return {
    text: `(${left.text} ${operator} ${right.text})`,
    of: (environment) => apply(left.of(environment), right.of(environment)),
  }
}

const { number, condition } = fc.letrec<{ number: Meaning; condition: Meaning }>((tie) => ({
  number: fc.oneof(
    { maxDepth: 5 },
    fc.nat(20).map((value) => ({ text: String(value), of: () => value })),
    fc.constantFrom('x', 'y', 'gone').map((name) => ({
      text: name,
      of: (environment: Environment) => environment[name] ?? null,
    })),
    fc
      .tuple(tie('number'), fc.constantFrom('+', '-', '*', '/'), tie('number'))
      .map((parts) => binary(...parts)),
    tie('number').map((inner) => ({
      text: `-${inner.text}`,
      of: (environment: Environment) => {
        const value = numberOf(inner.of(environment))
        return value === null ? null : -value
      },
    })),
    fc.tuple(tie('number'), tie('number')).map(([a, b]) => ({
      text: `min(${a.text}, ${b.text})`,
      of: (environment: Environment) => {
        const [p, q] = [numberOf(a.of(environment)), numberOf(b.of(environment))]
        return p === null || q === null ? null : q < p ? q : p
      },
    })),
    tie('number').map((inner) => ({
      text: `band(${inner.text}, 0, 5, 10)`,
      of: (environment: Environment) => {
        const value = numberOf(inner.of(environment))
        return value === null ? null : [0, 5, 10].filter((bound) => bound <= value).length
      },
    })),
  ),
  condition: fc.oneof(
    { maxDepth: 4 },
    fc
      .tuple(tie('number'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('number'))
      .map((parts) => binary(...parts)),
    fc
      .tuple(tie('condition'), fc.constantFrom('and', 'or'), tie('condition'))
      .map((parts) => binary(...parts)),
    tie('condition').map((inner) => ({
      text: `(not ${inner.text})`,
      of: (environment: Environment) => !truth(inner.of(environment)),
    })),
    fc.tuple(tie('number'), fc.array(fc.nat(9), { minLength: 1 })).map(([inner, items]) => ({
      text: `(${inner.text} in (${items.join(', ')}))`,
      of: (environment: Environment) => items.includes(numberOf(inner.of(environment)) ?? -1),
    })),
    tie('number').map((inner) => ({
      text: `(${inner.text} == null)`,
      of: (environment: Environment) => inner.of(environment) === null,
    })),
  ),
}))

describe('properties', () => {
  const environment = fc.record({ x: fc.integer({ min: -5, max: 25 }), y: fc.integer() })

  test('compiled = evaluated directly', () => {
    const property = fc.property(fc.oneof(number, condition), environment, (meaning, names) => {
      fc.pre(meaning.text.length <= 2000)
      const { text } = meaning
      const wanted = meaning.of(names)
      // The depth limit may refuse what the generator nests too deeply.
      expect(evaluateOrDeep(text, names, wanted)).toEqual(wanted)
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('precedence needs no parentheses', () => {
    const operator = fc.constantFrom('or', 'and', '<', '+', '-', '*', '/')
    const binding: Record<string, number> = {
      or: 1,
      and: 2,
      '<': 3,
      '+': 4,
      '-': 4,
      '*': 5,
      '/': 5,
    }
    const parts = fc.array(fc.tuple(operator, fc.nat(9)), { maxLength: 8 })
    const property = fc.property(fc.nat(9), parts, (first, rest) => {
      const comparisons = rest.map(([sign]) => sign).filter((sign) => sign !== '+')
      fc.pre(
        !/<(,[*/-])*,</.test(comparisons.join(',')) &&
          comparisons.indexOf('<') === comparisons.lastIndexOf('<'),
      )
      // Shunting-yard: the reference for what the flat text means.
      const values: Meaning[] = [literal(first)]
      const signs: string[] = []
      const reduce = () => {
        const [right, left] = [values.pop(), values.pop()]
        const sign = signs.pop()
        if (left && right && sign) values.push(binary(left, sign, right))
      }
      for (const [sign, value] of rest) {
        while (signs.length > 0 && binding[signs[signs.length - 1]] >= binding[sign]) reduce()
        signs.push(sign)
        values.push(literal(value))
      }
      while (signs.length > 0) reduce()
      const flat = [first, ...rest.flat()].join(' ')
      expect(evaluateTyped(flat)).toEqual(evaluateTyped(values[0].text))
    })
    fc.assert(property, { numRuns: 500 })
  })
})

function literal(value: number): Meaning {
  return { text: String(value), of: () => value }
}

/** A value, or the code of the refusal. */
function evaluateTyped(text: string): Value {
  try {
    return evaluate(text)
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

function evaluateOrDeep(text: string, names: Environment, wanted: Value): Value {
  try {
    return evaluate(text, names)
  } catch (error) {
    if (error instanceof Error && error.message.includes('deeper nesting')) return wanted
    throw error
  }
}

describe('analysis', () => {
  const expression = parseExpression(
    "since > 30d and 2 * 7d >= since or since in (5, 1) or band(since, 10, 20) == 1 or tag('top', 'a') > other",
  )

  test('references', () => {
    const { names, tags } = references(expression)
    expect([...names]).toEqual(['since', 'other'])
    expect(tags).toEqual([{ trait: 'top', value: 'a' }])
  })

  test('thresholds', () => {
    expect(thresholds(expression, 'since')).toEqual([1, 5, 10, 20, 1_209_600, 2_592_000])
    expect(thresholds(expression, 'other')).toEqual([])
    expect(thresholds(parseExpression('since == null'), 'since')).toEqual([])
  })

  test('use outside of plain comparisons', () => {
    expect(usedInArithmetic(expression, 'since')).toBe(false)
    expect(usedInArithmetic(expression, 'other')).toBe(true)
    expect(usedInArithmetic(parseExpression('since + 1 > 5'), 'since')).toBe(true)
    expect(usedInArithmetic(parseExpression('since != null and since < 5'), 'since')).toBe(false)
    expect(usedInArithmetic(parseExpression('since > since'), 'since')).toBe(true)
  })
})
