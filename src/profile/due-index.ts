import type { ProfileStore } from './store.ts'

/**
 * Finds profiles whose next due instant has come: a scan that goes on where it stopped. A million
 * rows are a few milliseconds; the caller bounds how many rows it takes at once.
 */
export class DueIndex {
  private readonly store: ProfileStore
  private next = 0

  constructor(store: ProfileStore) {
    this.store = store
  }

  /** Appends at most `limit` rows that are due at `now`. */
  collect(now: number, rows: number[], limit: number): void {
    const { size } = this.store
    for (let seen = 0; seen < size && rows.length < limit; seen++) {
      if (this.next >= size) this.next = 0
      const row = this.next++
      if (this.store.nextDue(row) <= now) rows.push(row)
    }
  }
}
