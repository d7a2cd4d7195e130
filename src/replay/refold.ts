import { RECORD_FLAG } from '../event/record.ts'
import { RecordCursor } from '../event/record-cursor.ts'
import type { Fold } from '../profile/fold.ts'
import type { ProfileStore } from '../profile/store.ts'
import { ArrivalOrder } from './arrival-order.ts'
import { ownRecords } from './history.ts'
import type { HistoryReader, WalkEnd } from './history.ts'

/** Where a fold of history goes: a store's row, and the fold over that store. */
export interface FoldTarget {
  readonly fold: Fold
  readonly row: number
}

/** A profile's records on the way to be folded. */
export interface Collected extends WalkEnd {
  readonly order: ArrivalOrder
  /** Sequence from which the walk began. */
  readonly from: number
  /** Arrival of the oldest record that the journal has; Infinity for none. */
  readonly oldest: number
}

const MOVED = RECORD_FLAG.imported | RECORD_FLAG.origin

/**
 * Not folded when it came: it waits for the profile to be folded again. The first format says so of all
 * that a join moved, whose records do not keep where they came under.
 */
export function isDeferred(flags: number): boolean {
  return (flags & RECORD_FLAG.late) !== 0 || (flags & MOVED) === RECORD_FLAG.imported
}

/** Collects a profile's records that arrived up to `untilMs`, a record between two yields. */
export function* collectOwn(
  history: HistoryReader,
  from: number,
  untilMs = Number.POSITIVE_INFINITY,
): Generator<void, Collected> {
  const order = new ArrivalOrder()
  const end = { whole: false }
  const cursor = new RecordCursor()
  let oldest = Number.POSITIVE_INFINITY
  for (const record of ownRecords(history.walk(from), end)) {
    if (record !== null) {
      const { arrivalTime } = cursor.over(record.bytes).at(record.offset)
      oldest = arrivalTime
      if (Math.floor(arrivalTime) <= untilMs) order.push(record.sequence, arrivalTime)
    }
    yield
  }
  return { order, from, oldest, whole: end.whole }
}

/** Folds collected records in order of arrival, one between two yields; returns how many. */
export function* foldCollected(
  history: HistoryReader,
  order: ArrivalOrder,
  { fold, row }: FoldTarget,
): Generator<void, number> {
  const cursor = new RecordCursor()
  const sequences = yield* order.sorted()
  for (const sequence of sequences) {
    const record = history.record(sequence)
    if (record === null) throw new Error(`record ${sequence} was there a moment ago`)
    fold.apply(row, cursor.over(record.bytes).at(record.offset))
    yield
  }
  return sequences.length
}

/**
 * What a profile has not folded, of its records from `since` on; for one whose older records the
 * journal has dropped, which keeps what it has and gets these on top, as late events.
 */
export function* collectDeferred(
  history: HistoryReader,
  from: number,
  since: number,
): Generator<void, ArrivalOrder> {
  const order = new ArrivalOrder()
  const cursor = new RecordCursor()
  for (const record of ownRecords(history.walk(from))) {
    if (record !== null) {
      if (record.sequence < since) break
      const { arrivalTime, flags } = cursor.over(record.bytes).at(record.offset)
      if (isDeferred(flags)) order.push(record.sequence, arrivalTime)
    }
    yield
  }
  return order
}

/**
 * Folds a profile again, in place, all in one go: what a replay does where a live shard works in
 * slices on a shadow of the row.
 */
export function foldAgain(
  target: FoldTarget & { readonly profiles: ProfileStore },
  history: HistoryReader,
): void {
  const { profiles, row } = target
  const last = profiles.lastSequence(row)
  const { order, whole } = finish(collectOwn(history, last))
  if (whole) {
    profiles.reset(row)
    profiles.setHistory(row, finish(foldCollected(history, order, target)))
  } else
    finish(
      foldCollected(
        history,
        finish(collectDeferred(history, last, profiles.unfolded(row))),
        target,
      ),
    )
}

/** Runs work in slices to its end. */
export function finish<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}
