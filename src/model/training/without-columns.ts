import type { DataTable } from '../table/read-table.ts'
import type { IgnoredReason } from '../table/schema.ts'

/** The table without these columns, which its schema names among the ignored. */
export function withoutColumns(
  table: DataTable,
  names: readonly string[],
  reason: IgnoredReason,
): DataTable {
  if (names.length === 0) return table
  const { schema, columns, count, width } = table
  const kept = [...columns.keys()].filter((i) => !names.includes(columns[i].name))
  const rows = new Float32Array(count * kept.length)
  for (let row = 0; row < count; row++) {
    kept.forEach((column, i) => (rows[row * kept.length + i] = table.rows[row * width + column]))
  }
  const left = kept.map((i) => columns[i])
  const ignored = [...schema.ignored, ...names.map((name) => ({ name, reason }))]
  return {
    ...table,
    schema: { ...schema, columns: left, ignored },
    columns: left,
    width: left.length,
    rows,
  }
}
