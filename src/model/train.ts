import { LimnError } from '../protocol/errors.ts'
import { loadBackend } from './backend.ts'
import { buildDataset, type Dataset } from './dataset.ts'
import type { ReplayProgress } from './dataset/replay.ts'
import { planModel, type ModelDefinition, type ModelPlan } from './definition.ts'
import {
  createLearner,
  FIT_DEFAULTS,
  LEARNERS,
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
import { countPositives, sliceTable, type Table } from './table.ts'

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
  const plan = binaryPlan(options.definition)
  const started = performance.now()
  const dataset = await buildDataset(source, plan, (progress) =>
    options.progress({ stage: 'replay', ...progress }),
  )
  const split = splitByTime(dataset, plan)
  const numbers = numberTable(dataset)
  const replayed = performance.now()
  const { best, tried } = await fitBest(numbers.table, split, plan, options)
  const fitted = performance.now()

  const rows = { ...dataset, table: numbers.table }
  const validation = score(best, rows, split.validation)
  const threshold = bestF1Threshold(validation.scores, validation.labels)
  const holdout = score(best, rows, split.holdout)
  options.progress({ stage: 'save' })
  const manifest = await registry.save(
    {
      model: options.name,
      learner: best.learner,
      target: { event: plan.target.event.join(', '), withinMs: plan.target.within },
      featureNames: numbers.names,
      schemaHash: dataset.schemaHash,
      data: {
        positions: dataset.positions,
        from: dataset.from,
        to: dataset.to,
        records: dataset.records,
        rows: dataset.table.count,
        positives: countPositives(numbers.table.labels),
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
  const dataset = await buildDataset(source, binaryPlan(options.definition), (progress) =>
    options.progress({ stage: 'replay', ...progress }),
  )
  const start = lowerBound(dataset.times, model.manifest.split.holdoutFrom)
  if (start === dataset.times.length) {
    throw new LimnError('ERR_DATASET_EMPTY', `no row is newer than ${model.name}'s training data`)
  }
  const { table } = numberTable(dataset)
  const rows = scoredRows({ ...dataset, table }, [start, table.count], model)
  return { metrics: binaryMetrics(rows.scores, rows.labels, model.threshold), rows }
}

/** A plan that the learners of this file can follow. */
function binaryPlan(definition: ModelDefinition): ModelPlan {
  const plan = planModel(definition)
  const other = plan.learners.find((name) => !LEARNERS.some((known) => known === name))
  if (plan.task === 'binary' && other === undefined) return plan
  const found = other === undefined ? `the task ${plan.task}` : `the learner "${other}"`
  const allowed = `the task binary and the learners ${LEARNERS.join(', ')}`
  throw new LimnError(
    'ERR_MODEL_DEFINITION',
    `found ${found}; allowed from the journal: ${allowed}`,
  )
}

/** The dataset's plain numbers: learners of this file take neither categories nor sequences. */
function numberTable({ table, features }: Dataset): { names: readonly string[]; table: Table } {
  const places = features.flatMap(({ kind, step }, i) =>
    kind === 'number' && step === null ? [i] : [],
  )
  const rows = new Float32Array(table.count * places.length)
  for (let row = 0; row < table.count; row++) {
    for (let i = 0; i < places.length; i++) {
      rows[row * places.length + i] = table.rows[row * table.width + places[i]]
    }
  }
  const labels = Uint8Array.from(table.labels)
  return {
    names: places.map((place) => features[place].name),
    table: { width: places.length, count: table.count, rows, labels },
  }
}

interface BinaryRows extends Pick<Dataset, 'times' | 'shards' | 'sequences'> {
  readonly table: Table
}

async function fitBest(
  table: Table,
  split: Split,
  plan: ModelPlan,
  options: TrainOptions & { readonly progress: (progress: TrainProgress) => void },
): Promise<{ best: Fitted; tried: Record<string, number> }> {
  const backend = await loadBackend()
  const training = sliceTable(table, ...split.training)
  const validation = sliceTable(table, ...split.validation)
  const fitOptions = { ...FIT_DEFAULTS, ...options.fit, seed: options.seed }
  const fitted: Fitted[] = []
  for (const name of LEARNERS.filter((known) => plan.learners.includes(known))) {
    const learner = await createLearner(name, backend)
    const progress = (at: FitProgress): void => options.progress({ stage: 'fit', ...at })
    fitted.push(await learner.fit(training, validation, fitOptions, progress))
  }
  const best = fitted.reduce((a, b) => (b.validationLogLoss < a.validationLogLoss ? b : a))
  const tried = Object.fromEntries(fitted.map((one) => [one.learner, one.validationLogLoss]))
  return { best, tried }
}

/** In plain JavaScript, so that the metrics do not depend on a backend. */
function score(fitted: Fitted, dataset: BinaryRows, range: readonly [number, number]): ScoredRows {
  return scoredRows(dataset, range, new DenseScorer(fitted.model, null))
}

function scoredRows(
  dataset: BinaryRows,
  [start, end]: readonly [number, number],
  scorer: { score(rows: Float32Array, count: number, out: Float32Array): void },
): ScoredRows {
  const scores = new Float32Array(end - start)
  const table = sliceTable(dataset.table, start, end)
  scorer.score(table.rows, table.count, scores)
  return {
    shards: dataset.shards.slice(start, end),
    sequences: dataset.sequences.slice(start, end),
    times: dataset.times.slice(start, end),
    labels: table.labels.slice(),
    scores,
  }
}
