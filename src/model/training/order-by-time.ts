import type { DataTable } from '../table/read-table.ts'

/** The rows that have a time, in its order; equal times stay as they are. */
export function orderByTime(
  table: DataTable,
  timeOf: (row: number) => number,
): { table: DataTable; times: Float64Array } {
  const all = Float64Array.from({ length: table.count }, (_, row) => timeOf(row))
  const order = [...all.keys()].filter((row) => Number.isFinite(all[row]))
  order.sort((a, b) => all[a] - all[b] || a - b)
  const { width } = table
  const rows = new Float32Array(order.length * width)
  order.forEach((row, i) => {
    rows.set(table.rows.subarray(row * width, (row + 1) * width), i * width)
  })
  const labels = Float32Array.from(order, (row) => table.labels[row])
  return {
    table: { ...table, rows, labels, count: order.length },
    times: Float64Array.from(order, (row) => all[row]),
  }
}
