import type { Expression } from './expression-syntax.ts'
import { ExpressionError } from './expression-syntax.ts'
import type { ValueType } from './expression-functions.ts'
import { EXPRESSION_FUNCTIONS } from './expression-functions.ts'

/**
 * Checks functions and the types that are known from the text alone; names may be of any type.
 * Returns the type of the whole.
 */
export function checkExpression(node: Expression): ValueType {
  switch (node.kind) {
    case 'literal':
      return node.value === null ? 'null' : typeOf(node.value)
    case 'name':
      return 'any'
    case 'unary':
      return checkUnary(node)
    case 'in':
      checkMembership(node)
      return 'boolean'
    case 'call':
      return checkCall(node)
    case 'binary':
      return checkBinary(node)
  }
}

function typeOf(value: number | string | boolean): ValueType {
  return typeof value === 'number' ? 'number' : typeof value === 'string' ? 'string' : 'boolean'
}

function typeError(column: number, found: string, allowed: string): ExpressionError {
  return new ExpressionError('ERR_EXPRESSION_TYPE', column, `found ${found}; allowed: ${allowed}`)
}

function need(node: Expression, allowed: ValueType, by: string): void {
  const found = checkExpression(node)
  if (found === allowed || found === 'any' || allowed === 'any') return
  throw typeError(node.column, `a ${found} for ${by}`, `a ${allowed}`)
}

function checkUnary(node: Expression & { kind: 'unary' }): ValueType {
  if (node.operator === '-') {
    need(node.operand, 'number', '-')
    return 'number'
  }
  checkExpression(node.operand)
  return 'boolean'
}

function checkMembership(node: Expression & { kind: 'in' }): void {
  const found = checkExpression(node.operand)
  if (found === 'any') return
  for (const item of node.items) {
    if (typeOf(item) !== found) throw typeError(node.column, `a ${found} among others`, 'one type')
  }
}

function checkBinary(node: Expression & { kind: 'binary' }): ValueType {
  const { operator, left, right, column } = node
  if (operator === 'and' || operator === 'or') {
    checkExpression(left)
    checkExpression(right)
    return 'boolean'
  }
  if (operator === '+' || operator === '-' || operator === '*' || operator === '/') {
    need(left, 'number', operator)
    need(right, 'number', operator)
    return 'number'
  }
  const a = checkExpression(left)
  const b = checkExpression(right)
  if (a === 'null' || b === 'null') {
    if (operator === '==' || operator === '!=') return 'boolean'
    throw typeError(column, `null for ${operator}`, 'null only with == and !=')
  }
  if (a !== b && a !== 'any' && b !== 'any') {
    throw typeError(column, `${a} ${operator} ${b}`, 'two values of the same type')
  }
  return 'boolean'
}

function checkCall(node: Expression & { kind: 'call' }): ValueType {
  const { name, column } = node
  const args = node.arguments
  if (name === 'tag') return checkTag(node)
  const known = EXPRESSION_FUNCTIONS.get(name)
  if (known === undefined) {
    const names = ['tag', ...EXPRESSION_FUNCTIONS.keys()].join(', ')
    const message = `found function "${name}"; allowed: ${names}`
    throw new ExpressionError('ERR_EXPRESSION_NAME', column, message)
  }
  if (args.length < known.argumentsMin || args.length > known.argumentsMax) {
    const most = known.argumentsMax === known.argumentsMin ? '' : ` to ${known.argumentsMax}`
    const allowed = `${known.argumentsMin}${most}`
    throw typeError(column, `${args.length} arguments for ${name}`, allowed)
  }
  for (const argument of args) need(argument, known.argument, name)
  if (name === 'band') checkBounds(args.slice(1))
  return known.result
}

function checkTag(node: Expression & { kind: 'call' }): ValueType {
  const args = node.arguments
  for (const argument of args) {
    if (argument.kind !== 'literal' || typeof argument.value !== 'string') {
      throw typeError(argument.column, 'another argument of tag', "tag('trait', 'value')")
    }
  }
  if (args.length !== 2) {
    throw typeError(node.column, `${args.length} arguments for tag`, "tag('trait', 'value')")
  }
  return 'number'
}

function checkBounds(bounds: readonly Expression[]): void {
  let before = Number.NEGATIVE_INFINITY
  for (const bound of bounds) {
    if (bound.kind !== 'literal' || typeof bound.value !== 'number' || bound.value <= before) {
      throw typeError(bound.column, 'another bound of band', 'ascending numbers')
    }
    before = bound.value
  }
}
