import { join } from 'node:path'
import { LimnError } from '../../protocol/errors.ts'
import { calibrate, loadCalibration } from '../calibration/calibration.ts'
import type { Parameters } from '../learners/predictor.ts'
import { loadReader } from '../learners/readers.ts'
import { readVersionFiles } from './version-files.ts'
import { Pipeline } from './pipeline.ts'
import { MANIFEST_FORMAT, type ModelManifest } from './manifest.ts'

/** A fitted member of a model. */
export interface Member {
  readonly learner: string
  readonly parameters: Parameters
  readonly pipeline: Pipeline
}

/** What turns raw rows into answers: the members' mean, corrected. */
export type Answering = Pick<ModelManifest, 'calibration'> & {
  readonly pipelines: readonly Pipeline[]
}

/** A model's members together, in memory, for one thread. */
export class ModelVersion {
  readonly manifest: ModelManifest
  /** Numbers of an answer: one, or as many as classes. */
  readonly outputs: number
  private readonly answering: Answering

  constructor(manifest: ModelManifest, pipelines: readonly Pipeline[]) {
    this.manifest = manifest
    this.answering = { pipelines, calibration: manifest.calibration }
    this.outputs = pipelines[0].outputs
  }

  /** Calibrated answers for raw rows of the manifest's columns: `count × outputs` numbers. */
  predict(rows: Float32Array, count: number): Float32Array {
    const out = new Float32Array(count * this.outputs)
    this.predictInto(rows, count, out)
    return out
  }

  predictInto(rows: Float32Array, count: number, out: Float32Array): void {
    predictMean(this.answering, rows, count, out)
  }

  dispose(): void {
    for (const pipeline of this.answering.pipelines) pipeline.dispose()
  }
}

/** Writes the members' mean, corrected by the calibration. */
export function predictMean(
  { pipelines, calibration }: Answering,
  rows: Float32Array,
  count: number,
  out: Float32Array,
): void {
  const [first, ...others] = pipelines
  first.predict(rows, count, out)
  const size = count * first.outputs
  if (others.length > 0) {
    const sums = Float64Array.from(out.subarray(0, size))
    const own = new Float32Array(size)
    for (const pipeline of others) {
      pipeline.predict(rows, count, own)
      for (let i = 0; i < size; i++) sums[i] += own[i]
    }
    for (let i = 0; i < size; i++) out[i] = sums[i] / pipelines.length
  }
  if (calibration !== null) calibrate(calibration, out, count)
}

/** @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT, ERR_MODEL_KIND (of an older release) */
export async function readModelVersion(directory: string): Promise<ModelVersion> {
  const files = await readVersionFiles(directory)
  const manifest = files.manifest as ModelManifest
  if (manifest.format !== MANIFEST_FORMAT) {
    const message = `the version in ${directory} has the format ${String(manifest.format)}, this release reads ${MANIFEST_FORMAT}; train it again`
    throw new LimnError('ERR_MODEL_KIND', message)
  }
  try {
    const pipelines = await loadPipelines(directory, manifest, files.bytes)
    if (manifest.calibration !== null) loadCalibration(manifest.calibration)
    return new ModelVersion(manifest, pipelines)
  } catch (error) {
    if (error instanceof LimnError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const message = `the manifest in ${directory} does not describe a model: ${reason}`
    throw new LimnError('ERR_MODEL_CORRUPT', message, { cause: error })
  }
}

async function loadPipelines(
  directory: string,
  { members, schema, task }: ModelManifest,
  bytes: Uint8Array,
): Promise<Pipeline[]> {
  const path = join(directory, 'weights.bin')
  const lengths = members.flatMap(({ preparation, predictor }) => {
    return [preparation.bytes, predictor.bytes]
  })
  if (lengths.reduce((sum, length) => sum + length, 0) !== bytes.length || members.length === 0) {
    throw new LimnError('ERR_MODEL_CORRUPT', `${path} is not as long as its manifest says`)
  }
  let at = 0
  const take = (length: number): Uint8Array => new Uint8Array(bytes.subarray(at, (at += length)))
  const pipelines: Pipeline[] = []
  for (const { learner, preparation, predictor, classWeights } of members) {
    const saved = {
      preparation: { ...preparation, bytes: take(preparation.bytes) },
      predictor: { ...predictor, bytes: take(predictor.bytes) },
      classWeights,
    }
    pipelines.push(await Pipeline.load(await loadReader(learner), saved))
  }
  const outputs = task === 'multiclass' ? (schema.label?.classes.length ?? 0) : 1
  const fits = pipelines.every((pipeline) => {
    return pipeline.preparation.columns === schema.columns.length && pipeline.outputs === outputs
  })
  if (fits) return pipelines
  throw new LimnError('ERR_MODEL_CORRUPT', `${path} does not fit the columns of its manifest`)
}
