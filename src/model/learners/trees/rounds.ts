import { setImmediate } from 'node:timers/promises'
import { LimnError } from '../../../protocol/errors.ts'
import type { FitRequest } from '../learner.ts'

/** Fitting lets others run after this long. */
const TURN_MS = 20

/** A model that grows round by round. */
export interface RoundPlan {
  readonly learner: string
  readonly total: number
  /** Ends after so many rounds without a lower loss. */
  readonly patience: number
  /** Adds a round; false: there is nothing more to add. */
  readonly add: () => boolean
  /** On the validation rows after the last round; null: there are none. */
  readonly loss: () => number | null
}

export interface BestRound {
  /** Rounds to keep: those up to the lowest loss, or all where there are no validation rows. */
  readonly rounds: number
  readonly loss: number | null
}

/**
 * Adds rounds until they end, stop helping, or are aborted.
 * @throws LimnError ERR_MODEL_DIVERGED
 */
export async function runRounds(
  plan: RoundPlan,
  { signal, progress }: Pick<FitRequest, 'signal' | 'progress'>,
): Promise<BestRound> {
  let best: BestRound = { rounds: 0, loss: plan.loss() }
  let turnEnds = performance.now() + TURN_MS
  for (let round = 1; round <= plan.total; round++) {
    if (performance.now() > turnEnds) {
      await setImmediate()
      turnEnds = performance.now() + TURN_MS
    }
    if (signal?.aborted === true || !plan.add()) break
    const loss = plan.loss()
    if (loss !== null && !Number.isFinite(loss)) {
      const message = `${plan.learner}: the loss is ${loss} after round ${round}`
      throw new LimnError('ERR_MODEL_DIVERGED', message)
    }
    progress?.({ done: round, total: plan.total, loss })
    if (loss === null || best.loss === null || loss < best.loss) best = { rounds: round, loss }
    else if (round - best.rounds >= plan.patience) break
  }
  return best
}
