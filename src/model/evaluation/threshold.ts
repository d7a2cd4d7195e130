import { aboveAll, cumulate, type ScoredLabels } from './curves.ts'

/** What one row costs, by what was decided and what was true; a gain is negative. */
export interface Costs {
  readonly truePositive: number
  readonly falsePositive: number
  readonly falseNegative: number
  readonly trueNegative: number
}

export interface ChosenThreshold {
  /** A score of at least it is a yes. */
  readonly threshold: number
  /** F1, or the mean cost of a row, at it. */
  readonly value: number
}

/** Weight of the rows by decision and truth. */
export interface Confusion {
  readonly truePositive: number
  readonly falsePositive: number
  readonly falseNegative: number
  readonly trueNegative: number
}

/** The score from which F1 is highest, the highest such score; 0.5 where nothing is positive. */
export function bestF1(rows: ScoredLabels): ChosenThreshold {
  const steps = cumulate(rows)
  const positives = steps.at(-1)?.positives ?? 0
  let best: ChosenThreshold = { threshold: 0.5, value: 0 }
  for (const step of steps) {
    const value = (2 * step.positives) / (step.positives + step.negatives + positives)
    if (value > best.value) best = { threshold: step.score, value }
  }
  return best
}

/**
 * The score from which the mean cost of a row is lowest, the highest such score; above all scores
 * where it is cheapest never to say yes.
 */
export function lowestCost(rows: ScoredLabels, costs: Costs): ChosenThreshold {
  const steps = cumulate(rows)
  const last = steps.at(-1)
  if (last === undefined) return { threshold: 0.5, value: 0 }
  const total = last.positives + last.negatives
  const never = { ...steps[0], score: aboveAll(steps[0].score), positives: 0, negatives: 0 }
  let best: ChosenThreshold = { threshold: 0.5, value: Number.POSITIVE_INFINITY }
  for (const step of [never, ...steps]) {
    const cost =
      step.positives * costs.truePositive +
      step.negatives * costs.falsePositive +
      (last.positives - step.positives) * costs.falseNegative +
      (last.negatives - step.negatives) * costs.trueNegative
    if (cost / total < best.value) best = { threshold: step.score, value: cost / total }
  }
  return best
}

export function confusionAt(
  { scores, labels, weights }: ScoredLabels,
  threshold: number,
): Confusion {
  const cells = { truePositive: 0, falsePositive: 0, falseNegative: 0, trueNegative: 0 }
  for (let i = 0; i < scores.length; i++) {
    const yes = scores[i] >= threshold
    const weight = weights === null ? 1 : weights[i]
    if (labels[i] === 1) cells[yes ? 'truePositive' : 'falseNegative'] += weight
    else cells[yes ? 'falsePositive' : 'trueNegative'] += weight
  }
  return cells
}
