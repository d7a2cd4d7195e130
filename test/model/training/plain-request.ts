import type { TableTrainingRequest } from '../../../src/model/training/train-on-table.ts'

/** A training on a table as the command line asks for it, but without trials. */
export function plainRequest(
  named: Pick<TableTrainingRequest, 'name' | 'file' | 'label'>,
): TableTrainingRequest {
  return {
    ...named,
    task: null,
    learners: [],
    ignore: [],
    time: null,
    holdout: 0.25,
    folds: 5,
    search: { method: 'random', trials: 0 },
    select: null,
    classWeights: 'none',
    threshold: { by: 'f1' },
    calibration: 'auto',
    log: [],
    crosses: [],
    parameters: {},
    seed: 1,
  }
}
