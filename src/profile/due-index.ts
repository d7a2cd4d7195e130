import type { ProfileStore } from './store.ts'

/** Finds rows whose next due instant has come: a scan that resumes where it stopped. */
export class DueIndex {
  private readonly store: ProfileStore
  private next = 0

  constructor(store: ProfileStore) {
    this.store = store
  }

  /** Appends at most `limit` rows with a due instant ≤ now. */
  collect(now: number, out: number[], limit = Infinity): void {
    const { size } = this.store
    for (let seen = 0; seen < size && out.length < limit; seen++) {
      if (this.next >= size) this.next = 0
      const row = this.next++
      if (this.store.nextDue(row) <= now) out.push(row)
    }
  }
}
