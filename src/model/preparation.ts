import type { Table } from './table.ts'

/**
 * How raw feature vectors become the network's input: part of the model, fitted on training rows
 * only and saved with them.
 *
 * For column i: heavy-tailed columns pass through `sign(x)·log(1+|x|)`; a missing value (NaN or
 * infinite) becomes the mean, so 0 after standardising to mean 0 and deviation 1; then clipped to
 * ±CLIP. Each column of `indicators` adds an input at the end that is 1 where its value is missing.
 */
export interface Preparation {
  /** Raw columns. */
  readonly width: number
  /** 1: the column is taken on a logarithmic scale. */
  readonly logarithmic: Uint8Array
  readonly mean: Float32Array
  /** 1 / standard deviation; 0 for a column that is not used: constant or drifting. */
  readonly scale: Float32Array
  /** Columns with an input for "is missing". */
  readonly indicators: Uint16Array
}

/** Standardised inputs beyond this many deviations carry no more weight. */
const CLIP = 8
const SKEWNESS_LOGARITHMIC = 2
const DRIFT_MAX = 0.2
const DRIFT_ROWS_MIN = 1_000
/** Columns missing less often than this (or present less often) have no indicator. */
const MISSING_SHARE_MIN = 0.002

/** Number of inputs of the network. */
export function preparedWidth(preparation: Preparation): number {
  return preparation.width + preparation.indicators.length
}

/**
 * Fits the preparation on training rows.
 *
 * A column whose mean has moved by {@link DRIFT_MAX} deviations in later rows is not used. Counts
 * since ever do that as a shop's portraits grow: they tell when a row is from, and what was learned
 * from their early values does not hold for the values to come.
 * @param laterRows rows of a later time; with fewer than {@link DRIFT_ROWS_MIN} no drift is looked for
 */
export function fitPreparation(table: Table, laterRows: Table | null = null): Preparation {
  const later = laterRows !== null && laterRows.count >= DRIFT_ROWS_MIN ? laterRows : null
  const { width } = table
  const logarithmic = new Uint8Array(width)
  const mean = new Float32Array(width)
  const scale = new Float32Array(width)
  const indicators: number[] = []
  for (let column = 0; column < width; column++) {
    let moments = columnMoments(table, column, 0)
    if (moments.skewness > SKEWNESS_LOGARITHMIC) {
      const onLogarithms = columnMoments(table, column, 1)
      if (Math.abs(onLogarithms.skewness) < moments.skewness) {
        moments = onLogarithms
        logarithmic[column] = 1
      }
    }
    mean[column] = moments.mean
    const drift =
      later === null
        ? NO_DRIFT
        : driftOf(moments, columnMoments(later, column, logarithmic[column]))
    const constant = moments.deviation <= 1e-6 * Math.max(1e-6, Math.abs(moments.mean))
    scale[column] = constant || drift.mean > DRIFT_MAX ? 0 : 1 / moments.deviation
    const varies = moments.missing > MISSING_SHARE_MIN && moments.missing < 1 - MISSING_SHARE_MIN
    if (varies && drift.missing <= DRIFT_MAX) indicators.push(column)
  }
  return { width, logarithmic, mean, scale, indicators: Uint16Array.from(indicators) }
}

/** Writes the inputs for `count` raw rows to `out`, `preparedWidth` apart. */
export function prepareRows(
  preparation: Preparation,
  rows: Float32Array,
  count: number,
  out: Float32Array,
): void {
  const { width, logarithmic, mean, scale, indicators } = preparation
  let at = 0
  let source = 0
  for (let row = 0; row < count; row++) {
    const first = source
    for (let column = 0; column < width; column++) {
      let x = rows[source++]
      if (x - x !== 0) {
        out[at++] = 0
        continue
      }
      if (logarithmic[column] === 1) x = x < 0 ? -Math.log(1 - x) : Math.log(1 + x)
      x = (x - mean[column]) * scale[column]
      out[at++] = x > CLIP ? CLIP : x < -CLIP ? -CLIP : x
    }
    for (let i = 0; i < indicators.length; i++) {
      const x = rows[first + indicators[i]]
      out[at++] = x - x !== 0 ? 1 : 0
    }
  }
}

/** In deviations of the earlier rows, the missing weighing nothing. */
function driftOf(earlier: Moments, later: Moments): Drift {
  const moved = Math.abs(later.mean - earlier.mean) * (1 - later.missing)
  const { missing } = earlier
  const spread = Math.sqrt(missing * (1 - missing))
  return {
    mean: earlier.deviation === 0 ? 0 : moved / earlier.deviation,
    missing: spread === 0 ? 0 : Math.abs(later.missing - missing) / spread,
  }
}

interface Drift {
  readonly mean: number
  readonly missing: number
}

const NO_DRIFT: Drift = { mean: 0, missing: 0 }

interface Moments {
  /** Share of the rows. */
  readonly missing: number
  readonly mean: number
  readonly deviation: number
  readonly skewness: number
}

function columnMoments(table: Table, column: number, logarithmic: number): Moments {
  const { rows, width, count } = table
  let present = 0
  let sum = 0
  for (let row = 0; row < count; row++) {
    const x = valueAt(rows[row * width + column], logarithmic)
    if (x - x !== 0) continue
    present++
    sum += x
  }
  const mean = present === 0 ? 0 : sum / present
  let second = 0
  let third = 0
  for (let row = 0; row < count; row++) {
    const x = valueAt(rows[row * width + column], logarithmic)
    if (x - x !== 0) continue
    const off = x - mean
    second += off * off
    third += off * off * off
  }
  const deviation = present === 0 ? 0 : Math.sqrt(second / present)
  const skewness = deviation === 0 ? 0 : third / present / deviation ** 3
  return { missing: 1 - present / count, mean, deviation, skewness }
}

function valueAt(x: number, logarithmic: number): number {
  if (logarithmic === 0) return x
  return x < 0 ? -Math.log(1 - x) : Math.log(1 + x)
}
