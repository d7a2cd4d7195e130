/**
 * The language of `where`, `when`, `guard` and `formula`.
 *
 * ```
 * revenue > 100 and currency in ('EUR', 'USD')
 * seconds_since_order > 30d or machine.lifecycle == 'lost'
 * not contains(path, '/help') and tag('top_categories', 'shoes') >= 0.5
 * ```
 *
 * From loosest to tightest: `or`, `and`, `not`, comparison (`== != < <= > >= in (…)`,
 * `not in (…)`; they do not chain), `+ -`, `* /`, unary `-`. A duration (`90s 5m 24h 30d 2w`) is
 * its number of seconds. A quote inside a string is written twice.
 *
 * Null: `x == null` and `x != null` ask for presence; every other comparison with null is false;
 * arithmetic with null, with text or with a result that is not finite is null. `and`, `or`, `not`
 * take null, false, 0 and '' as false and yield true or false. Values of different types are
 * unequal, and neither is less.
 */

import { LimnError } from '../protocol/errors.ts'
import { EXPRESSION_FUNCTIONS, finite } from './expression-functions.ts'
import type { BinaryOperator, Expression, Value } from './expression-syntax.ts'
import { ExpressionError, parseSyntax } from './expression-syntax.ts'
import { checkExpression } from './expression-check.ts'

export type { Expression, Value } from './expression-syntax.ts'

type Evaluate = () => Value
type Predicate = () => boolean

/**
 * Finds what a name, or `tag` with its constant arguments, stands for. Throws
 * {@link unknownNameError} for what it does not know.
 */
export type Resolve = (name: string, args?: readonly Value[]) => Evaluate

export interface TagReference {
  readonly trait: string
  readonly value: string
}

export interface References {
  /** Plain and dotted names. */
  readonly names: Set<string>
  readonly tags: TagReference[]
}

/**
 * Parses and checks an expression. Throws an {@link ExpressionError} with the column:
 * `ERR_EXPRESSION_SYNTAX`, `ERR_EXPRESSION_NAME` (unknown function) or `ERR_EXPRESSION_TYPE`.
 */
export function parseExpression(text: string): Expression {
  const expression = parseSyntax(text)
  checkExpression(expression)
  return expression
}

/** Every name and tag that the expression reads. */
export function references(expression: Expression): References {
  const found: References = { names: new Set(), tags: [] }
  visit(expression, (node) => {
    if (node.kind === 'name') found.names.add(node.name)
    const tag = tagOf(node)
    if (tag !== null) found.tags.push(tag)
  })
  return found
}

/**
 * The constants at which the outcome of a comparison with the plain name, or the tag, changes,
 * ascending: of comparisons, `in` and `band`. Used to know when a value that moves with time
 * crosses one.
 */
export function thresholds(expression: Expression, subject: string | TagReference): number[] {
  const found = new Set<number>()
  visit(expression, (node) => {
    for (const value of comparedWith(node, subject)) found.add(value)
  })
  return [...found].sort((a, b) => a - b)
}

/**
 * Whether the name is used other than in a plain comparison with constants or with null, so that
 * {@link thresholds} cannot tell when the outcome changes.
 */
export function usedInArithmetic(expression: Expression, name: string): boolean {
  let uses = 0
  let plain = 0
  visit(expression, (node) => {
    if (node.kind === 'name' && node.name === name) uses++
    if (comparedWith(node, name).length > 0 || comparesWithNull(node, name)) plain++
  })
  return uses > plain
}

/** Compiles to a closure. The resolver is asked once for each occurrence, here, not on evaluation. */
export function compileExpression(expression: Expression, resolve: Resolve): Evaluate {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression
      return () => value
    }
    case 'name':
      return resolveAt(expression.column, () => resolve(expression.name))
    case 'call':
      return compileCall(expression, resolve)
    case 'unary':
      return compileUnary(expression, resolve)
    case 'in':
      return compileMembership(expression, resolve)
    case 'binary':
      return compileBinary(expression, resolve)
  }
}

/** As {@link compileExpression}; null, false, 0 and '' are false. */
export function compilePredicate(expression: Expression, resolve: Resolve): Predicate {
  const evaluate = compileExpression(expression, resolve)
  return () => isTrue(evaluate())
}

/** An error that names the closest of the known names. */
export function unknownNameError(what: string, name: string, known: Iterable<string>): LimnError {
  const closest = closestName(name, known)
  const hint = closest === null ? '' : `; did you mean "${closest}"?`
  return new LimnError('ERR_EXPRESSION_NAME', `unknown ${what} "${name}"${hint}`)
}

/** The known name within a few edits of `name` (a third of its length, at least 1 or 2), or null. */
export function closestName(name: string, known: Iterable<string>): string | null {
  let closest: string | null = null
  let best = (name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3))) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= best) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < best) {
      best = distance
      closest = candidate
    }
  }
  return closest
}

export function isTrue(value: Value): boolean {
  return value !== null && value !== false && value !== 0 && value !== ''
}

function resolveAt(column: number, find: () => Evaluate): Evaluate {
  try {
    return find()
  } catch (error) {
    if (!(error instanceof LimnError) || error instanceof ExpressionError) throw error
    throw new ExpressionError(error.code, column, error.message)
  }
}

