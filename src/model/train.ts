import { LimnError } from '../protocol/errors.ts'
import { loadBackend } from './backend.ts'
import { buildDataset, type Dataset, type ReplayProgress } from './dataset.ts'
import { planModel, type ModelDefinition, type ModelPlan } from './definition.ts'
import {
  createLearner,
  FIT_DEFAULTS,
  type Fitted,
  type FitOptions,
  type FitProgress,
} from './learner.ts'
import type { LoadedModel } from './loaded-model.ts'
import { bestF1Threshold, binaryMetrics, type BinaryMetrics } from './metrics.ts'
import type { ModelManifest, ModelRegistry } from './registry.ts'
import type { ReplaySource } from './replay-source.ts'
import { DenseScorer } from './scorer.ts'
import { lowerBound, splitByTime, type Split } from './split.ts'
import { countPositives, sliceTable } from './table.ts'

export type TrainProgress =
  | ({ readonly stage: 'replay' } & ReplayProgress)
  | ({ readonly stage: 'fit' } & FitProgress)
  | { readonly stage: 'save' }

/** Scored rows, with the position of the record after which each was read. */
interface ScoredRows {
  readonly shards: Uint16Array
  readonly sequences: Float64Array
  readonly times: Float64Array
  readonly labels: Uint8Array
  readonly scores: Float32Array
}

export interface TrainResult {
  readonly manifest: ModelManifest
  readonly holdout: ScoredRows
  readonly censored: number
  readonly seconds: { readonly replay: number; readonly fit: number }
}

export interface EvaluateResult {
  readonly metrics: BinaryMetrics
  readonly rows: ScoredRows
}

export interface TrainOptions {
  readonly name: string
  readonly definition: ModelDefinition
  readonly seed: number
  readonly fit?: Partial<FitOptions>
}

/**
 * Builds the dataset, fits every learner, keeps the one with the lowest validation log loss,
 * evaluates it on the holdout and saves it as a new version. Does not make it live.
 * @throws LimnError ERR_DATASET_EMPTY, ERR_DATASET_ONE_CLASS, ERR_MODEL_DEFINITION,
 * ERR_MODEL_DIVERGED, ERR_MODEL_BACKEND, ERR_MODEL_SAVE
 */
export async function trainModel(
  source: ReplaySource,
  registry: ModelRegistry,
  options: TrainOptions & { readonly progress: (progress: TrainProgress) => void },
): Promise<TrainResult> {
  const plan = planModel(options.definition)
  const started = performance.now()
  const dataset = await buildDataset(source, plan, (progress) =>
    options.progress({ stage: 'replay', ...progress }),
  )
  const split = splitByTime(dataset, plan)
  const replayed = performance.now()
  const { best, tried } = await fitBest(dataset, split, plan, options)
  const fitted = performance.now()

  const validation = score(best, dataset, split.validation)
  const threshold = bestF1Threshold(validation.scores, validation.labels)
  const holdout = score(best, dataset, split.holdout)
  options.progress({ stage: 'save' })
  const manifest = await registry.save(
    {
      model: options.name,
      learner: best.learner,
      target: { event: plan.event, withinMs: plan.withinMs },
      featureNames: dataset.featureNames,
      schemaHash: dataset.schemaHash,
      data: {
        positions: dataset.positions,
        from: dataset.from,
        to: dataset.to,
        records: dataset.records,
        rows: dataset.count,
        positives: countPositives(dataset.labels),
      },
      split: {
        trainingRows: split.training[1],
        validationRows: split.validation[1] - split.validation[0],
        holdoutRows: split.holdout[1] - split.holdout[0],
        holdoutFrom: split.holdoutFrom,
      },
      seed: options.seed,
      threshold,
      metrics: binaryMetrics(holdout.scores, holdout.labels, threshold),
      tried,
    },
    best.model,
  )
  const seconds = { replay: (replayed - started) / 1000, fit: (fitted - replayed) / 1000 }
  return { manifest, holdout, censored: dataset.censored, seconds }
}

/**
 * Metrics of a version on rows that it was not fitted on: those from its holdout's beginning to the
 * end of today's journal.
 * @throws LimnError ERR_DATASET_EMPTY, ERR_MODEL_DEFINITION
 */
export async function evaluateModel(
  source: ReplaySource,
  model: LoadedModel,
  options: {
    readonly definition: ModelDefinition
    readonly progress: (progress: TrainProgress) => void
  },
): Promise<EvaluateResult> {
  const dataset = await buildDataset(source, planModel(options.definition), (progress) =>
    options.progress({ stage: 'replay', ...progress }),
  )
  const start = lowerBound(dataset.times, model.manifest.split.holdoutFrom)
  if (start === dataset.count) {
    throw new LimnError('ERR_DATASET_EMPTY', `no row is newer than ${model.name}'s training data`)
  }
  const rows = scoredRows(dataset, [start, dataset.count], model)
  return { metrics: binaryMetrics(rows.scores, rows.labels, model.threshold), rows }
}

async function fitBest(
  dataset: Dataset,
  split: Split,
  plan: ModelPlan,
  options: TrainOptions & { readonly progress: (progress: TrainProgress) => void },
): Promise<{ best: Fitted; tried: Record<string, number> }> {
  const backend = await loadBackend()
  const training = sliceTable(dataset, ...split.training)
  const validation = sliceTable(dataset, ...split.validation)
  const fitOptions = { ...FIT_DEFAULTS, ...options.fit, seed: options.seed }
  const fitted: Fitted[] = []
  for (const name of plan.learners) {
    const learner = await createLearner(name, backend)
    const progress = (at: FitProgress): void => options.progress({ stage: 'fit', ...at })
    fitted.push(await learner.fit(training, validation, fitOptions, progress))
  }
  const best = fitted.reduce((a, b) => (b.validationLogLoss < a.validationLogLoss ? b : a))
  const tried = Object.fromEntries(fitted.map((one) => [one.learner, one.validationLogLoss]))
  return { best, tried }
}

/** In plain JavaScript, so that the metrics do not depend on a backend. */
function score(fitted: Fitted, dataset: Dataset, range: readonly [number, number]): ScoredRows {
  return scoredRows(dataset, range, new DenseScorer(fitted.model, null))
}

function scoredRows(
  dataset: Dataset,
  [start, end]: readonly [number, number],
  scorer: { score(rows: Float32Array, count: number, out: Float32Array): void },
): ScoredRows {
  const scores = new Float32Array(end - start)
  const table = sliceTable(dataset, start, end)
  scorer.score(table.rows, table.count, scores)
  return {
    shards: dataset.shards.slice(start, end),
    sequences: dataset.sequences.slice(start, end),
    times: dataset.times.slice(start, end),
    labels: table.labels.slice(),
    scores,
  }
}
