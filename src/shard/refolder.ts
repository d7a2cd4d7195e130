import { RECORD_KIND } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import { ROW_MARK } from '../profile/compile.ts'
import { Fold } from '../profile/fold.ts'
import { ProfileStore } from '../profile/store.ts'
import { copyOfRecord } from '../replay/history.ts'
import type { HistoryReader } from '../replay/history.ts'
import { collectDeferred, collectOwn, finish, foldCollected, isDeferred } from '../replay/refold.ts'
import type { Collected, FoldTarget } from '../replay/refold.ts'
import type { Replayer } from '../replay/replayer.ts'
import type { Background } from './background.ts'
import type { Batch } from './batch.ts'
import type { Turn } from './turn.ts'

/** Records that are folded again within a turn, before a join's event; more go in slices. */
const FOLDED_AT_ONCE = 256
/** Collecting a record and folding it. */
const STEPS_A_RECORD = 2
/** Shadow rows before the shadow store is made anew. */
const SHADOWS_MAX = 1_000

export interface RefolderParts {
  readonly turn: Turn
  readonly profiles: ProfileStore
  readonly fold: Fold
  readonly replayer: Replayer
  readonly history: HistoryReader
  readonly background: Background
}

/** A row beside the live ones, and the store that it is in. */
interface Shadow extends FoldTarget {
  readonly profiles: ProfileStore
}

/**
 * Folds marked profiles again, one after the other, in slices: into a shadow of the row, which takes
 * the row's place when it has caught up with what came meanwhile. Until then the row goes on as it is.
 * The taking over is journalled (`refold`), so that a replay does it at the same position. However
 * often a row was marked before its turn comes, it is folded once.
 */
export class Refolder {
  private readonly parts: RefolderParts
  private readonly queue = new Set<number>()
  private readonly waiting = new Map<number, (() => void)[]>()
  private shadow: { profiles: ProfileStore; fold: Fold } | null = null
  private active = false
  /** The row that is folded in slices at the moment; -1 for none. */
  private folding = -1
  private atOnce = FOLDED_AT_ONCE
  /** Profiles folded again so far. */
  refolded = 0

  constructor(parts: RefolderParts) {
    this.parts = parts
  }

  /** Rows that wait to be folded again. */
  get size(): number {
    return this.queue.size
  }

  /** Takes up the rows that were marked. */
  collectMarked(): void {
    const { marked } = this.parts.replayer
    for (const row of marked) this.queue.add(row)
    marked.clear()
    // A row that waits may have given its records away meanwhile, and its mark with them.
    for (const row of this.waiting.keys()) this.queue.add(row)
    if (this.active || this.queue.size === 0) return
    this.active = true
    this.parts.background.add(this.run())
  }

  /**
   * Calls back once the row has nothing that is not folded; the batch waits for it. At once where that
   * is so now, and where the profile is small, so that an event finds it as it will be.
   */
  whenFolded(row: number, batch: Batch, action: () => void): void {
    const { profiles, turn } = this.parts
    if (profiles.isMarked(row, ROW_MARK.refold)) this.foldIfSmall(row)
    if (!profiles.isMarked(row, ROW_MARK.refold)) return action()
    batch.hold()
    const actions = this.waiting.get(row) ?? []
    actions.push(() => {
      action()
      turn.whenDurable(() => batch.release())
    })
    this.waiting.set(row, actions)
  }

  /** A turn has ended: the next may fold small profiles at once again. */
  endTurn(): void {
    this.atOnce = FOLDED_AT_ONCE
  }

  /**
   * Folds a marked row at once where the turn has room for that. A profile that gave much back has few
   * records and a long way to them; then the steps run out and it takes its turn.
   */
  private foldIfSmall(row: number): void {
    // Its shadow is in use where its turn has come already.
    if (row === this.folding || this.parts.profiles.history(row) > this.atOnce) return
    const work = this.refold(row)
    const left = this.atOnce * STEPS_A_RECORD
    let steps = 0
    while (steps++ < left) {
      const step = work.next()
      if (step.done !== true) continue
      if (step.value) {
        this.queue.delete(row)
        this.parts.replayer.marked.delete(row)
      }
      break
    }
    this.atOnce -= Math.min(this.atOnce, Math.ceil(steps / STEPS_A_RECORD))
  }

  /** Folds all marked rows, however long that takes: at a start, before anybody asks. */
  finishAll(): void {
    this.collectMarked()
    finish(this.run())
  }

