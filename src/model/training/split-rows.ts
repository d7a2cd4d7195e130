import { LimnError } from '../../protocol/errors.ts'
import type { SplitFacts } from '../version/manifest.ts'
import { foldRounds, timeRounds, type Round } from './rounds.ts'

/** Every row is predicted once by a model that was fitted on the other folds. */
export interface FoldSplit {
  readonly kind: 'folds'
  readonly folds: number
}

/** The latest rows are kept for evaluation; learners are compared on earlier ones. */
export interface TimeSplit {
  readonly kind: 'time'
  /** Share of the time range, at its end, that is held out. */
  readonly holdout: number
  /** Time until a row's label is known, ms: rows so close before the holdout are dropped. */
  readonly horizonMs: number
  /** Of the rows before the holdout: 0 compares learners on the latest of them, 2 and more on folds. */
  readonly folds: number
}

export interface SplitRows {
  /** Rows whose labels were known when the holdout began; all, where there is none. */
  readonly known: Uint32Array
  /** Rows that it is evaluated on; null: the known ones, each predicted without it. */
  readonly holdout: Uint32Array | null
  readonly rounds: readonly Round[]
  readonly facts: SplitFacts
}

export interface SplitData {
  readonly labels: Float32Array
  readonly classes: number
  /** Ms since 1970, ascending; null where rows have no order in time. */
  readonly times: Float64Array | null
  /** Of each row, whose it is; null where every row is somebody else's. */
  readonly groups: Float64Array | null
}

/** Share of the rows before the holdout, the latest, on which learners are compared. */
const VALIDATION_SHARE = 0.15
/** Of the time before the holdout. */
const GAP_SHARE_MAX = 0.3

/** @throws LimnError ERR_DATASET_EMPTY when a part would have no row, ERR_DATASET_TIME without times */
export function splitRows(data: SplitData, split: FoldSplit | TimeSplit, seed: number): SplitRows {
  return split.kind === 'folds' ? byFolds(data, split, seed) : byTime(data, split, seed)
}

function byFolds(
  { labels, classes, groups }: SplitData,
  { folds }: FoldSplit,
  seed: number,
): SplitRows {
  const known = Uint32Array.from(labels, (_, row) => row)
  const rounds = foldRounds(labels, { folds, classes, seed, groups })
  return { known, holdout: null, rounds, facts: { kind: 'folds', folds } }
}

function byTime(data: SplitData, split: TimeSplit, seed: number): SplitRows {
  const { labels, classes, times, groups } = data
  if (times === null) {
    throw new LimnError('ERR_DATASET_TIME', 'a split by time needs a column with the time of a row')
  }
  const { holdout: share, horizonMs, folds } = split
  const [first, last] = [times[0], times[times.length - 1]]
  const holdoutFrom = last - share * (last - first)
  const knownUntil = holdoutFrom - horizonMs
  const rows = Uint32Array.from(times, (_, row) => row)
  const known = rows.filter((row) => times[row] <= knownUntil)
  const holdout = rows.filter((row) => times[row] >= holdoutFrom)
  if (known.length < 2 || holdout.length === 0) throw tooShort(times.length, last - first, split)
  const rounds =
    folds > 1
      ? foldRounds(labels, { folds, classes, seed, groups, rows: known })
      : timeRounds(times, {
          validation: VALIDATION_SHARE,
          gapMs: gapOf(times, known, horizonMs),
          rows: known,
        })
  const facts = {
    kind: 'time',
    fittedRows: rounds[0].fit.length,
    validationRows: rounds[0].held.length,
    holdoutRows: holdout.length,
    holdoutFrom,
    gapRows: times.length - rounds[0].fit.length - rounds[0].held.length - holdout.length,
  } as const
  return { known, holdout, rounds, facts }
}

/**
 * Before the rows that candidates are compared on too, labels must not look into them: with horizons of
 * weeks the same orders stand on both sides, and who is learned by heart looks good. Of a history that
 * is short for it, a part.
 */
function gapOf(times: Float64Array, known: Uint32Array, horizonMs: number): number {
  const span = times[known[known.length - 1]] - times[known[0]]
  return Math.min(horizonMs, GAP_SHARE_MAX * span)
}

function tooShort(rows: number, spanMs: number, { horizonMs, holdout }: TimeSplit): LimnError {
  const hours = (ms: number): string => `${(ms / 3_600_000).toFixed(1)} h`
  return new LimnError(
    'ERR_DATASET_EMPTY',
    `${rows} rows over ${hours(spanMs)} leave none to train on before a holdout of ${(holdout * 100).toFixed(0)} % and a gap of ${hours(horizonMs)}`,
  )
}
