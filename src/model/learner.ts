import type { Backend } from './backend.ts'
import type { DenseModel } from './network.ts'
import type { Table } from './table.ts'

export const LEARNERS = ['logistic', 'network'] as const
export type LearnerName = (typeof LEARNERS)[number]

export interface FitOptions {
  readonly seed: number
  readonly epochsMax: number
  /** Rows a step. */
  readonly batchRows: number
  /** Epochs without a better validation log loss after which fitting ends. */
  readonly patience: number
  readonly learningRate: number
  /** L2 penalty on weights (not biases). */
  readonly penalty: number
  /** Stops after the current epoch, keeping the best so far. */
  readonly signal?: AbortSignal
}

export const FIT_DEFAULTS: FitOptions = {
  seed: 1,
  epochsMax: 40,
  batchRows: 512,
  patience: 4,
  learningRate: 0.001,
  penalty: 3e-3,
}

export interface FitProgress {
  readonly learner: LearnerName
  readonly epoch: number
  readonly epochsMax: number
  readonly validationLogLoss: number
}

export interface Fitted {
  readonly learner: LearnerName
  readonly model: DenseModel
  readonly epochs: number
  readonly validationLogLoss: number
}

/** Learns a probability from labelled rows. Deterministic: same rows, options, backend → same model. */
export interface Learner {
  readonly name: LearnerName
  /**
   * @throws LimnError ERR_DATASET_EMPTY, ERR_DATASET_ONE_CLASS (training rows of one class only),
   * ERR_MODEL_DIVERGED (weights are no longer finite)
   */
  fit(
    training: Table,
    validation: Table,
    options: FitOptions,
    progress: (progress: FitProgress) => void,
  ): Promise<Fitted>
}

/** Hidden layers of each learner. */
const HIDDEN: Readonly<Record<LearnerName, readonly number[]>> = {
  logistic: [],
  network: [16],
}

export async function createLearner(name: LearnerName, backend: Backend): Promise<Learner> {
  const { DenseLearner } = await import('./dense-learner.ts')
  return new DenseLearner(name, HIDDEN[name], backend)
}
