import { LimnError } from '../protocol/errors.ts'

/** What an expression yields. Numbers are finite; a result that is not becomes null. */
export type Value = number | string | boolean | null

export type BinaryOperator =
  | 'or'
  | 'and'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'

/** The syntax tree. `column` counts from 1 in the text. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Value; readonly column: number }
  | { readonly kind: 'name'; readonly name: string; readonly column: number }
  | {
      readonly kind: 'call'
      readonly name: string
      readonly arguments: readonly Expression[]
      readonly column: number
    }
  | {
      readonly kind: 'unary'
      readonly operator: 'not' | '-'
      readonly operand: Expression
      readonly column: number
    }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
      readonly column: number
    }
  | {
      readonly kind: 'in'
      readonly operand: Expression
      readonly items: readonly (number | string | boolean)[]
      readonly negated: boolean
      readonly column: number
    }

export const EXPRESSION_LENGTH_MAX = 2000
export const EXPRESSION_DEPTH_MAX = 32
export const EXPRESSION_LIST_MAX = 256

/** A fault in an expression's text; `column` counts from 1. */
export class ExpressionError extends LimnError {
  readonly column: number

  constructor(code: string, column: number, message: string) {
    super(code, `column ${column}: ${message}`)
    this.column = column
  }
}

export function syntaxError(column: number, found: string, allowed: string): ExpressionError {
  const message = `found ${found}; allowed: ${allowed}`
  return new ExpressionError('ERR_EXPRESSION_SYNTAX', column, message)
}

/** Seconds in each unit that a duration literal may have. */
const UNIT_SECONDS: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
}

type Token =
  | { readonly kind: 'number' | 'string'; readonly value: number | string; readonly column: number }
  | { readonly kind: 'word' | 'symbol' | 'end'; readonly value: string; readonly column: number }

const NUMBER = /(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([\p{L}_]*)/uy
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*(?:\.[\p{L}\p{N}_$]+)*/uy
const SYMBOL = /==|!=|<=|>=|[<>+\-*/(),]/y
const SPACE = /\s+/y

const OPERAND = "a number, a 'string', a duration such as 30d, a name, a function, not, - or ("
const RESERVED = new Set(['and', 'or', 'not', 'in', 'true', 'false', 'null'])

/** Parses without checking functions or types. Throws {@link ExpressionError}. */
export function parseSyntax(text: string): Expression {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    const found = `${text.length} characters`
    throw syntaxError(EXPRESSION_LENGTH_MAX + 1, found, `at most ${EXPRESSION_LENGTH_MAX}`)
  }
  const parser = new Parser(tokenize(text))
  const expression = parser.expression(0, 1)
  parser.expectEnd()
  return expression
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at
    return pattern.exec(text)
  }
  while (at < text.length) {
    const column = at + 1
    const space = match(SPACE)
    if (space !== null) {
      at += space[0].length
      continue
    }
    const number = match(NUMBER)
    if (number !== null) {
      tokens.push({ kind: 'number', value: numberValue(number, column), column })
      at += number[0].length
      continue
    }
    if (text[at] === "'" || text[at] === '"') {
      const value = quoted(text, at)
      tokens.push({ kind: 'string', value: value.text, column })
      at = value.end
      continue
    }
    const word = match(WORD)
    const found = word ?? match(SYMBOL)
    if (found === null) throw syntaxError(column, `"${text[at]}"`, `${OPERAND}, or an operator`)
    tokens.push({ kind: word === null ? 'symbol' : 'word', value: found[0], column })
    at += found[0].length
  }
  tokens.push({ kind: 'end', value: '', column: text.length + 1 })
  return tokens
}

function numberValue(match: RegExpExecArray, column: number): number {
  const [found, digits, unit] = match
  const scale = unit === '' ? 1 : Object.hasOwn(UNIT_SECONDS, unit) ? UNIT_SECONDS[unit] : undefined
  if (scale === undefined) {
    throw syntaxError(column, `"${found}"`, 'a number, or one with a unit ms, s, m, h, d or w')
  }
  const value = Number(digits)
  if (!Number.isFinite(value)) throw syntaxError(column, `"${found}"`, 'a finite number')
  return unit === 'ms' ? value / 1000 : value * scale
}

/** A string in single or double quotes; the quote itself is written twice inside. */
function quoted(text: string, start: number): { text: string; end: number } {
  const quote = text[start]
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] !== quote) {
      value += text[at]
    } else if (text[at + 1] === quote) {
      value += quote
      at++
    } else {
      return { text: value, end: at + 1 }
    }
  }
  throw syntaxError(start + 1, 'a string without an end', `a closing ${quote}`)
}

