import { join } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import { calibrate, loadCalibration, type Calibration } from '../calibration.ts'
import type { Evaluation } from '../evaluation/evaluate.ts'
import type { Parameters, Task } from '../learners/learner.ts'
import { loadLearner } from '../learners/registry.ts'
import { readVersionFiles, type ModelRegistry, type VersionFacts } from '../registry.ts'
import type { TableSchema } from '../table/schema.ts'
import { Pipeline } from './pipeline.ts'

/** What is known of a version that was trained on a plain table; beside its weights, as JSON. */
export interface TableManifest extends VersionFacts {
  readonly format: 2
  readonly kind: 'table'
  readonly model: string
  readonly learner: string
  readonly parameters: Parameters
  readonly task: Task
  /** How a table is read for this model. */
  readonly schema: TableSchema
  readonly data: { readonly file: string; readonly rows: number; readonly unlabelled: number }
  readonly seed: number
  /** A probability of at least it counts as the second class; null where there is none to choose. */
  readonly threshold: number | null
  /** Null where the outputs are no probabilities. */
  readonly calibration: Calibration | null
  /** On rows that the model at hand was not fitted on: each fold by the model of the others. */
  readonly metrics: Evaluation['metrics']
  readonly tried: readonly TriedCandidate[]
  readonly importance: readonly { readonly name: string; readonly share: number }[]
  readonly preparation: SavedPart
  readonly predictor: SavedPart
}

export interface TriedCandidate {
  readonly learner: string
  readonly parameters: Parameters
  /** Mean over the folds that were run; fewer than all where it was given up. */
  readonly loss: number
  readonly folds: number
  readonly seconds: number
}

interface SavedPart {
  readonly description: Readonly<Record<string, unknown>>
  readonly bytes: number
}

export type NewTableVersion = Omit<
  TableManifest,
  keyof VersionFacts | 'format' | 'kind' | 'preparation' | 'predictor'
>

/** A version that was trained on a table, in memory. */
export class TableModel {
  readonly manifest: TableManifest
  readonly outputs: number
  private readonly pipeline: Pipeline
  private readonly calibration: Calibration | null

  constructor(manifest: TableManifest, pipeline: Pipeline) {
    this.manifest = manifest
    this.pipeline = pipeline
    this.calibration = manifest.calibration
    this.outputs = pipeline.outputs
  }

  /** Calibrated predictions for raw rows of a table read by the manifest's schema. */
  predict(rows: Float32Array, count: number): Float32Array {
    const out = new Float32Array(count * this.outputs)
    this.pipeline.predict(rows, count, out)
    if (this.calibration !== null) calibrate(this.calibration, out, count)
    return out
  }

  dispose(): void {
    this.pipeline.dispose()
  }
}

/** Saves a pipeline with its calibration and report as a new version; it is not live yet. */
export async function saveTableModel(
  registry: ModelRegistry,
  version: NewTableVersion,
  pipeline: Pipeline,
  reports: Readonly<Record<string, (manifest: TableManifest) => string>>,
): Promise<TableManifest> {
  const { preparation, predictor } = pipeline.save()
  const weights = new Uint8Array(preparation.bytes.length + predictor.bytes.length)
  weights.set(preparation.bytes)
  weights.set(predictor.bytes, preparation.bytes.length)
  const manifestOf = (made: VersionFacts): TableManifest => ({
    format: 2,
    kind: 'table',
    ...version,
    ...made,
    preparation: { description: preparation.description, bytes: preparation.bytes.length },
    predictor: { description: predictor.description, bytes: predictor.bytes.length },
  })
  return registry.saveFiles(version.model, weights, manifestOf, reports)
}

/** @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT, ERR_MODEL_KIND */
export async function loadTableModel(directory: string): Promise<TableModel> {
  const files = await readVersionFiles(directory)
  const manifest = files.manifest as TableManifest
  if (manifest.format !== 2 || manifest.kind !== 'table') {
    const message = `the version in ${directory} was trained on the journal, not on a table`
    throw new LimnError('ERR_MODEL_KIND', message)
  }
  const { preparation, predictor } = manifest
  if (preparation.bytes + predictor.bytes !== files.bytes.length) {
    const path = join(directory, 'weights.bin')
    throw new LimnError('ERR_MODEL_CORRUPT', `${path} is not as long as its manifest says`)
  }
  const learner = await loadLearner(manifest.learner)
  const pipeline = await Pipeline.load(learner, {
    preparation: {
      ...preparation,
      bytes: new Uint8Array(files.bytes.subarray(0, preparation.bytes)),
    },
    predictor: { ...predictor, bytes: new Uint8Array(files.bytes.subarray(preparation.bytes)) },
  })
  if (manifest.calibration !== null) loadCalibration(manifest.calibration)
  return new TableModel(manifest, pipeline)
}
