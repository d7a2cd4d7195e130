/** Decisions of a machine become probabilities by `1 / (1 + e^(slope × decision + offset))`. */
export interface Sigmoid {
  readonly slope: number
  readonly offset: number
}

const ROUNDS_MAX = 100
const GRADIENT_MAX = 1e-6
const STEP_MIN = 1e-10
const RIDGE = 1e-12

interface Observed {
  readonly decisions: Float64Array
  /** Towards 1 or 0, as Platt moves them in. */
  readonly targets: Float64Array
  readonly weights: Float64Array
}

/**
 * Platt, Probabilistic outputs for support vector machines (1999), by the method of Lin, Lin, Weng, A
 * note on Platt's probabilistic outputs (2007). Without a positive or a negative row the targets alone
 * keep the result away from 0 and 1.
 */
export function fitSigmoid(
  decisions: Float64Array,
  positive: ArrayLike<boolean>,
  weights: Float64Array,
): Sigmoid {
  let positives = 0
  let negatives = 0
  weights.forEach((weight, i) => {
    if (positive[i]) positives += weight
    else negatives += weight
  })
  const high = (positives + 1) / (positives + 2)
  const low = 1 / (negatives + 2)
  const targets = Float64Array.from(decisions, (_, i) => (positive[i] ? high : low))
  return minimise({ decisions, targets, weights }, Math.log((negatives + 1) / (positives + 1)))
}

export function probability({ slope, offset }: Sigmoid, decision: number): number {
  const score = slope * decision + offset
  return Number.isNaN(score) ? 0.5 : 1 / (1 + Math.exp(score))
}

/** Newton's method with backtracking. */
function minimise(observed: Observed, offset: number): Sigmoid {
  let at: Sigmoid = { slope: 0, offset }
  let loss = lossAt(observed, at)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { gradient, step } = newtonStep(observed, at)
    if (Math.abs(gradient.slope) < GRADIENT_MAX && Math.abs(gradient.offset) < GRADIENT_MAX) break
    const descent = gradient.slope * step.slope + gradient.offset * step.offset
    let length = 1
    for (; length >= STEP_MIN; length /= 2) {
      const next = {
        slope: at.slope + length * step.slope,
        offset: at.offset + length * step.offset,
      }
      const nextLoss = lossAt(observed, next)
      if (nextLoss >= loss + 1e-4 * length * descent) continue
      at = next
      loss = nextLoss
      break
    }
    if (length < STEP_MIN) break
  }
  return at
}

function lossAt({ decisions, targets, weights }: Observed, { slope, offset }: Sigmoid): number {
  let loss = 0
  for (let i = 0; i < decisions.length; i++) {
    const score = slope * decisions[i] + offset
    const tail = Math.log1p(Math.exp(-Math.abs(score)))
    loss += weights[i] * (tail + (score >= 0 ? targets[i] : targets[i] - 1) * score)
  }
  return loss
}

function newtonStep({ decisions, targets, weights }: Observed, at: Sigmoid) {
  let [slope, offset] = [0, 0]
  let [slopes, cross, offsets] = [RIDGE, 0, RIDGE]
  for (let i = 0; i < decisions.length; i++) {
    const p = probability(at, decisions[i])
    const curve = weights[i] * p * (1 - p)
    const error = weights[i] * (targets[i] - p)
    slopes += decisions[i] * decisions[i] * curve
    offsets += curve
    cross += decisions[i] * curve
    slope += decisions[i] * error
    offset += error
  }
  const determinant = slopes * offsets - cross * cross
  const step = {
    slope: -(offsets * slope - cross * offset) / determinant,
    offset: -(slopes * offset - cross * slope) / determinant,
  }
  return { gradient: { slope, offset }, step }
}
