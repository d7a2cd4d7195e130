import type { MetricName } from '../evaluation/outcome.ts'

/** What a metric is called on the page, and what it means in a few words. */
export const METRIC_TITLES: Readonly<
  Record<MetricName, { readonly title: string; readonly meaning: string }>
> = {
  rocAuc: { title: 'ROC AUC', meaning: 'share of pairs ranked right; 0.5 is chance' },
  prAuc: { title: 'PR AUC', meaning: 'average precision; chance is the share of positives' },
  logLoss: { title: 'Log loss', meaning: 'how surprised the probabilities are; lower is better' },
  brier: {
    title: 'Brier score',
    meaning: 'mean squared error of the probability; lower is better',
  },
  ece: { title: 'Calibration error', meaning: 'mean gap between said and seen; lower is better' },
  accuracy: { title: 'Accuracy', meaning: 'share of right decisions' },
  precision: { title: 'Precision', meaning: 'of those called positive, share that are' },
  recall: { title: 'Recall', meaning: 'of the positive, share that are found' },
  f1: { title: 'F1', meaning: 'harmonic mean of precision and recall' },
  rmse: { title: 'RMSE', meaning: 'root of the mean squared error; lower is better' },
  mae: { title: 'MAE', meaning: 'mean absolute error; lower is better' },
  mse: { title: 'MSE', meaning: 'mean squared error; lower is better' },
  r2: { title: 'R²', meaning: 'share of the variance explained' },
  pearson: { title: 'Correlation', meaning: 'Pearson, with the actual values' },
  spearman: { title: 'Rank correlation', meaning: 'Spearman, with the actual values' },
  bias: { title: 'Bias', meaning: 'mean of predicted − actual' },
  poissonDeviance: { title: 'Poisson deviance', meaning: 'misfit of the counts; lower is better' },
}

/** In the order in which they are shown. */
export const METRICS_SHOWN: Readonly<Record<string, readonly MetricName[]>> = {
  binary: ['rocAuc', 'prAuc', 'f1', 'precision', 'recall', 'accuracy', 'logLoss', 'brier', 'ece'],
  multiclass: ['accuracy', 'f1', 'precision', 'recall', 'rocAuc', 'logLoss'],
  regression: ['rmse', 'mae', 'r2', 'pearson', 'spearman', 'bias'],
  count: ['poissonDeviance', 'rmse', 'mae', 'r2', 'spearman', 'bias'],
}
