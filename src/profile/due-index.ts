import type { RowPage } from './layout.ts'
import type { ProfileStore } from './store.ts'

/**
 * Finds profiles whose next due instant has come. A page knows an instant before which none of its
 * rows falls due (`dueFrom`), so that only pages where something may be due are looked through.
 */
export class DueIndex {
  private readonly store: ProfileStore
  private next = 0

  constructor(store: ProfileStore) {
    this.store = store
  }

  /**
   * Appends at most `limit` rows that are due at `now`, going on where it stopped. The caller fires
   * each of them, which sets when it is due next.
   */
  collect(now: number, rows: number[], limit: number): void {
    const { store } = this
    const pages = store.pageCount
    for (let seen = 0; seen < pages && rows.length < limit; seen++) {
      if (this.next >= pages) this.next = 0
      const page = store.rowPage(this.next)
      if (page.dueFrom <= now && !this.collectOf(page, now, rows, limit)) return
      this.next++
    }
  }

  /** A row that was told was not fired: it is found again. */
  lookAgain(row: number): void {
    const { store } = this
    store.at(row)
    store.page.dueFrom = Number.NEGATIVE_INFINITY
  }

  /** False when the limit ended it: the page is looked through again. */
  private collectOf(page: RowPage, now: number, rows: number[], limit: number): boolean {
    const { store } = this
    const first = this.next * store.rowsPerPage
    const count = Math.min(store.rowsPerPage, store.size - first)
    const stride = store.compiled.layout.rowBytes >> 3
    let at = store.compiled.columns.nextDue.index
    let later = Number.POSITIVE_INFINITY
    for (let i = 0; i < count; i++, at += stride) {
      const due = page.f64[at]
      if (due > now) later = Math.min(later, due)
      else if (rows.length === limit) return false
      else rows.push(first + i)
    }
    page.dueFrom = later
    return true
  }
}
