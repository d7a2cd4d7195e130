/** Labelled feature vectors, row by row; missing values are NaN. */
export interface Table {
  readonly width: number
  readonly count: number
  /** `count × width`. */
  readonly rows: Float32Array
  /** 0 or 1. */
  readonly labels: Uint8Array
}

/** Rows `[start, end)` as a view. */
export function sliceTable(table: Table, start: number, end: number): Table {
  return {
    width: table.width,
    count: end - start,
    rows: table.rows.subarray(start * table.width, end * table.width),
    labels: table.labels.subarray(start, end),
  }
}

export function countPositives(labels: Uint8Array): number {
  let positives = 0
  for (const label of labels) positives += label
  return positives
}
