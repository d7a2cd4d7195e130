import { basename } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import { ColumnFacts } from './column-facts.ts'
import { openCsv } from './csv-rows.ts'
import { inferColumn, sortedTexts } from './infer-column.ts'
import type { ColumnKind, IgnoredReason } from './schema.ts'

const TOP = 5

export interface TableColumnDescription {
  readonly name: string
  /** How it would be read as a feature; null where it would be left out. */
  readonly kind: ColumnKind | null
  readonly leftOut: IgnoredReason | null
  /** Share of the rows without a value. */
  readonly missing: number
  /** Different texts of a category; null for other kinds. */
  readonly categories: number | null
  readonly top: readonly { readonly text: string; readonly rows: number }[]
}

export interface TableDescription {
  readonly rows: number
  readonly columns: readonly TableColumnDescription[]
}

/**
 * Reads a CSV file once and says what training would take its columns for.
 * @throws LimnError ERR_TABLE_FILE, ERR_TABLE_HEADER, ERR_TABLE_ROW, ERR_DATASET_EMPTY
 */
export async function describeTable(file: string): Promise<TableDescription> {
  const { header, records } = await openCsv(file)
  const facts = header.map((name) => new ColumnFacts(name))
  let rows = 0
  for await (const cells of records) {
    rows++
    for (let i = 0; i < cells.length; i++) facts[i].add(cells[i])
  }
  if (rows === 0) throw new LimnError('ERR_DATASET_EMPTY', `${basename(file)} has no rows`)
  return { rows, columns: facts.map(describeColumn) }
}

function describeColumn(facts: ColumnFacts): TableColumnDescription {
  const found = inferColumn(facts)
  const kind = typeof found === 'string' ? null : found.kind
  const counts = kind === 'category' ? sortedTexts(facts).map((text) => countOf(facts, text)) : []
  counts.sort((a, b) => b.rows - a.rows)
  return {
    name: facts.name,
    kind,
    leftOut: typeof found === 'string' ? found : null,
    missing: (facts.rows - facts.present) / facts.rows,
    categories: typeof found === 'string' ? null : found.categories.length || null,
    top: counts.slice(0, TOP),
  }
}

function countOf(facts: ColumnFacts, text: string): { text: string; rows: number } {
  return { text, rows: facts.texts.get(text) ?? 0 }
}
