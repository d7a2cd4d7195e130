import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Fault, Path } from '../config/validation.ts'
import { findFaults, withDefaults } from '../config/validation.ts'
import { YamlFile } from '../config/yaml-file.ts'
import type { Value } from '../profile/expression.ts'
import { LimnError } from '../protocol/errors.ts'
import type { Delimiter } from './import-csv.ts'
import type { ParseTime } from './map-time.ts'
import { TIME_FORMATS_SHOWN, compileTime, parseZone } from './map-time.ts'
import type { ReadValue, RowCursor } from './map-values.ts'
import { ValueCompiler, isMap } from './map-values.ts'

const closed = { additionalProperties: false } as const
const columnName = Type.String({
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  allowed: 'a name in lower_snake_case',
})
const text = Type.String({ minLength: 1, maxLength: 2000 })
/** Checked while it is compiled. */
const values = Type.Object({})

const ruleSchema = Type.Object(
  {
    when: Type.Optional(text),
    event: text,
    properties: Type.Optional(values),
    products: Type.Optional(values),
  },
  closed,
)

const mapSchema = Type.Object(
  {
    format: Type.Enum(['csv'], { default: 'csv' }),
    delimiter: Type.Enum([',', ';', '|', 'tab', 'spaces'], { default: ',' }),
    header: Type.Boolean({ default: true }),
    columns: Type.Union([
      Type.Array(columnName, { minItems: 1, maxItems: 1000 }),
      Type.Record(columnName, text),
    ]),
    user: Type.Optional(text),
    anonymous: Type.Optional(text),
    timestamp: Type.Object(
      {
        template: text,
        format: text,
        timezone: Type.String({ default: 'UTC' }),
        plus_seconds: Type.Optional(text),
      },
      closed,
    ),
    skip: Type.Optional(text),
    group: Type.Optional(
      Type.Object(
        {
          by: Type.Array(columnName, { minItems: 1, maxItems: 16 }),
          within: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
        },
        closed,
      ),
    ),
    sort_within: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    context: Type.Optional(values),
    events: Type.Array(ruleSchema, { minItems: 1, maxItems: 100 }),
  },
  closed,
)

type MapFile = Static<typeof mapSchema>

export interface SumProperty {
  readonly name: string
  /** The expression, for errors. */
  readonly shown: string
  readonly evaluate: () => Value
}

/** What an event is made of; sums and products take every row of it, the rest its first row. */
export interface EventRule {
  readonly when: () => boolean
  readonly event: () => string
  readonly properties: readonly (readonly [name: string, read: ReadValue])[]
  readonly sums: readonly SumProperty[]
  readonly product: ReadValue | null
}

/** A compiled map. Everything it reads, it reads from the row that `row` is set to. */
export interface ImportMap {
  readonly row: RowCursor
  readonly delimiter: Delimiter
  readonly header: boolean
  /** Names in the order of `row.cells`. */
  readonly columns: readonly string[]
  /** What the header calls each column; null: they are known by their position. */
  readonly headerNames: readonly string[] | null
  readonly user: () => string
  readonly anonymous: () => string
  readonly time: { readonly read: () => string; readonly parse: ParseTime }
  readonly plusSeconds: (() => Value) | null
  readonly skip: () => boolean
  readonly group: { readonly key: () => string; readonly within: number } | null
  /** Events held to bring them into time order; 0: the order of the file. */
  readonly sortWithin: number
  readonly context: ReadValue
  readonly rules: readonly EventRule[]
}

/**
 * Reads a map. Throws `ERR_MAP_UNREADABLE`, or `ERR_MAP_INVALID` with a line
 * `file:line:column: …` for each fault.
 */
export function loadMap(path: string): ImportMap {
  try {
    const file = new YamlFile(path)
    const value = withDefaults(mapSchema, withGroup(file.value ?? {}))
    file.refuse(findFaults(mapSchema, value))
    const { map, faults } = compileMap(value as MapFile)
    file.refuse(faults)
    return map
  } catch (error) {
    if (!(error instanceof LimnError)) throw error
    const code = error.code === 'ERR_CONFIG_UNREADABLE' ? 'ERR_MAP_UNREADABLE' : 'ERR_MAP_INVALID'
    throw new LimnError(code, error.message, { cause: error })
  }
}

