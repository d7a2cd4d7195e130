import type { Learner } from '../src/model/learners/learner.ts'
import type { Parameters } from '../src/model/learners/predictor.ts'
import { LEARNER_NAMES, loadLearner } from '../src/model/learners/registry.ts'
import { prepareExamples } from './frame.ts'
import type { Supervised } from './frame.ts'

export interface Scored {
  /** Of the test rows. */
  readonly scores: Float32Array
  readonly seconds: number
}

/** A learner with the settings it is tried with. */
export interface Candidate {
  readonly label: string
  readonly learner: string
  readonly parameters?: Parameters
}

/** Those of the candidates whose learners there are. */
export function available(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ learner }) => LEARNER_NAMES.includes(learner))
}

/** Fits a learner on the training rows and scores the test rows. */
export async function scoreWith(
  candidate: Candidate,
  given: Supervised,
  seed: number,
): Promise<Scored> {
  const learner: Learner = await loadLearner(candidate.learner)
  const { training, testRows } = prepareExamples(given, learner.form)
  const started = performance.now()
  const predictor = await learner.fit({
    training,
    validation: null,
    parameters: candidate.parameters ?? {},
    seed,
  })
  const seconds = (performance.now() - started) / 1000
  const scores = new Float32Array(given.test.count)
  predictor.predict(testRows, given.test.count, scores)
  predictor.dispose()
  return { scores, seconds }
}
