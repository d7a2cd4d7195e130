import { LimnError } from '../../protocol/errors.ts'
import { LEARNER_TASKS } from './learner-tasks.ts'
import type { PredictorReader } from './predictor.ts'

/**
 * What reads the models of each learner whose models are kept as versions. A thread that serves loads
 * these and no learner: none of them reaches a file that fits (test/architecture/serving.test.ts).
 */
const READERS: Readonly<Record<string, () => Promise<PredictorReader>>> = {
  adaboost: () => forestOf('adaboost'),
  bg_nbd: async () => {
    const { BG_NBD } = await import('./repeat-purchase/bg-nbd.ts')
    const { loadPurchases } = await import('./repeat-purchase/purchase-predictor.ts')
    return { load: (saved) => loadPurchases(BG_NBD, saved) }
  },
  boosted_trees: () => forestOf('boosted_trees'),
  gru: () => sequenceOf('gru'),
  knn: async () => ({ load: (await import('./neighbours/knn-predictor.ts')).loadKnn }),
  linear: () => denseOf('linear'),
  logistic: () => denseOf('logistic'),
  lstm: () => sequenceOf('lstm'),
  network: () => denseOf('network'),
  pareto_nbd: async () => {
    const { PARETO_NBD } = await import('./repeat-purchase/pareto-nbd.ts')
    const { loadPurchases } = await import('./repeat-purchase/purchase-predictor.ts')
    return { load: (saved) => loadPurchases(PARETO_NBD, saved) }
  },
  random_forest: () => forestOf('random_forest'),
  svm_linear: async () => ({ load: (await import('./svm/svm-linear-predictor.ts')).loadSvmLinear }),
  svm_rbf: async () => ({ load: (await import('./svm/svm-rbf-predictor.ts')).loadSvmRbf }),
  tree: () => forestOf('tree'),
}

/** Learners whose models are kept as versions. */
export const READER_NAMES: readonly string[] = Object.keys(READERS)

/** @throws LimnError ERR_LEARNER_UNKNOWN */
export async function loadReader(learner: string): Promise<PredictorReader> {
  if (Object.hasOwn(READERS, learner)) return READERS[learner]()
  const known = READER_NAMES.join(', ')
  const message = `no version holds a model of the learner "${learner}"; allowed: ${known}`
  throw new LimnError('ERR_LEARNER_UNKNOWN', message)
}

async function forestOf(learner: string): Promise<PredictorReader> {
  const { loadForest } = await import('./trees/forest-predictor.ts')
  return { load: async (saved) => loadForest(learner, saved) }
}

async function denseOf(learner: string): Promise<PredictorReader> {
  const { loadDense } = await import('./dense/load-dense.ts')
  return { load: (saved) => loadDense(learner, LEARNER_TASKS[learner], saved) }
}

async function sequenceOf(cell: 'gru' | 'lstm'): Promise<PredictorReader> {
  const { loadSequence } = await import('./sequence/sequence-predictor.ts')
  return { load: async (saved) => loadSequence(cell, saved) }
}
