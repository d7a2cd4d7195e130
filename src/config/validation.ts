import { closestName } from '../profile/expression.ts'

export type Path = readonly (string | number)[]

/** One fault of a file; `of` says whether the key or its value is at fault. */
export interface Fault {
  readonly path: Path
  readonly of: 'key' | 'value'
  readonly message: string
}

/** The part of JSON Schema that our schemas use, with our own keyword `allowed`. */
export interface SchemaNode {
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: unknown
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly default?: unknown
  readonly description?: string
  readonly allowed?: string
}

const SHOWN_CHARACTERS_MAX = 60

/**
 * A copy of `value` with defaults in place of what is absent. A section of which every required
 * key has a default may be absent itself.
 */
export function withDefaults(schema: SchemaNode, value: unknown): unknown {
  if (value === undefined && schema.default !== undefined) return structuredClone(schema.default)
  if (schema.properties !== undefined) {
    if (value !== undefined && value !== null && !isMap(value)) return value
    const given = isMap(value) ? value : {}
    const filled: Record<string, unknown> = { ...given }
    let any = value !== undefined || (schema.required ?? []).length === 0
    for (const [key, child] of Object.entries(schema.properties)) {
      const result = withDefaults(child, given[key])
      if (result === undefined) continue
      filled[key] = result
      any = true
    }
    return any ? filled : undefined
  }
  const patterns = Object.values(schema.patternProperties ?? {})
  if (patterns.length === 1 && isMap(value)) {
    const entries = Object.entries(value)
    return Object.fromEntries(entries.map(([key, item]) => [key, withDefaults(patterns[0], item)]))
  }
  return value
}

/** Every fault of `value` under the schema, in the order of the schema's walk. */
export function findFaults(schema: SchemaNode, value: unknown, path: Path = []): Fault[] {
  if (schema.anyOf !== undefined) return anyOfFaults(schema, value, path)
  if (schema.type === 'object') {
    return isMap(value) ? mapFaults(schema, value, path) : [wrong(schema, value, path)]
  }
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return [wrong(schema, value, path)]
    const { items, minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema
    if (value.length < minItems || value.length > maxItems) {
      const message = `found ${value.length} items; allowed: ${range(minItems, maxItems)} items`
      return [{ path, of: 'value', message }]
    }
    if (items === undefined) return []
    return value.flatMap((item, i) => findFaults(items, item, [...path, i]))
  }
  return scalarFits(schema, value) ? [] : [wrong(schema, value, path)]
}

/** What a schema takes, in a few words. */
export function describeAllowed(schema: SchemaNode): string {
  if (schema.allowed !== undefined) return schema.allowed
  if (schema.anyOf !== undefined) return schema.anyOf.map(describeAllowed).join(', or ')
  if (schema.enum !== undefined) return schema.enum.join(', ')
  switch (schema.type) {
    case 'boolean':
      return 'true, false'
    case 'integer':
    case 'number':
      return `${schema.type} ${range(schema.minimum, schema.maximum)}`.trim()
    case 'array':
      return schema.items === undefined ? 'a list' : `a list of ${describeAllowed(schema.items)}`
    case 'object':
      return 'a map of keys to values'
    default:
      return schema.maxLength === undefined ? 'text' : `text of 1–${schema.maxLength} characters`
  }
}

/** `found "x"; allowed: …` */
export function foundMessage(value: unknown, allowed: string): string {
  return value === undefined
    ? `missing; needed: ${allowed}`
    : `found ${show(value)}; allowed: ${allowed}`
}

export function unknownMessage(name: string, known: readonly string[], what = 'key'): string {
  const closest = closestName(name, known)
  const hint = closest === null ? '' : ` (did you mean "${closest}"?)`
  return `unknown ${what}${hint}; allowed: ${known.join(', ')}`
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapFaults(schema: SchemaNode, value: Record<string, unknown>, path: Path): Fault[] {
  const faults: Fault[] = []
  const properties = schema.properties ?? {}
  const patterns = Object.entries(schema.patternProperties ?? {})
  const { maxProperties = Number.POSITIVE_INFINITY } = schema
  const keys = Object.keys(value)
  if (keys.length > maxProperties) {
    const message = `found ${keys.length} entries; allowed: at most ${maxProperties}`
    faults.push({ path, of: 'value', message })
  }
  for (const key of keys) {
    const at = [...path, key]
    const child = Object.hasOwn(properties, key)
      ? properties[key]
      : patterns.find(([pattern]) => new RegExp(pattern, 'u').test(key))?.[1]
    if (child !== undefined) {
      faults.push(...findFaults(child, value[key], at))
    } else if (patterns.length > 0) {
      const message = `found the name "${key}"; allowed: lower_snake_case, at most 63 characters`
      faults.push({ path: at, of: 'key', message })
    } else if (schema.additionalProperties === false) {
      faults.push({ path: at, of: 'key', message: unknownMessage(key, Object.keys(properties)) })
    }
  }
  for (const key of schema.required ?? []) {
    if (Object.hasOwn(value, key)) continue
    const message = `missing "${key}"; needed: ${describeAllowed(properties[key])}`
    faults.push({ path, of: 'key', message })
  }
  return faults
}

/** Of the alternatives that fit the value's kind, the one whose faults are nearest the truth. */
function anyOfFaults(schema: SchemaNode, value: unknown, path: Path): Fault[] {
  for (const option of schema.anyOf ?? []) {
    const faults = findFaults(option, value, path)
    if (faults.length === 0) return []
    if (option.type === 'object' && isMap(value)) return faults
    if (option.type === 'array' && Array.isArray(value)) return faults
  }
  return [wrong(schema, value, path)]
}

function scalarFits(schema: SchemaNode, value: unknown): boolean {
  if (schema.enum !== undefined) return schema.enum.includes(value)
  if (schema.type === 'boolean') return typeof value === 'boolean'
  if (schema.type === 'integer' || schema.type === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema
    if (typeof value !== 'number' || !(value >= minimum && value <= maximum)) return false
    return schema.type === 'number' || Number.isSafeInteger(value)
  }
  if (typeof value !== 'string') return false
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = schema
  if (value.length < minLength || value.length > maxLength) return false
  return pattern === undefined || new RegExp(pattern, 'u').test(value)
}

function wrong(schema: SchemaNode, value: unknown, path: Path): Fault {
  return { path, of: 'value', message: foundMessage(value, describeAllowed(schema)) }
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined && maximum === undefined) return ''
  if (maximum === undefined || maximum === Number.POSITIVE_INFINITY) return `≥ ${minimum}`
  if (minimum === undefined) return `≤ ${maximum}`
  return `${minimum}–${maximum}`
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text
}
