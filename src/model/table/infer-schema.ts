import { basename } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import { ColumnFacts } from './column-facts.ts'
import { openCsv } from './csv-rows.ts'
import { inferColumn } from './infer-column.ts'
import { badLabel, inferLabel, type LabelRequest } from './infer-label.ts'
import type { ColumnKind, IgnoredColumn, TableColumn, TableSchema } from './schema.ts'

export interface SchemaRequest {
  /** Null: nothing is predicted. */
  readonly label: LabelRequest | null
  /** Kinds of columns whose cells look otherwise, such as categories that are written as numbers. */
  readonly kinds?: Readonly<Record<string, ColumnKind>>
  /** Columns to leave out. */
  readonly ignore?: readonly string[]
  /** A column that rows are ordered by: numbers that only rise are no id there. */
  readonly order?: string
}

export interface InferredSchema {
  readonly schema: TableSchema
  /** Rows of the file, with and without a label. */
  readonly rows: number
}

/**
 * Reads a whole CSV file once and says how it is to be read.
 * @throws LimnError ERR_TABLE_FILE, ERR_TABLE_HEADER, ERR_TABLE_ROW, ERR_TABLE_LABEL,
 * ERR_TABLE_COLUMN (`kinds` or `ignore` names none), ERR_DATASET_EMPTY, ERR_DATASET_ONE_CLASS
 */
export async function inferSchema(file: string, request: SchemaRequest): Promise<InferredSchema> {
  const { header, records } = await openCsv(file)
  checkNames(file, header, request)
  const facts = header.map((name) => new ColumnFacts(name))
  const labelAt = request.label === null ? -1 : header.indexOf(request.label.name)
  let rows = 0
  for await (const cells of records) {
    rows++
    for (let i = 0; i < cells.length; i++) facts[i].add(cells[i])
  }
  if (rows === 0) throw new LimnError('ERR_DATASET_EMPTY', `${basename(file)} has no rows`)
  const label = request.label === null ? null : inferLabel(facts[labelAt], request.label)
  const features = facts.filter((_, i) => i !== labelAt)
  return { schema: { ...inferColumns(features, request), label }, rows }
}

function inferColumns(
  facts: readonly ColumnFacts[],
  { kinds = {}, ignore = [], order }: SchemaRequest,
): Pick<TableSchema, 'columns' | 'ignored'> {
  const columns: TableColumn[] = []
  const ignored: IgnoredColumn[] = []
  for (const one of facts) {
    const { name } = one
    const asked = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    const inferred = ignore.includes(name) ? 'asked' : inferColumn(one, asked)
    const isOrder = name === order && inferred === 'id' && one.numbers === one.present
    const found = isOrder ? inferColumn(one, 'number') : inferred
    if (typeof found === 'string') ignored.push({ name, reason: found })
    else columns.push(found)
  }
  return { columns, ignored }
}

function checkNames(file: string, header: readonly string[], request: SchemaRequest): void {
  const { label, kinds = {}, ignore = [] } = request
  const there = `${basename(file)} has the columns: ${header.join(', ')}`
  if (label !== null && !header.includes(label.name)) {
    throw badLabel(`there is no column "${label.name}"; ${there}`)
  }
  if (label !== null && ignore.includes(label.name)) {
    throw badLabel(`"${label.name}" is the label: it cannot be left out`)
  }
  const missing = [...Object.keys(kinds), ...ignore].find((name) => !header.includes(name))
  if (missing === undefined) return
  throw new LimnError('ERR_TABLE_COLUMN', `there is no column "${missing}"; ${there}`)
}
