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
  /** Of the members, joined by ` + `. */
  readonly learner: string
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
  /** The model's answer is the mean of theirs; mostly there is one. */
  readonly members: readonly SavedMember[]
}

interface SavedMember {
  readonly learner: string
  readonly parameters: Parameters
  readonly preparation: SavedPart
  readonly predictor: SavedPart
  readonly classWeights: readonly number[] | null
}

/** A fitted member of a model. */
export interface Member {
  readonly learner: string
  readonly parameters: Parameters
  readonly pipeline: Pipeline
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
  keyof VersionFacts | 'format' | 'kind' | 'learner' | 'members'
>

/** A version that was trained on a table, in memory. */
export class TableModel {
  readonly manifest: TableManifest
  readonly outputs: number
  private readonly pipelines: readonly Pipeline[]

  constructor(manifest: TableManifest, pipelines: readonly Pipeline[]) {
    this.manifest = manifest
    this.pipelines = pipelines
    this.outputs = pipelines[0].outputs
  }

  /** Calibrated predictions for raw rows of a table read by the manifest's schema. */
  predict(rows: Float32Array, count: number): Float32Array {
    const answers = this.pipelines.map((pipeline) => {
      const out = new Float32Array(count * this.outputs)
      pipeline.predict(rows, count, out)
      return out
    })
    const out = meanOf(answers)
    const { calibration } = this.manifest
    if (calibration !== null) calibrate(calibration, out, count)
    return out
  }

  dispose(): void {
    for (const pipeline of this.pipelines) pipeline.dispose()
  }
}

/** Place by place the mean of equally long answers. */
export function meanOf(answers: readonly Float32Array[]): Float32Array {
  if (answers.length === 1) return answers[0]
  const mean = new Float32Array(answers[0].length)
  for (let i = 0; i < mean.length; i++) {
    let sum = 0
    for (const answer of answers) sum += answer[i]
    mean[i] = sum / answers.length
  }
  return mean
}

/** Saves a model's members with their report as a new version; it is not live yet. */
export async function saveTableModel(
  registry: ModelRegistry,
  version: NewTableVersion,
  members: readonly Member[],
  reports: Readonly<Record<string, (manifest: TableManifest) => string>>,
): Promise<TableManifest> {
  const saved = members.map(({ learner, parameters, pipeline }) => {
    return { learner, parameters, ...pipeline.save() }
  })
  const parts = saved.flatMap(({ preparation, predictor }) => [preparation.bytes, predictor.bytes])
  const weights = new Uint8Array(Buffer.concat(parts))
  const manifestOf = (made: VersionFacts): TableManifest => ({
    format: 2,
    kind: 'table',
    ...version,
    ...made,
    learner: members.map(({ learner }) => learner).join(' + '),
    members: saved.map(({ preparation, predictor, ...member }) => ({
      ...member,
      preparation: { ...preparation, bytes: preparation.bytes.length },
      predictor: { ...predictor, bytes: predictor.bytes.length },
    })),
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
  const lengths = manifest.members.flatMap(({ preparation, predictor }) => {
    return [preparation.bytes, predictor.bytes]
  })
  if (lengths.reduce((sum, length) => sum + length, 0) !== files.bytes.length) {
    const path = join(directory, 'weights.bin')
    throw new LimnError('ERR_MODEL_CORRUPT', `${path} is not as long as its manifest says`)
  }
  let at = 0
  const take = (length: number): Uint8Array => {
    return new Uint8Array(files.bytes.subarray(at, (at += length)))
  }
  const pipelines: Pipeline[] = []
  for (const { learner, preparation, predictor, classWeights } of manifest.members) {
    const saved = {
      preparation: { ...preparation, bytes: take(preparation.bytes) },
      predictor: { ...predictor, bytes: take(predictor.bytes) },
      classWeights: classWeights ?? null,
    }
    pipelines.push(await Pipeline.load(await loadLearner(learner), saved))
  }
  if (manifest.calibration !== null) loadCalibration(manifest.calibration)
  return new TableModel(manifest, pipelines)
}