function compileCall(call: Expression & { kind: 'call' }, resolve: Resolve): Evaluate {
  if (call.name === 'tag') {
    return resolveAt(call.column, () => resolve('tag', constants(call.arguments)))
  }
  const known = EXPRESSION_FUNCTIONS.get(call.name)
  if (known === undefined) {
    const error = unknownNameError('function', call.name, EXPRESSION_FUNCTIONS.keys())
    throw new ExpressionError(error.code, call.column, error.message)
  }
  return known.build(call.arguments.map((argument) => compileExpression(argument, resolve)))
}

function compileUnary(unary: Expression & { kind: 'unary' }, resolve: Resolve): Evaluate {
  const operand = compileExpression(unary.operand, resolve)
  if (unary.operator === 'not') return () => !isTrue(operand())
  return () => {
    const value = operand()
    return typeof value === 'number' ? -value : null
  }
}

function compileMembership(node: Expression & { kind: 'in' }, resolve: Resolve): Evaluate {
  const operand = compileExpression(node.operand, resolve)
  const items = new Set<Value>(node.items)
  const { negated } = node
  return () => {
    const value = operand()
    return value !== null && items.has(value) !== negated
  }
}

function compileBinary(node: Expression & { kind: 'binary' }, resolve: Resolve): Evaluate {
  const left = compileExpression(node.left, resolve)
  const right = compileExpression(node.right, resolve)
  const { operator } = node
  if (operator === 'and') return () => isTrue(left()) && isTrue(right())
  if (operator === 'or') return () => isTrue(left()) || isTrue(right())
  if (operator === '==' || operator === '!=') {
    return compileEquality(node, { left, right, equal: operator === '==' })
  }
  const order = ORDER[operator]
  if (order !== undefined) {
    return () => {
      const a = left()
      const b = right()
      return a !== null && b !== null && typeof a === typeof b && order(a, b)
    }
  }
  const arithmetic = ARITHMETIC[operator]
  if (arithmetic === undefined) throw new Error(`no operator ${operator}`)
  return () => {
    const a = left()
    const b = right()
    return typeof a === 'number' && typeof b === 'number' ? finite(arithmetic(a, b)) : null
  }
}

interface Equality {
  readonly left: Evaluate
  readonly right: Evaluate
  readonly equal: boolean
}

function compileEquality(node: Expression & { kind: 'binary' }, sides: Equality): Evaluate {
  const { left, right, equal } = sides
  if (isNull(node.left) || isNull(node.right)) {
    const tested = isNull(node.right) ? left : right
    return () => (tested() === null) === equal
  }
  return () => {
    const a = left()
    const b = right()
    return a !== null && b !== null && (a === b) === equal
  }
}

type Comparable = number | string | boolean
const ORDER: Partial<Record<BinaryOperator, (a: Comparable, b: Comparable) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}
const ARITHMETIC: Partial<Record<BinaryOperator, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
}

function isNull(node: Expression): boolean {
  return node.kind === 'literal' && node.value === null
}

function isName(node: Expression, name: string): boolean {
  return node.kind === 'name' && node.name === name
}

function is(node: Expression, subject: string | TagReference): boolean {
  if (typeof subject === 'string') return isName(node, subject)
  const tag = tagOf(node)
  return tag !== null && tag.trait === subject.trait && tag.value === subject.value
}

function tagOf(node: Expression): TagReference | null {
  if (node.kind !== 'call' || node.name !== 'tag') return null
  const [trait, value] = constants(node.arguments)
  return { trait: String(trait), value: String(value) }
}

function isComparison(operator: BinaryOperator): boolean {
  return operator === '==' || operator === '!=' || ORDER[operator] !== undefined
}

function comparesWithNull(node: Expression, name: string): boolean {
  if (node.kind !== 'binary' || !isComparison(node.operator)) return false
  if (isName(node.left, name)) return isNull(node.right)
  return isName(node.right, name) && isNull(node.left)
}

/** The constants that this very node compares the plain name, or the tag, with. */
function comparedWith(node: Expression, subject: string | TagReference): number[] {
  if (node.kind === 'in' && is(node.operand, subject)) return node.items.filter(isNumber)
  if (node.kind === 'call' && node.name === 'band' && is(node.arguments[0], subject)) {
    return constants(node.arguments.slice(1)).filter(isNumber)
  }
  if (node.kind !== 'binary' || !isComparison(node.operator)) return []
  const { left, right } = node
  const other = is(left, subject) ? right : is(right, subject) ? left : null
  const value = other === null ? null : constant(other)
  return isNumber(value) ? [value] : []
}

function isNumber(value: Value): value is number {
  return typeof value === 'number'
}

function constants(nodes: readonly Expression[]): Value[] {
  return nodes.map(constant)
}

/** The value of an expression without names, else null. */
function constant(node: Expression): Value {
  const { names, tags } = references(node)
  if (names.size > 0 || tags.length > 0) return null
  return compileExpression(node, () => () => null)()
}

function visit(node: Expression, see: (node: Expression) => void): void {
  see(node)
  if (node.kind === 'unary' || node.kind === 'in') visit(node.operand, see)
  if (node.kind === 'binary') {
    visit(node.left, see)
    visit(node.right, see)
  }
  if (node.kind === 'call') for (const argument of node.arguments) visit(argument, see)
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substituted, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[b.length]
}