const BINDING: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  not: 4,
  in: 4,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
}
const NOT_BINDING = 3
const COMPARISON_BINDING = 4
const NEGATION_BINDING = 7

/** Operator-precedence (Pratt) parser: comparisons do not chain. */
class Parser {
  private readonly tokens: readonly Token[]
  private at = 0

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  expression(binding: number, depth: number): Expression {
    if (depth > EXPRESSION_DEPTH_MAX) {
      const allowed = `at most ${EXPRESSION_DEPTH_MAX} levels`
      throw syntaxError(this.token.column, 'a deeper nesting', allowed)
    }
    let left = this.operand(depth)
    for (;;) {
      const power = this.infixBinding()
      if (power <= binding) return left
      left = this.infix(left, power, depth)
      if (power === COMPARISON_BINDING && this.infixBinding() === COMPARISON_BINDING) {
        throw syntaxError(this.token.column, this.shown, 'and, or, or the end')
      }
    }
  }

  expectEnd(): void {
    if (this.token.kind === 'end') return
    throw syntaxError(this.token.column, this.shown, 'an operator, or the end')
  }

  private get token(): Token {
    return this.tokens[this.at]
  }

  private get shown(): string {
    const token = this.token
    return token.kind === 'end' ? 'the end' : `"${token.value}"`
  }

  private is(value: string): boolean {
    const token = this.token
    return (token.kind === 'symbol' || token.kind === 'word') && token.value === value
  }

  private expect(value: string, allowed: string): void {
    if (!this.is(value)) throw syntaxError(this.token.column, this.shown, allowed)
    this.at++
  }

  private infixBinding(): number {
    const token = this.token
    if (token.kind !== 'symbol' && token.kind !== 'word') return 0
    return Object.hasOwn(BINDING, token.value) ? BINDING[token.value] : 0
  }

  private infix(left: Expression, power: number, depth: number): Expression {
    const { column } = this.token
    const operator = String(this.token.value)
    this.at++
    if (operator === 'in') return this.membership(left, false, column)
    if (operator === 'not') {
      this.expect('in', 'in')
      return this.membership(left, true, column)
    }
    const right = this.expression(power, depth + 1)
    return { kind: 'binary', operator: operator as BinaryOperator, left, right, column }
  }

  private operand(depth: number): Expression {
    const token = this.token
    const { column } = token
    if (token.kind === 'number' || token.kind === 'string') {
      this.at++
      return { kind: 'literal', value: token.value, column }
    }
    if (this.is('(')) {
      this.at++
      const inner = this.expression(0, depth + 1)
      this.expect(')', 'an operator, or )')
      return inner
    }
    if (this.is('-') || this.is('not')) {
      const operator = token.value as '-' | 'not'
      this.at++
      const binding = operator === 'not' ? NOT_BINDING : NEGATION_BINDING
      const operand = this.expression(binding, depth + 1)
      if (operator === '-' && operand.kind === 'literal' && typeof operand.value === 'number') {
        return { kind: 'literal', value: -operand.value, column }
      }
      return { kind: 'unary', operator, operand, column }
    }
    if (token.kind === 'word') return this.word(token.value, column, depth)
    throw syntaxError(column, this.shown, OPERAND)
  }

  private word(word: string, column: number, depth: number): Expression {
    if (word === 'true' || word === 'false' || word === 'null') {
      this.at++
      return { kind: 'literal', value: word === 'null' ? null : word === 'true', column }
    }
    if (RESERVED.has(word)) throw syntaxError(column, `"${word}"`, OPERAND)
    this.at++
    if (!this.is('(')) return { kind: 'name', name: word, column }
    this.at++
    const args: Expression[] = []
    while (!this.is(')')) {
      if (args.length > 0) this.expect(',', 'an operator, a comma, or )')
      args.push(this.expression(0, depth + 1))
      if (args.length > EXPRESSION_LIST_MAX) this.listTooLong(column)
    }
    this.at++
    return { kind: 'call', name: word, arguments: args, column }
  }

  private membership(operand: Expression, negated: boolean, column: number): Expression {
    this.expect('(', '(')
    const items: (number | string | boolean)[] = []
    do {
      if (items.length > 0) this.at++
      const item = this.operand(1)
      if (item.kind !== 'literal' || item.value === null) {
        throw syntaxError(item.column, 'a value that is not constant', "numbers or 'strings'")
      }
      items.push(item.value)
      if (items.length > EXPRESSION_LIST_MAX) this.listTooLong(column)
    } while (this.is(','))
    this.expect(')', 'a comma, or )')
    return { kind: 'in', operand, items, negated, column }
  }

  private listTooLong(column: number): never {
    throw syntaxError(column, 'a longer list', `at most ${EXPRESSION_LIST_MAX} values`)
  }
}
