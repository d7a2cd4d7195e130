import { LimnError } from '../../protocol/errors.ts'
import type { Learner } from './learner.ts'

/** Every learner by its name; its libraries are loaded when it is first asked for. */
const LEARNERS: Readonly<Record<string, () => Promise<Learner>>> = {
  adaboost: async () => (await import('./adaboost.ts')).adaboost,
  arima: async () => (await import('./arima.ts')).arima,
  bg_nbd: async () => (await import('./bg-nbd.ts')).bgNbd,
  boosted_trees: async () => (await import('./boosted-trees.ts')).boostedTrees,
  hierarchical: async () => (await import('./hierarchical.ts')).hierarchical,
  isolation_forest: async () => (await import('./isolation-forest.ts')).isolationForest,
  kmeans: async () => (await import('./kmeans.ts')).kmeans,
  knn: async () => (await import('./knn.ts')).knn,
  pareto_nbd: async () => (await import('./pareto-nbd.ts')).paretoNbd,
  pca: async () => (await import('./pca.ts')).pca,
  random_forest: async () => (await import('./random-forest.ts')).randomForest,
  svm_linear: async () => (await import('./svm-linear.ts')).svmLinear,
  svm_rbf: async () => (await import('./svm-rbf.ts')).svmRbf,
  tree: async () => (await import('./tree.ts')).decisionTree,
  tsne: async () => (await import('./tsne.ts')).tsne,
}

/** As on the command line and in configuration. */
export const LEARNER_NAMES: readonly string[] = Object.keys(LEARNERS)

/** @throws LimnError ERR_LEARNER_UNKNOWN */
export async function loadLearner(name: string): Promise<Learner> {
  if (Object.hasOwn(LEARNERS, name)) return LEARNERS[name]()
  const message = `there is no learner "${name}"; there are: ${LEARNER_NAMES.join(', ')}`
  throw new LimnError('ERR_LEARNER_UNKNOWN', message)
}
