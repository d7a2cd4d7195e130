import { LimnError } from '../protocol/errors.ts'
import type { Value } from '../profile/expression.ts'
import {
  closestName,
  compileExpression,
  isTrue,
  parseExpression,
  unknownNameError,
} from '../profile/expression.ts'
import type { Fault, Path } from '../config/validation.ts'

/** The row at hand; compiled values read it. */
export interface RowCursor {
  cells: readonly string[]
}

/** A value from the row at hand; undefined where there is none. */
export type ReadValue = () => unknown

/**
 * Compiles the texts of a map against its columns. Faults are collected, not thrown; what is at
 * fault compiles to nothing.
 */
export class ValueCompiler {
  readonly faults: Fault[] = []
  private readonly columns: ReadonlyMap<string, number>
  private readonly row: RowCursor

  constructor(columns: readonly string[], row: RowCursor) {
    this.columns = new Map(columns.map((name, index) => [name, index]))
    this.row = row
  }

  fault(path: Path, message: string, of: Fault['of'] = 'value'): void {
    this.faults.push({ path, of, message })
  }

  expression(text: string, path: Path): () => Value {
    try {
      return compileExpression(parseExpression(text), (name) => this.column(name))
    } catch (error) {
      if (!(error instanceof LimnError)) throw error
      this.fault(path, error.message)
      return () => null
    }
  }

  predicate(text: string, path: Path): () => boolean {
    const evaluate = this.expression(text, path)
    return () => isTrue(evaluate())
  }

  /** Text with `{column}` replaced by the cell as it stands, without blanks around it. */
  template(text: string, path: Path): () => string {
    const parts: (string | number)[] = []
    let at = 0
    for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
      parts.push(text.slice(at, match.index))
      const index = this.columns.get(match[1])
      if (index === undefined) this.fault(path, this.unknownColumn(match[1]))
      parts.push(index ?? '')
      at = match.index + match[0].length
    }
    parts.push(text.slice(at))
    const texts = parts.filter((part) => typeof part === 'string')
    if (texts.some((part) => /[{}]/.test(part))) {
      this.fault(path, 'found a brace of its own; allowed: {column}')
    }
    return this.joined(parts.filter((part) => part !== ''))
  }

  /**
   * A constant, a template, `{value: expression}`, `{lookup: template, values: {…}}`, or a map of
   * such. Empty text and null are left out.
   */
  value(spec: unknown, path: Path): ReadValue {
    if (typeof spec === 'number' || typeof spec === 'boolean') return () => spec
    if (typeof spec === 'string') {
      const template = this.template(spec, path)
      return () => template() || undefined
    }
    if (!isMap(spec)) {
      this.fault(path, 'allowed: text with {column}, a number, true, false, or a map')
      return () => undefined
    }
    if (typeof spec.value === 'string' && Object.keys(spec).length === 1) {
      const evaluate = this.expression(spec.value, [...path, 'value'])
      return () => evaluate() ?? undefined
    }
    if ('lookup' in spec) return this.lookup(spec, path)
    return this.map(spec, path)
  }

  private map(spec: Record<string, unknown>, path: Path): ReadValue {
    const entries = Object.entries(spec).map(
      ([name, item]) => [name, this.value(item, [...path, name])] as const,
    )
    return () => {
      const made: Record<string, unknown> = {}
      for (const [name, read] of entries) {
        const value = read()
        if (value !== undefined) made[name] = value
      }
      return Object.keys(made).length === 0 ? undefined : made
    }
  }

  private lookup(spec: Record<string, unknown>, path: Path): ReadValue {
    const { lookup, values, ...rest } = spec
    if (typeof lookup !== 'string' || !isMap(values) || Object.keys(rest).length > 0) {
      this.fault(path, 'needed: lookup (text with {column}) and values (a map), and no more')
      return () => undefined
    }
    const template = this.template(lookup, [...path, 'lookup'])
    const found = new Map(Object.entries(values))
    for (const [key, value] of found) {
      if (typeof value === 'object') {
        this.fault([...path, 'values', key], 'allowed: text, a number, true, false')
      }
    }
    return () => found.get(template())
  }

  private joined(parts: readonly (string | number)[]): () => string {
    const { row } = this
    const [only] = parts
    if (parts.length === 1 && typeof only === 'number') return () => row.cells[only].trim()
    return () => {
      let text = ''
      for (const part of parts) text += typeof part === 'string' ? part : row.cells[part].trim()
      return text
    }
  }

  private column(name: string): () => Value {
    const index = this.columns.get(name)
    if (index === undefined) throw unknownNameError('column', name, this.columns.keys())
    const { row } = this
    return () => cellValue(row.cells[index])
  }

  private unknownColumn(name: string): string {
    const closest = closestName(name, this.columns.keys())
    const hint = closest === null ? '' : ` (did you mean "${closest}"?)`
    return `unknown column "${name}"${hint}; allowed: ${[...this.columns.keys()].join(', ')}`
  }
}

/** A cell as an expression sees it: number where it is one, null where it is empty. */
export function cellValue(cell: string): Value {
  const text = cell.trim()
  if (text === '') return null
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/.test(text)) return text
  const number = Number(text)
  if (!Number.isFinite(number)) return text
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
