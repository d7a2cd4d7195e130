import type { ServedModel } from '../model/version/served-model.ts'
import { featuresOf, writeFeatures } from '../profile/feature-vector.ts'
import type { Feature } from '../profile/feature-vector.ts'
import type { CompiledDefinition } from '../profile/compile.ts'
import type { ProfileStore } from '../profile/store.ts'
import type { ErrorValue, PredictionValue } from '../protocol/shards.ts'
import type { Predictions } from '../protocol/shard-messages.ts'

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
  readonly features: readonly Feature[]
  scored = 0
  private readonly width: number
  private readonly profiles: ProfileStore
  private readonly models = new Map<string, ServedModel>()
  private vectors: Float32Array
  private scores = new Float32Array(64)
  private waiting: Waiting[] = []

  constructor(compiled: CompiledDefinition, profiles: ProfileStore) {
    this.profiles = profiles
    this.features = featuresOf(compiled)
    this.width = this.features.length
    this.vectors = new Float32Array(this.width * 64)
  }

  swap(name: string, model: ServedModel | null): void {
    this.models.get(name)?.dispose()
    if (model === null) this.models.delete(name)
    else this.models.set(name, model)
  }

  get names(): string[] {
    return [...this.models.keys()]
  }

  /** What serves, for people. */
  versions(): object[] {
    return [...this.models.values()].map(({ manifest }) => {
      const { model, version, learner, task, target, threshold, metrics, schema } = manifest
      const values = Object.entries(metrics).map(([name, { value }]) => [name, value])
      return {
        model,
        version: String(version),
        learner,
        task,
        target,
        classes: schema.label?.classes ?? [],
        threshold,
        metrics: Object.fromEntries(values) as Record<string, unknown>,
      }
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
    if ((at + 1) * this.width > this.vectors.length) {
      const grown = new Float32Array(this.vectors.length * 2)
      grown.set(this.vectors)
      this.vectors = grown
    }
    writeFeatures(this.profiles, row, now, this.vectors, at * this.width)
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
    const size = waiting.length * model.outputs
    if (this.scores.length < size) this.scores = new Float32Array(size * 2)
    model.score(this.vectors, waiting.length, this.scores)
    this.scored += waiting.length
    waiting.forEach((w, i) => {
      if (!w.models.includes(name)) return
      const own = this.scores.subarray(i * model.outputs, (i + 1) * model.outputs)
      results[i][name] = prediction(model, own, w.position)
    })
  }
}

function prediction(
  { manifest }: ServedModel,
  outputs: Float32Array,
  position: string,
): PredictionValue {
  const { model, version, task, threshold, schema } = manifest
  const named = { model, version: String(version) }
  const classes = schema.label?.classes ?? []
  if (task === 'binary') {
    const [score] = outputs
    return { ...named, score, label: classes[score >= (threshold ?? 0.5) ? 1 : 0], position }
  }
  if (task !== 'multiclass') return { ...named, score: outputs[0], label: null, position }
  const best = outputs.indexOf(Math.max(...outputs))
  const scores = Object.fromEntries(classes.map((text, i) => [text, outputs[i]]))
  return { ...named, score: outputs[best], label: classes[best], scores, position }
}

export function unknownModel(name: string, known: readonly string[]): ErrorValue {
  const serving = known.length === 0 ? 'none is serving yet; train one' : known.join(', ')
  return { code: 'ERR_MODEL_UNKNOWN', message: `no model "${name}" is serving (${serving})` }
}
