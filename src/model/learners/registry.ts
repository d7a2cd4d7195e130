import { LimnError } from '../../protocol/errors.ts'
import type { Learner } from './learner.ts'

/** Every learner by its name; its libraries are loaded when it is first asked for. */
const LEARNERS: Readonly<Record<string, () => Promise<Learner>>> = {
  boosted_trees: async () => (await import('./boosted-trees.ts')).boostedTrees,
  linear: async () => (await import('./dense.ts')).linear,
  logistic: async () => (await import('./dense.ts')).logistic,
  network: async () => (await import('./dense.ts')).network,
}

/** As on the command line and in configuration. */
export const LEARNER_NAMES: readonly string[] = Object.keys(LEARNERS)

/** @throws LimnError ERR_LEARNER_UNKNOWN */
export async function loadLearner(name: string): Promise<Learner> {
  if (Object.hasOwn(LEARNERS, name)) return LEARNERS[name]()
  const message = `there is no learner "${name}"; there are: ${LEARNER_NAMES.join(', ')}`
  throw new LimnError('ERR_LEARNER_UNKNOWN', message)
}
