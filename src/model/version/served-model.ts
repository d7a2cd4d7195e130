import { LimnError } from '../../protocol/errors.ts'
import type { Feature } from '../../profile/feature-vector.ts'
import { BATCH_ROWS } from './pipeline.ts'
import { FeatureReader } from './feature-reader.ts'
import type { ModelManifest } from './manifest.ts'
import { readModelVersion } from './model-version.ts'

/** A model version ready to score profiles in this thread. */
export interface ServedModel {
  readonly manifest: ModelManifest
  /** Numbers of an answer: one, or as many as classes. */
  readonly outputs: number
  /**
   * Writes `count × outputs` numbers for feature vectors that lie one after the other; missing values
   * are NaN. Never throws for odd values.
   */
  score(vectors: Float32Array, count: number, out: Float32Array): void
  /** Frees what it holds; call when another version took its place. */
  dispose(): void
}

/** What a process writes: its features, and the hash of the profile definition they come from. */
export interface Serving {
  readonly features: readonly Feature[]
  readonly schemaHash: string
}

const WARM_ROUNDS = 64

/**
 * Loads, checks and warms a version directory; the caller swaps it in afterwards.
 * @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT, ERR_MODEL_KIND (trained on a plain table),
 * ERR_MODEL_FEATURES (trained under another profile definition)
 */
export async function loadServedModel(directory: string, serving: Serving): Promise<ServedModel> {
  const version = await readModelVersion(directory)
  const { manifest, outputs } = version
  const reader = readerFor(manifest, serving)
  const raw = new Float32Array(BATCH_ROWS * reader.width)
  const score = (vectors: Float32Array, count: number, out: Float32Array): void => {
    for (let start = 0; start < count; start += BATCH_ROWS) {
      const size = Math.min(BATCH_ROWS, count - start)
      reader.read(vectors, start, size, raw)
      version.predictInto(raw, size, start === 0 ? out : out.subarray(start * outputs))
    }
  }
  warm(score, { width: serving.features.length, outputs })
  return { manifest, outputs, score, dispose: () => version.dispose() }
}

function readerFor(
  { model, version, source, schema }: ModelManifest,
  { features, schemaHash }: Serving,
): FeatureReader {
  const title = `model ${model} version ${version}`
  if (source.kind === 'table') {
    const message = `${title} was trained on the table ${source.file}: it does not score profiles`
    throw new LimnError('ERR_MODEL_KIND', message)
  }
  const reader = new FeatureReader(features, schema.columns)
  if (source.schemaHash === schemaHash) return reader
  const message = `${title} was trained under another profile definition; train it again`
  throw new LimnError('ERR_MODEL_FEATURES', message)
}

/** So that the first real rows find compiled code, one alone and many at once. */
function warm(score: ServedModel['score'], of: { width: number; outputs: number }): void {
  const vectors = new Float32Array(WARM_ROUNDS * of.width)
  const out = new Float32Array(WARM_ROUNDS * of.outputs)
  score(vectors, WARM_ROUNDS, out)
  for (let i = 0; i < WARM_ROUNDS; i++) score(vectors, 1, out)
}
