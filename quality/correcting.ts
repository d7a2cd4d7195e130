import { scoreWith } from './models.ts'
import type { Candidate, Scored } from './models.ts'
import type { Supervised } from './frame.ts'

export interface BaseExpectations {
  /** Above 0, of the training rows and of the test rows. */
  readonly training: Float32Array
  readonly test: Float32Array
}

/**
 * Learns by which factor counts differ from what a model expects: a Poisson regression with the
 * expectation as its exposure, written as the ratio to it, weighted by it.
 */
export async function scoreCorrecting(
  candidate: Candidate,
  { given, base, seed }: { given: Supervised; base: BaseExpectations; seed: number },
): Promise<Scored> {
  const mean = base.training.reduce((sum, value) => sum + value, 0) / base.training.length
  const labels = given.labels.map((label, row) => label / base.training[row])
  const weights = base.training.map((value) => value / mean)
  const { scores, seconds } = await scoreWith(candidate, { ...given, labels, weights }, seed)
  return { scores: scores.map((ratio, row) => ratio * base.test[row]), seconds }
}
