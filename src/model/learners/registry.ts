import { LimnError } from '../../protocol/errors.ts'
import type { Learner } from './learner.ts'

/** Every learner by its name; its libraries are loaded when it is first asked for. */
const LEARNERS: Readonly<Record<string, () => Promise<Learner>>> = {
  adaboost: async () => (await import('./trees/adaboost.ts')).adaboost,
  arima: async () => (await import('./series/arima.ts')).arima,
  bg_nbd: async () => (await import('./repeat-purchase/repeat-purchase.ts')).bgNbd,
  boosted_trees: async () => (await import('./trees/boosted-trees.ts')).boostedTrees,
  gru: async () => (await import('./sequence/sequence.ts')).gru,
  hierarchical: async () => (await import('./clusters/hierarchical.ts')).hierarchical,
  isolation_forest: async () => (await import('./anomaly/isolation-forest.ts')).isolationForest,
  kmeans: async () => (await import('./clusters/kmeans.ts')).kmeans,
  knn: async () => (await import('./neighbours/knn.ts')).knn,
  linear: async () => (await import('./dense/dense.ts')).linear,
  logistic: async () => (await import('./dense/dense.ts')).logistic,
  lstm: async () => (await import('./sequence/sequence.ts')).lstm,
  network: async () => (await import('./dense/dense.ts')).network,
  pareto_nbd: async () => (await import('./repeat-purchase/repeat-purchase.ts')).paretoNbd,
  pca: async () => (await import('./projection/pca.ts')).pca,
  random_forest: async () => (await import('./trees/random-forest.ts')).randomForest,
  svm_linear: async () => (await import('./svm/svm-linear.ts')).svmLinear,
  svm_rbf: async () => (await import('./svm/svm-rbf.ts')).svmRbf,
  tree: async () => (await import('./trees/tree.ts')).decisionTree,
  tsne: async () => (await import('./projection/tsne.ts')).tsne,
}

/** As on the command line and in configuration. */
export const LEARNER_NAMES: readonly string[] = Object.keys(LEARNERS)

/** @throws LimnError ERR_LEARNER_UNKNOWN */
export async function loadLearner(name: string): Promise<Learner> {
  if (Object.hasOwn(LEARNERS, name)) return LEARNERS[name]()
  const message = `there is no learner "${name}"; there are: ${LEARNER_NAMES.join(', ')}`
  throw new LimnError('ERR_LEARNER_UNKNOWN', message)
}