  private *run(): Generator<void> {
    for (const row of this.queue) {
      this.queue.delete(row)
      this.folding = row
      if (!(yield* this.refold(row))) this.queue.add(row)
    }
    this.folding = -1
    this.active = false
  }

  /** False when the row's history changed under way and it must be begun again. */
  private *refold(row: number): Generator<void, boolean> {
    const { profiles, history } = this.parts
    if (!profiles.isMarked(row, ROW_MARK.refold)) return this.tell(row)
    const from = profiles.lastSequence(row)
    const collected = yield* collectOwn(history, from)
    if (!collected.whole) return yield* this.foldOnTop(row, from)
    const shadow = this.shadowOf(row)
    profiles.collector.shadowBegins()
    try {
      const records = yield* this.foldShadow(row, collected, shadow)
      if (records < 0) return false
      this.takeOver(row, shadow, records)
    } finally {
      profiles.collector.shadowEnds()
    }
    return this.tell(row)
  }

  /** How many records the shadow was folded from; -1 where the row's history changed under way. */
  private *foldShadow(
    row: number,
    { from, order }: Collected,
    shadow: FoldTarget,
  ): Generator<void, number> {
    const { profiles, history } = this.parts
    let records = yield* foldCollected(history, order, shadow)
    for (let upTo = from; upTo < profiles.lastSequence(row);) {
      const last = profiles.lastSequence(row)
      const more = yield* this.catchUp({ from: last, upTo }, shadow)
      if (more < 0) return -1
      records += more
      upTo = last
    }
    return records
  }

  /** Where the journal no longer has all of a profile: it keeps what it has. */
  private *foldOnTop(row: number, from: number): Generator<void, boolean> {
    const { profiles, history, fold } = this.parts
    const order = yield* collectDeferred(history, from, profiles.unfolded(row))
    if (profiles.lastSequence(row) !== from) return false
    finish(foldCollected(history, order, { fold, row }))
    this.journalled(row)
    return this.tell(row)
  }

  /** Folds what came since; -1 where something of it belongs before what is folded already. */
  private *catchUp(
    { from, upTo }: { readonly from: number; readonly upTo: number },
    shadow: FoldTarget,
  ): Generator<void, number> {
    const { history } = this.parts
    const cursor = new RecordCursor()
    const newer: Uint8Array[] = []
    for (const record of history.walk(from)) {
      if (record.sequence <= upTo) break
      const { kind, flags } = cursor.over(record.bytes).at(record.offset)
      const folds = kind === RECORD_KIND.event || kind === RECORD_KIND.timer
      if (changesHistory(kind) || (folds && isDeferred(flags))) return -1
      if (folds) newer.push(copyOfRecord(record))
      yield
    }
    for (const bytes of newer.reverse()) {
      shadow.fold.apply(shadow.row, cursor.over(bytes).at(0))
      yield
    }
    return newer.length
  }

  private takeOver(row: number, shadow: Shadow, records: number): void {
    const { profiles, fold } = this.parts
    // Its own: meanwhile the store for shadows may have been made anew.
    const from = shadow.profiles
    this.journalled(row)
    fold.tellChanges(row, from, shadow.row)
    profiles.takeProfile(row, from, shadow.row)
    profiles.setHistory(row, records)
  }

  private journalled(row: number): void {
    const { profiles, replayer, turn } = this.parts
    if (!replayer.journalled.has(row)) turn.appendOwn(RECORD_KIND.refold, profiles.keyOf(row))
    replayer.refolded(row)
    this.refolded++
  }

  private tell(row: number): true {
    const actions = this.waiting.get(row)
    this.waiting.delete(row)
    for (const action of actions ?? []) action()
    return true
  }

  private shadowOf(row: number): Shadow {
    const { profiles } = this.parts
    if (this.shadow === null || this.shadow.profiles.size >= SHADOWS_MAX) {
      const store = new ProfileStore(profiles.compiled, { strings: profiles.strings })
      this.shadow = { profiles: store, fold: new Fold(profiles.compiled, store) }
    }
    const { kind, key } = profiles.keyOf(row)
    const shadow = this.shadow.profiles.ensureKey(kind, key)
    this.shadow.profiles.reset(shadow)
    this.shadow.fold.effects.clear()
    return { ...this.shadow, row: shadow }
  }
}

function changesHistory(kind: number): boolean {
  return (
    kind === RECORD_KIND.import ||
    kind === RECORD_KIND.forward ||
    kind === RECORD_KIND.split ||
    kind === RECORD_KIND.restored
  )
}
