import type { CompiledDefinition, TraitShape } from './compile.ts'
import type { Interner } from './interner.ts'
import { columnOf } from './layout.ts'
import type { RowPage } from './layout.ts'

/** The rows in which texts are held. */
export interface TextRows {
  readonly compiled: CompiledDefinition
  readonly strings: Interner
  readonly size: number
  readonly pageCount: number
  readonly rowsPerPage: number
  rowPage(page: number): RowPage
}

type Phase = 'idle' | 'mark' | 'sweep' | 'hold' | 'release'

/**
 * Gives numbers of texts free that no row holds any more: marks what the rows hold, page by page, then
 * sweeps the texts. A step is one page or one chunk of texts, and comes with a new text of a field that
 * is short of room, so that it costs nothing where there is room, and is the same in every process.
 *
 * Why a number that is used again never shows a wrong text:
 * 1. A number comes into a row only from `intern`, which marks it. So at the end of the sweep a number
 *    without the mark is in no row: not in one whose page was read (it would be marked), not in one that
 *    was changed since (likewise). A number that is interned later is held again.
 * 2. A page on disk is as the row was when it was written. So a number goes free only after a checkpoint
 *    that *began* after the sweep has ended: it has written every page that changed before, and a page
 *    that did not change is on disk as in memory. From then on no page on disk has the number.
 * 3. A text is written in one transaction with the first page that may hold it, or before it.
 * 4. A row's shadow, which is folded beside it, has numbers that no row holds: while there is one,
 *    nothing goes free, and a row that takes it over has its numbers marked.
 * A store of which no page is on disk (a replay's, time travel's) waits for no checkpoint.
 */
export class TextCollector {
  private readonly rows: TextRows
  private readonly columns: readonly number[]
  private phase: Phase = 'idle'
  private next = 0
  private pages = 0
  private covered = false
  private onDisk = false
  private shadows = 0
  /** Collections that have ended. */
  completed = 0

  constructor(rows: TextRows) {
    this.rows = rows
    this.columns = textColumns(rows.compiled)
  }

  step(): void {
    const { strings, pageCount } = this.rows
    if (this.phase === 'idle') {
      strings.beginCollection()
      this.pages = pageCount
      this.enter('mark')
    }
    if (this.phase === 'mark') {
      if (this.next < this.pages) this.markPage(this.next++)
      if (this.next >= this.pages) this.enter('sweep')
    } else if (this.phase === 'sweep') {
      strings.condemn(this.next++)
      if (this.next < strings.chunkCount) return
      this.covered = false
      this.enter(this.onDisk ? 'hold' : 'release')
    } else if (this.phase === 'release' && this.shadows === 0) {
      strings.releaseCondemned(this.next++)
      if (this.next < strings.chunkCount) return
      this.enter('idle')
      this.completed++
      strings.endCollection()
    }
  }

  /**
   * A row's shadow in another store holds texts of the same dictionary, which nobody marks: nothing goes
   * free until it has been taken over ({@link markRow}) or dropped.
   */
  shadowBegins(): void {
    this.shadows++
  }

  shadowEnds(): void {
    this.shadows--
  }

  /** Holds the texts of a row that came into it otherwise than from `intern`. */
  markRow(row: number): void {
    const { rows, columns } = this
    const { strings, rowsPerPage, compiled } = rows
    const { u32 } = rows.rowPage(Math.floor(row / rowsPerPage))
    const base = (row % rowsPerPage) * (compiled.layout.rowBytes >> 2)
    for (const column of columns) {
      const id = u32[base + column]
      if (id !== 0) strings.mark(id)
    }
  }

  /** Pages of the store are on disk: those that it is about to be filled from. */
  pagesAreOnDisk(): void {
    this.onDisk = true
  }

  /** A checkpoint begins: it writes all pages that have changed by now. */
  checkpointBegins(): void {
    this.onDisk = true
    if (this.phase === 'hold') this.covered = true
  }

  /** The checkpoint that began last is complete. */
  checkpointEnded(): void {
    if (this.phase === 'hold' && this.covered) this.enter('release')
  }

  private enter(phase: Phase): void {
    this.phase = phase
    this.next = 0
  }

  private markPage(page: number): void {
    const { rows, columns } = this
    const { strings, rowsPerPage, compiled } = rows
    const { u32 } = rows.rowPage(page)
    const stride = compiled.layout.rowBytes >> 2
    const count = Math.min(rowsPerPage, rows.size - page * rowsPerPage)
    for (let row = 0, base = 0; row < count; row++, base += stride) {
      for (let i = 0; i < columns.length; i++) {
        const id = u32[base + columns[i]]
        if (id !== 0) strings.mark(id)
      }
    }
  }
}

/** Places in a row's `u32` that hold numbers of texts. */
function textColumns(compiled: CompiledDefinition): number[] {
  return compiled.traits.filter(keepsText).flatMap(({ definition: { op }, a, k }) => {
    const first = columnOf(a)
    return Array.from({ length: op === 'first' || op === 'last' ? 1 : k }, (_, i) => first + i)
  })
}

/** Whether a trait has columns that hold numbers of texts. */
export function keepsText({ definition: { op, text } }: TraitShape): boolean {
  if (op === 'first' || op === 'last') return text === true
  return op === 'top' || op === 'recent'
}
