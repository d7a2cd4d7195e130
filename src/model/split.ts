import { LimnError } from '../protocol/errors.ts'
import type { Dataset } from './dataset.ts'
import type { ModelPlan } from './definition.ts'

/** Row ranges of a dataset, which is in order of time. */
export interface Split {
  readonly training: readonly [number, number]
  readonly validation: readonly [number, number]
  readonly holdout: readonly [number, number]
  /** Arrival from which rows belong to the holdout, ms. */
  readonly holdoutFrom: number
}

/** Share of the rows before the holdout, the latest, on which fitting is stopped and compared. */
const VALIDATION_SHARE = 0.15

/**
 * Cuts by time: training, then validation, then a gap of one horizon, then the holdout. Rows in the
 * gap are dropped: their labels were known only after the holdout began.
 * @throws LimnError ERR_DATASET_EMPTY when a part would have no row
 */
export function splitByTime(dataset: Dataset, plan: ModelPlan): Split {
  const first = dataset.times[0]
  const last = dataset.times[dataset.times.length - 1]
  const holdoutFrom = last - plan.holdout * (last - first)
  const holdoutStart = lowerBound(dataset.times, holdoutFrom)
  const known = upperBound(dataset.times, holdoutFrom - plan.target.within)
  const validationStart = Math.floor(known * (1 - VALIDATION_SHARE))
  if (validationStart === 0 || holdoutStart === dataset.times.length) {
    const hours = ((last - first) / 3_600_000).toFixed(1)
    const horizon = (plan.target.within / 3_600_000).toFixed(1)
    throw new LimnError(
      'ERR_DATASET_EMPTY',
      `${dataset.times.length} rows over ${hours} h leave none to train on before a holdout and a gap of ${horizon} h`,
    )
  }
  return {
    training: [0, validationStart],
    validation: [validationStart, known],
    holdout: [holdoutStart, dataset.times.length],
    holdoutFrom,
  }
}

/** First index whose time is at least `time`. */
export function lowerBound(times: Float64Array, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle] < time) low = middle + 1
    else high = middle
  }
  return low
}

function upperBound(times: Float64Array, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle] <= time) low = middle + 1
    else high = middle
  }
  return low
}
