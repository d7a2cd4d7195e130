import type { TableColumn } from '../table/schema.ts'

/** Raw rows and how they are coded. */
export interface CodedRows {
  readonly columns: readonly TableColumn[]
  readonly rows: Float32Array
  readonly count: number
}

/**
 * Rows of a table as a model with other columns reads them: columns by name, categories by their text
 * (one that the model does not know is missing), days from its own origin. Null where a column is not
 * there or of another kind.
 */
export function adaptRows(
  { columns, rows, count }: CodedRows,
  wanted: readonly TableColumn[],
): Float32Array | null {
  const sources = wanted.map((column) => sourceOf(columns, column))
  if (sources.includes(null)) return null
  const out = new Float32Array(count * wanted.length)
  sources.forEach((source, to) => {
    if (source === null) return
    for (let row = 0; row < count; row++) {
      out[row * wanted.length + to] = source.read(rows[row * columns.length + source.column])
    }
  })
  return out
}

interface Source {
  readonly column: number
  readonly read: (value: number) => number
}

function sourceOf(columns: readonly TableColumn[], wanted: TableColumn): Source | null {
  const column = columns.findIndex(({ name }) => name === wanted.name)
  if (column < 0 || columns[column].kind !== wanted.kind) return null
  const { kind, categories, origin } = columns[column]
  if (kind === 'number') return { column, read: (value) => value }
  if (kind === 'time') return { column, read: (value) => value + origin - wanted.origin }
  const codes = new Map(wanted.categories.map((text, code) => [text, code]))
  const moved = Float32Array.from(categories, (text) => codes.get(text) ?? Number.NaN)
  return { column, read: (value) => moved[value] ?? Number.NaN }
}
