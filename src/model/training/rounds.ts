import { LimnError } from '../../protocol/errors.ts'
import { Random } from '../random.ts'

/** Rows to fit on and rows to predict, by index into a table, each in ascending order. */
export interface Round {
  readonly fit: Uint32Array
  readonly held: Uint32Array
}

export interface FoldOptions {
  readonly folds: number
  /** 0: labels are values, and rows are dealt out whatever their label. */
  readonly classes: number
  readonly seed: number
  /** Indices of different rows; default: all. */
  readonly rows?: Uint32Array
  /**
   * Of each row of the table, whose it is: rows of one stay in one fold, so that nobody is predicted by
   * a model that knows them. Classes then have about the same share only.
   */
  readonly groups?: Float64Array | null
}

export interface TimeOptions {
  /** Share of the rows that is held, the latest. */
  readonly validation: number
  /** No row is fitted on within this before the first held one: its label was not known yet. */
  readonly gapMs: number
  readonly rows?: Uint32Array
}

/**
 * Rounds of k-fold cross-validation: every row is held in one. Drawn by the seed, the folds are of
 * equal size, and of classes each has the same share, both within one row.
 * @throws LimnError ERR_DATASET_EMPTY with fewer than two folds, or fewer rows than folds
 */
export function foldRounds(labels: Float32Array, options: FoldOptions): Round[] {
  const { folds } = options
  const rows = inOrder(options.rows ?? allRows(labels.length))
  if (folds < 2 || rows.length < folds) {
    const message = `${rows.length} rows cannot be cut into ${folds} folds; allowed: 2 or more, each with a row`
    throw new LimnError('ERR_DATASET_EMPTY', message)
  }
  const groups = options.groups ?? null
  const foldOf =
    groups === null ? dealRows(labels, rows, options) : dealGroups(groups, rows, options)
  return Array.from({ length: folds }, (_, fold) => ({
    fit: rows.filter((_row, i) => foldOf[i] !== fold),
    held: rows.filter((_row, i) => foldOf[i] === fold),
  }))
}

/**
 * One round that is cut by time: the latest share of the rows is held (rows of one time stay
 * together), the earlier ones up to a gap are fitted on. Rows without a finite time are in neither.
 * @param times of all rows of the table, ms
 * @throws LimnError ERR_DATASET_EMPTY when either part would have no row
 */
export function timeRounds(times: Float64Array, options: TimeOptions): Round[] {
  const { validation, gapMs } = options
  const timed = (options.rows ?? allRows(times.length)).filter((row) => Number.isFinite(times[row]))
  const rows = inOrder(timed)
  const sorted = Float64Array.from(rows, (row) => times[row]).sort()
  const heldFrom = sorted[Math.floor(rows.length * (1 - validation))]
  const held = rows.filter((row) => times[row] >= heldFrom)
  const fit = rows.filter((row) => times[row] < heldFrom && times[row] <= heldFrom - gapMs)
  if (fit.length > 0 && held.length > 0) return [{ fit, held }]
  const span = rows.length === 0 ? 0 : sorted[rows.length - 1] - sorted[0]
  const message = `${rows.length} rows over ${hours(span)} leave none to fit on before the latest ${percent(validation)} and a gap of ${hours(gapMs)}`
  throw new LimnError('ERR_DATASET_EMPTY', message)
}

/** Fold of each of the rows. */
function dealRows(
  labels: Float32Array,
  rows: Uint32Array,
  { folds, classes, seed }: FoldOptions,
): Uint32Array {
  const random = new Random(seed)
  const foldOf = new Uint32Array(rows.length)
  let dealt = 0
  for (let group = 0; group < Math.max(1, classes); group++) {
    const order = allRows(rows.length).filter((i) => classes === 0 || labels[rows[i]] === group)
    random.shuffle(order)
    for (const i of order) foldOf[i] = dealt++ % folds
  }
  return foldOf
}

/** Groups in a drawn order, each to the fold with the fewest rows so far. */
function dealGroups(
  groups: Float64Array,
  rows: Uint32Array,
  { folds, seed }: FoldOptions,
): Uint32Array {
  const sizes = new Map<number, number>()
  for (const row of rows) sizes.set(groups[row], (sizes.get(groups[row]) ?? 0) + 1)
  if (sizes.size < folds) {
    const message = `rows of ${sizes.size} shoppers cannot be cut into ${folds} folds that share none`
    throw new LimnError('ERR_DATASET_EMPTY', message)
  }
  const names = [...sizes.keys()]
  const order = allRows(names.length)
  new Random(seed).shuffle(order)
  const filled = new Float64Array(folds)
  const foldOf = new Map<number, number>()
  for (const place of order) {
    const fold = filled.indexOf(Math.min(...filled))
    filled[fold] += sizes.get(names[place]) ?? 0
    foldOf.set(names[place], fold)
  }
  return Uint32Array.from(rows, (row) => foldOf.get(groups[row]) ?? 0)
}

function allRows(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row)
}

function inOrder(rows: Uint32Array): Uint32Array {
  return rows.slice().sort()
}

function hours(ms: number): string {
  return `${(ms / 3_600_000).toFixed(1)} h`
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`
}
