/**
 * What becomes of the scores of a row: a value as it is, shares that are scores already, or scores
 * without bounds that become the probability of class 1, those of all classes, or a mean above 0.
 */
export const LINKS = ['value', 'share', 'logistic', 'softmax', 'exponential'] as const
export type Link = (typeof LINKS)[number]

/** e to this fits into 32 bits. */
const EXPONENT_MAX = 80
const PROBABILITY_MIN = 1e-7

/** Replaces `size` scores by outputs. */
export function toOutputs(link: Link, scores: Float64Array, at: number, size: number): void {
  if (link === 'value') return
  if (link === 'softmax') {
    softmax(scores, at, size)
    return
  }
  for (let i = at; i < at + size; i++) {
    if (link === 'share') scores[i] = Math.min(1, Math.max(0, scores[i]))
    else if (link === 'logistic') scores[i] = 1 / (1 + Math.exp(-scores[i]))
    else scores[i] = Math.exp(Math.min(EXPONENT_MAX, scores[i]))
  }
}

/**
 * Loss of outputs: log loss of probabilities, squared error of values, and of a mean the negative log
 * likelihood of Poisson (without the term that only the label changes).
 */
export function lossOf(
  link: Link,
  label: number,
  { outputs, at, size }: { outputs: Float64Array; at: number; size: number },
): number {
  if (link === 'value') return (label - outputs[at]) ** 2
  if (link === 'exponential') {
    const mean = Math.max(PROBABILITY_MIN, outputs[at])
    return mean - label * Math.log(mean)
  }
  const probability = size > 1 ? outputs[at + label] : label === 1 ? outputs[at] : 1 - outputs[at]
  return -Math.log(Math.min(1, Math.max(PROBABILITY_MIN, probability)))
}

function softmax(scores: Float64Array, at: number, size: number): void {
  let highest = scores[at]
  for (let i = at + 1; i < at + size; i++) highest = Math.max(highest, scores[i])
  let sum = 0
  for (let i = at; i < at + size; i++) {
    scores[i] = Math.exp(scores[i] - highest)
    sum += scores[i]
  }
  for (let i = at; i < at + size; i++) scores[i] /= sum
}