/** `group: [a, b]` is short for `group: {by: [a, b]}`. */
function withGroup(value: unknown): unknown {
  return isMap(value) && Array.isArray(value.group)
    ? { ...value, group: { by: value.group } }
    : value
}

function compileMap(file: MapFile): { map: ImportMap; faults: readonly Fault[] } {
  const { columns, timestamp, skip } = file
  const names = Array.isArray(columns) ? columns : Object.keys(columns)
  const row: RowCursor = { cells: [] }
  const compiler = new ValueCompiler(names, row)
  checkColumns(file, names, compiler)
  const optional = (name: 'user' | 'anonymous') => {
    const template = file[name]
    return template === undefined ? () => '' : compiler.template(template, [name])
  }
  const map: ImportMap = {
    row,
    delimiter: file.delimiter,
    header: file.header,
    columns: names,
    headerNames: Array.isArray(columns) ? null : Object.values(columns),
    user: optional('user'),
    anonymous: optional('anonymous'),
    time: compileTimestamp(timestamp, compiler),
    plusSeconds:
      timestamp.plus_seconds === undefined
        ? null
        : compiler.expression(timestamp.plus_seconds, ['timestamp', 'plus_seconds']),
    skip: skip === undefined ? () => false : compiler.predicate(skip, ['skip']),
    group: compileGroup(file.group, compiler),
    sortWithin: file.sort_within ?? 0,
    context:
      file.context === undefined ? () => undefined : compiler.value(file.context, ['context']),
    rules: file.events.map((rule, i) => compileRule(rule, ['events', i], compiler)),
  }
  return { map, faults: compiler.faults }
}

function checkColumns(file: MapFile, names: readonly string[], compiler: ValueCompiler): void {
  if (new Set(names).size !== names.length) {
    compiler.fault(['columns'], 'found a name twice; allowed: each once')
  }
  if (!Array.isArray(file.columns) && !file.header) {
    compiler.fault(['columns'], 'columns known by their header need header: true')
  }
  if (file.user === undefined && file.anonymous === undefined) {
    compiler.fault([], 'missing "user" or "anonymous"', 'key')
  }
}

function compileTimestamp(
  { template, format, timezone }: MapFile['timestamp'],
  compiler: ValueCompiler,
): ImportMap['time'] {
  const offset = parseZone(timezone)
  if (offset === null) {
    compiler.fault(['timestamp', 'timezone'], `found "${timezone}"; allowed: UTC, +hh:mm, -hh:mm`)
  }
  const parse = compileTime(format, offset ?? 0)
  if (parse === null) {
    compiler.fault(['timestamp', 'format'], `found "${format}"; allowed: ${TIME_FORMATS_SHOWN}`)
  }
  return {
    read: compiler.template(template, ['timestamp', 'template']),
    parse: parse ?? (() => Number.NaN),
  }
}

function compileGroup(group: MapFile['group'], compiler: ValueCompiler): ImportMap['group'] {
  if (group === undefined) return null
  const keys = group.by.map((name, i) => compiler.template(`{${name}}`, ['group', 'by', i]))
  return { key: () => keys.map((key) => key()).join('\0'), within: group.within ?? 1 }
}

function compileRule(
  rule: MapFile['events'][number],
  path: Path,
  compiler: ValueCompiler,
): EventRule {
  const { when, event, properties = {}, products } = rule
  const read: [string, ReadValue][] = []
  const sums: SumProperty[] = []
  for (const [name, spec] of Object.entries(properties as Record<string, unknown>)) {
    const at = [...path, 'properties', name]
    if (isMap(spec) && typeof spec.sum === 'string' && Object.keys(spec).length === 1) {
      const evaluate = compiler.expression(spec.sum, [...at, 'sum'])
      sums.push({ name, shown: spec.sum, evaluate })
    } else read.push([name, compiler.value(spec, at)])
  }
  return {
    when: when === undefined ? () => true : compiler.predicate(when, [...path, 'when']),
    event: compiler.template(event, [...path, 'event']),
    properties: read,
    sums,
    product: products === undefined ? null : compiler.value(products, [...path, 'products']),
  }
}
