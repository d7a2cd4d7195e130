/** Kinds of columns, widest first: that order keeps every column aligned without padding. */
export type ColumnType = 'f64' | 'u32' | 'f32' | 'u16' | 'u8'

const WIDTH: Readonly<Record<ColumnType, number>> = { f64: 8, u32: 4, f32: 4, u16: 2, u8: 1 }
const ORDER: readonly ColumnType[] = ['f64', 'u32', 'f32', 'u16', 'u8']

/** Columns of a row: `index` counts in units of the column's own type from the row's start. */
export interface Column {
  readonly type: ColumnType
  index: number
  readonly length: number
  /** What a new row holds. */
  readonly initial: number
}

/**
 * Lays out a row: all columns of a profile are contiguous, so that an update touches few cache lines
 * and a page is written as it is. Columns are added first; {@link finish} fixes their places.
 */
export class RowLayout {
  rowBytes = 0
  private readonly columns: Column[] = []

  add(type: ColumnType, length = 1, initial = 0): Column {
    const column = { type, index: 0, length, initial }
    this.columns.push(column)
    return column
  }

  finish(): void {
    let at = 0
    for (const type of ORDER) {
      for (const column of this.columns) {
        if (column.type !== type) continue
        column.index = at / WIDTH[type]
        at += WIDTH[type] * column.length
      }
    }
    this.rowBytes = Math.ceil(at / 8) * 8
  }

  /** The bytes of a new row. */
  template(): Uint8Array {
    const page = new RowPage(this.rowBytes)
    for (const { type, index, length, initial } of this.columns) {
      for (let i = 0; i < length; i++) page[type][index + i] = initial
    }
    return page.u8
  }
}

/** Views over one page of rows. */
export class RowPage {
  readonly f64: Float64Array
  readonly u32: Uint32Array
  readonly f32: Float32Array
  readonly u16: Uint16Array
  readonly u8: Uint8Array
  dirty = false
  /** No row falls due before this. */
  dueFrom = Number.POSITIVE_INFINITY

  constructor(bytes: number) {
    const buffer = new ArrayBuffer(bytes)
    this.f64 = new Float64Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.f32 = new Float32Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.u8 = new Uint8Array(buffer)
  }
}

/** A trait's column by its place; one that the trait's kind does not have is a bug. */
export function columnOf(column: { readonly index: number } | null): number {
  if (column === null) throw new Error('the trait has no such column')
  return column.index
}
