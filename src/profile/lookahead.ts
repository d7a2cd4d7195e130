import { Fold } from './fold.ts'
import type { TraitShape } from './compile.ts'
import { columnOf } from './layout.ts'
import { SESSION_SIGNALS } from './machine.ts'
import type { ProfileStore } from './store.ts'

/**
 * Reads a row as of an instant by which something falls due that no timer has fired yet: fires it in
 * the row itself, lets `read` read, and puts the row back as it was, with its counts, its sets and the
 * segments' members. So what is read depends on records and the instant alone, never on when timers
 * ran. For one store; not while a record is being folded.
 */
export class Lookahead {
  private readonly store: ProfileStore
  private readonly fold: Fold
  private readonly saved: Uint8Array
  private readonly wasInside: boolean[]
  /** `distinct` traits that grow when a session ends: time alone changes no other. */
  private readonly distinct: readonly TraitShape[]

  constructor(store: ProfileStore) {
    this.store = store
    this.fold = new Fold(store.compiled, store)
    this.saved = new Uint8Array(store.compiled.layout.rowBytes)
    this.wasInside = store.compiled.segments.map(() => false)
    this.distinct = store.compiled.traits.filter(({ definition: { op, on } }) => {
      return op === 'distinct' && SESSION_SIGNALS.some((signal) => [on].flat().includes(signal))
    })
  }

  readAt(row: number, now: number, read: () => void): void {
    const { store, fold, saved } = this
    store.at(row)
    const { page, o1 } = store
    const { dirty, dueFrom } = page
    saved.set(page.u8.subarray(o1, o1 + saved.length))
    const excesses: [number, number][] = []
    store.counts.eachOfRow((byte, excess) => excesses.push([byte, excess]))
    for (let s = 0; s < this.wasInside.length; s++) this.wasInside[s] = store.inSegment(row, s)
    this.copySets()
    try {
      fold.advance(row, now)
      read()
    } finally {
      store.at(row)
      this.dropSets()
      this.wasInside.forEach((inside, segment) => store.setSegment(row, segment, inside))
      store.counts.forgetRow()
      page.u8.set(saved, o1)
      for (const [byte, excess] of excesses) store.counts.restore(row, byte, excess)
      page.dirty = dirty
      page.dueFrom = dueFrom
      fold.effects.clear()
    }
  }

  /** The row's sets become copies, for adding to one may move it. */
  private copySets(): void {
    const { page, o2, o4, sets } = this.store
    for (const { a, b } of this.distinct) {
      const size = page.u16[o2 + columnOf(a)]
      if (size === 0) continue
      const copy = new Float64Array(size)
      const handleAt = o4 + columnOf(b)
      sets.copy(page.u32[handleAt], size, copy, 0)
      page.u32[handleAt] = sets.create(copy, 0, size)
    }
  }

  private dropSets(): void {
    const { page, o2, o4, sets } = this.store
    for (const { a, b } of this.distinct) {
      sets.drop(page.u32[o4 + columnOf(b)], page.u16[o2 + columnOf(a)])
    }
  }
}

const lookaheads = new WeakMap<ProfileStore, Lookahead>()

/** The store's look-ahead, made once. */
export function lookaheadOf(store: ProfileStore): Lookahead {
  const known = lookaheads.get(store)
  if (known !== undefined) return known
  const made = new Lookahead(store)
  lookaheads.set(store, made)
  return made
}
