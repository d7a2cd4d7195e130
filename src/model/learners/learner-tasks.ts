import type { Task } from './predictor.ts'

/**
 * What each learner learns, without loading its libraries: for checks of configuration. A test holds
 * it and the learners together.
 */
export const LEARNER_TASKS: Readonly<Record<string, readonly Task[]>> = {
  adaboost: ['binary', 'multiclass'],
  arima: ['series'],
  bg_nbd: ['count'],
  boosted_trees: ['binary', 'multiclass', 'regression', 'count'],
  gru: ['binary', 'multiclass', 'regression', 'count'],
  hierarchical: ['clusters'],
  isolation_forest: ['anomaly'],
  kmeans: ['clusters'],
  knn: ['binary', 'multiclass', 'regression'],
  linear: ['regression', 'count'],
  logistic: ['binary', 'multiclass'],
  lstm: ['binary', 'multiclass', 'regression', 'count'],
  network: ['binary', 'multiclass', 'regression', 'count'],
  pareto_nbd: ['count'],
  pca: ['projection'],
  random_forest: ['binary', 'multiclass', 'regression', 'count'],
  svm_linear: ['binary', 'multiclass', 'regression'],
  svm_rbf: ['binary', 'multiclass', 'regression'],
  tree: ['binary', 'multiclass', 'regression', 'count'],
  tsne: ['projection'],
}
