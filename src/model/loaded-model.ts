import { LimnError } from '../protocol/errors.ts'
import { loadBackend, type Backend } from './backend.ts'
import { readModelVersion, type ModelManifest } from './registry.ts'
import { DenseScorer } from './scorer.ts'

/** A model version ready to score in this thread. */
export interface LoadedModel {
  readonly name: string
  readonly version: string
  readonly target: ModelManifest['target']
  readonly featureNames: readonly string[]
  /** A probability of at least it counts as a yes. */
  readonly threshold: number
  readonly manifest: ModelManifest
  /**
   * Writes the probability of each of `count` raw feature vectors (one after the other, in the
   * order of `featureNames`, missing = NaN) to `out`. Never throws for odd values.
   */
  score(rows: Float32Array, count: number, out: Float32Array): void
  /** Frees what it holds; call when another version took its place. */
  dispose(): void
}

export interface LoadOptions {
  /** The features that this process writes; a model trained on others is refused. */
  readonly featureNames?: readonly string[]
  readonly schemaHash?: string
  /** Default: the fastest that loads; null scores in plain JavaScript only. */
  readonly backend?: Backend | null
}

/**
 * Loads, checks and warms a version directory; the caller swaps it in afterwards.
 * @throws LimnError ERR_MODEL_UNKNOWN, ERR_MODEL_CORRUPT, ERR_MODEL_FEATURES, ERR_MODEL_BACKEND
 */
export async function loadModelVersion(
  directory: string,
  options: LoadOptions = {},
): Promise<LoadedModel> {
  const { manifest, model } = await readModelVersion(directory)
  checkFeatures(manifest, options)
  const backend = options.backend === undefined ? await loadBackend() : options.backend
  const scorer = new DenseScorer(model, backend)
  scorer.warm()
  return {
    name: manifest.model,
    version: String(manifest.version),
    target: manifest.target,
    featureNames: manifest.featureNames,
    threshold: manifest.threshold,
    manifest,
    score: (rows, count, out) => scorer.score(rows, count, out),
    dispose: () => scorer.dispose(),
  }
}

function checkFeatures(manifest: ModelManifest, options: LoadOptions): void {
  const title = `model ${manifest.model} version ${manifest.version}`
  const names = options.featureNames
  if (names !== undefined) {
    const missing = manifest.featureNames.filter((name) => !names.includes(name))
    const added = names.filter((name) => !manifest.featureNames.includes(name))
    const moved = names.some((name, i) => name !== manifest.featureNames[i])
    if (missing.length + added.length > 0 || moved) {
      const detail = `${listed('gone', missing)}${listed('new', added)}` || ' other order'
      throw new LimnError('ERR_MODEL_FEATURES', `${title} was trained on other features:${detail}`)
    }
  }
  if (options.schemaHash !== undefined && options.schemaHash !== manifest.schemaHash) {
    throw new LimnError(
      'ERR_MODEL_FEATURES',
      `${title} was trained under another profile definition; train it again`,
    )
  }
}

function listed(what: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > 5 ? ` and ${names.length - 5} more` : ''
  return ` ${what} ${names.slice(0, 5).join(', ')}${more};`
}
