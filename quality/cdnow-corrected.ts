import { boostedTrees } from '../src/model/learners/trees/boosted-trees.ts'
import { paretoNbd } from '../src/model/learners/repeat-purchase/repeat-purchase.ts'
import { meanLoss } from '../src/model/training/loss.ts'
import { drawSettings } from '../src/model/training/settings.ts'
import { CALIBRATION_END, cohortAt } from './cdnow-cohort.ts'
import type { Cohort, Purchase } from './cdnow-cohort.ts'
import { fitRepeat } from './cdnow-repeat.ts'
import type { FittedModel } from './cdnow-repeat.ts'
import { scoreCorrecting } from './correcting.ts'
import { takeRows } from './frame.ts'
import type { Frame } from './frame.ts'
import type { Candidate, Scored } from './models.ts'
import { stratifiedFolds } from './split.ts'

/** The end of the calibration period, in which corrections are learned. */
const INNER_WEEKS = 13
const FOLDS = 5
const TRIALS = 8

export interface Corrected extends Scored {
  /** Poisson deviance in the inner weeks of Pareto/NBD alone, and of its best correction. */
  readonly alone: number
  readonly best: number
}

/**
 * Boosted trees that correct Pareto/NBD, learned from the last weeks of the calibration period and
 * what was known before them; Pareto/NBD alone where no setting had the lower deviance for customers
 * that it was not fitted on.
 */
export async function correctedWithin(
  given: { customers: readonly Purchase[][]; frame: Frame; pareto: FittedModel },
  seed: number,
): Promise<Corrected> {
  const { customers, frame, pareto } = given
  const inner = cohortAt(customers, CALIBRATION_END - INNER_WEEKS * 7, INNER_WEEKS)
  const expected = await fitRepeat('inner', paretoNbd, { ...inner, horizon: INNER_WEEKS })
  const alone = meanLoss('count', expected.counts, inner.actual, 1)
  let [best, chosen]: [number, Candidate | null] = [Number.POSITIVE_INFINITY, null]
  for (const parameters of [{}, ...drawSettings(boostedTrees, TRIALS, seed)]) {
    const candidate = { label: 'correction', learner: boostedTrees.name, parameters }
    const scores = await crossCorrected(candidate, { inner, expected: expected.counts, seed })
    const loss = meanLoss('count', scores, inner.actual, 1)
    if (loss >= best) continue
    best = loss
    chosen = candidate
  }
  if (chosen === null || best >= alone) {
    return { scores: pareto.counts, seconds: pareto.seconds, alone, best }
  }
  const task = 'count' as const
  const corrected = await scoreCorrecting(chosen, {
    given: { task, training: inner.frame, labels: inner.actual, test: frame },
    base: { training: expected.counts, test: pareto.counts },
    seed,
  })
  return { ...corrected, alone, best }
}

export function correctedNote({ alone, best }: Corrected): string {
  const told = best < alone ? 'so that it corrects' : 'so that it stays as it is'
  return `Corrected: boosted trees learn by which factor customers differ from what Pareto/NBD, fitted to weeks 1 to 26, expects of weeks 27 to 39; of the defaults and ${TRIALS} drawn settings the best has a Poisson deviance of ${best.toFixed(3)} in ${FOLDS} folds of customers, Pareto/NBD alone ${alone.toFixed(3)}, ${told}.`
}

/** Of each customer, corrected by what the other folds' customers taught. */
async function crossCorrected(
  candidate: Candidate,
  { inner, expected, seed }: { inner: Cohort; expected: Float32Array; seed: number },
): Promise<Float32Array> {
  const { frame, actual } = inner
  const scores = new Float32Array(frame.count)
  const pick = (of: Float32Array, rows: readonly number[]): Float32Array =>
    Float32Array.from(rows, (row) => of[row])
  const classes = actual.map((count) => Math.min(count, 3))
  for (const { training, test } of stratifiedFolds(classes, FOLDS, seed)) {
    const { scores: held } = await scoreCorrecting(candidate, {
      given: {
        task: 'count',
        training: takeRows(frame, training),
        labels: pick(actual, training),
        test: takeRows(frame, test),
      },
      base: { training: pick(expected, training), test: pick(expected, test) },
      seed,
    })
    test.forEach((row, i) => (scores[row] = held[i]))
  }
  return scores
}
