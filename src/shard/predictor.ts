import type { LoadedModel } from '../model/loaded-model.ts'
import {
  numberFeatureNames as featureNames,
  writeNumberFeatures as writeFeatures,
} from '../profile/number-features.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { ErrorValue, PredictionValue } from '../protocol/shards.ts'
import type { Predictions } from './messages.ts'

interface Waiting {
  readonly at: number
  readonly models: readonly string[]
  readonly position: string
  readonly done: (predictions: Predictions) => void
}

/**
 * Batched inference in the shard's own thread: feature vectors are taken when a prediction is asked
 * for, and all that wait are scored together by {@link scoreWaiting}, once a turn. Owns its buffers;
 * a swap of a model takes effect between two batches.
 */
export class Predictor {
  readonly width: number
  readonly featureNames: readonly string[]
  scored = 0
  private readonly profiles: ProfileStore
  private readonly models = new Map<string, LoadedModel>()
  private features: Float32Array
  private scores = new Float32Array(64)
  private waiting: Waiting[] = []

  constructor(compiled: CompiledDefinition, profiles: ProfileStore) {
    this.profiles = profiles
    this.featureNames = featureNames(compiled)
    this.width = this.featureNames.length
    this.features = new Float32Array(this.width * 64)
  }

  swap(name: string, model: LoadedModel | null): void {
    this.models.get(name)?.dispose()
    if (model === null) this.models.delete(name)
    else this.models.set(name, model)
  }

  get names(): string[] {
    return [...this.models.keys()]
  }

  versions(): { model: string; version: string; target: unknown; metrics: unknown }[] {
    return [...this.models.values()].map(({ name, version, target, manifest }) => {
      return { model: name, version, target, metrics: manifest.metrics }
    })
  }

  has(name: string): boolean {
    return this.models.has(name)
  }

  /** Takes the row's features as of `now` (default: its own clock) and scores them with the batch. */
  enqueue(
    row: number,
    models: readonly string[],
    position: string,
    done: (predictions: Predictions) => void,
    now = this.profiles.clock(row),
  ): void {
    const at = this.waiting.length
    if ((at + 1) * this.width > this.features.length) {
      const grown = new Float32Array(this.features.length * 2)
      grown.set(this.features)
      this.features = grown
    }
    writeFeatures(this.profiles, row, now, this.features, at * this.width)
    this.waiting.push({ at, models, position, done })
  }

  /** Scores all that wait: one batch a model. */
  scoreWaiting(): void {
    if (this.waiting.length === 0) return
    const waiting = this.waiting
    this.waiting = []
    const results: Predictions[] = waiting.map(() => ({}))
    for (const name of new Set(waiting.flatMap((w) => w.models)))
      this.scoreModel(name, waiting, results)
    waiting.forEach((w, i) => w.done(results[i]))
  }

  private scoreModel(name: string, waiting: readonly Waiting[], results: Predictions[]): void {
    const model = this.models.get(name)
    if (model === undefined) {
      const error = unknownModel(name, this.names)
      waiting.forEach((w, i) => {
        if (w.models.includes(name)) results[i][name] = { error }
      })
      return
    }
    if (this.scores.length < waiting.length) this.scores = new Float32Array(waiting.length * 2)
    model.score(this.features, waiting.length, this.scores)
    this.scored += waiting.length
    waiting.forEach((w, i) => {
      if (w.models.includes(name)) results[i][name] = prediction(model, this.scores[i], w.position)
    })
  }
}

function prediction(model: LoadedModel, score: number, position: string): PredictionValue {
  const label = score >= model.threshold ? 'yes' : 'no'
  return { model: model.name, version: model.version, score, label, position }
}

export function unknownModel(name: string, known: readonly string[]): ErrorValue {
  const serving = known.length === 0 ? 'none is serving yet; train one' : known.join(', ')
  return { code: 'ERR_MODEL_UNKNOWN', message: `no model "${name}" is serving (${serving})` }
}
