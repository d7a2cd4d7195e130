import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { ProfileDefinition } from '../profile/definition.ts'
import { LimnError, toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue } from '../protocol/shards.ts'
import type { DatasetProgress } from './dataset-files/build-dataset.ts'
import type { DatasetManifest } from './dataset-files/manifest.ts'
import type { ModelDefinition } from './definition.ts'
import type { Evaluation } from './evaluation/evaluate.ts'
import { ModelRegistry } from './registry.ts'
import type { JournalTrainingResult, TrainProgress } from './training/train-on-journal.ts'
import type { TableTrainingRequest, TrainingResult } from './training/train-on-table.ts'

/** What a training worker must know; plain data. */
export interface ModelRequest {
  readonly dataDir: string
  readonly shardCount: number
  /** The registry's directory. */
  readonly modelsDir: string
  readonly profile: ProfileDefinition
  readonly name: string
  readonly model: ModelDefinition
  readonly seed: number
}

export interface TrainRequest extends ModelRequest {
  /** Instead of the definition's; empty: those. */
  readonly learners: readonly string[]
  /** Makes the new version live. */
  readonly promote: boolean
}

export interface TableTrainRequest extends Omit<TableTrainingRequest, 'signal' | 'progress'> {
  /** The registry's directory. */
  readonly modelsDir: string
  readonly promote: boolean
}

export interface EvaluateRequest extends ModelRequest {
  readonly version: number
}

export interface DatasetRequest extends ModelRequest {
  /** Absolute, or relative to the process's. */
  readonly directory: string
  readonly overwrite: boolean
  /** Null: all rows. */
  readonly rowsMax: number | null
}

export type TrainerTask =
  | { readonly kind: 'train'; readonly request: TrainRequest }
  | { readonly kind: 'trainTable'; readonly request: TableTrainRequest }
  | { readonly kind: 'evaluate'; readonly request: EvaluateRequest }
  | { readonly kind: 'dataset'; readonly request: DatasetRequest }

/** Expected failures as data: an error that crosses threads loses its code. */
export type TaskOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorValue }

export interface DatasetRunOptions {
  readonly progress?: (progress: DatasetProgress) => void
  /** Ends the work; nothing is left. */
  readonly interrupt?: AbortSignal
}

export interface RunOptions {
  readonly progress?: (progress: TrainProgress) => void
  /** Ends the search for a model: the best so far is saved. */
  readonly interrupt?: AbortSignal
  /** Ends the worker; nothing is saved. */
  readonly signal?: AbortSignal
}

/**
 * Trains and evaluates in a worker thread, one task at a time and at a lower priority than the
 * shards where the system allows it; others wait in line. The thread ends when it is idle, which
 * gives its memory back.
 */
export class Trainer {
  private readonly pool: Piscina<TrainerTask & { port: MessagePort }, TaskOutcome<unknown>>

  /** @param options.filename URL of the compiled `workers/train.js` */
  constructor(options: { readonly filename: URL }) {
    this.pool = new Piscina({
      filename: options.filename.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: 1_000,
      niceIncrement: 19,
      maxQueue: TASKS_WAITING_MAX,
    })
  }

  train(request: TrainRequest, options: RunOptions = {}): Promise<JournalTrainingResult> {
    return this.run({ kind: 'train', request }, options) as Promise<JournalTrainingResult>
  }

  /** The same on a plain table. */
  trainTable(request: TableTrainRequest, options: RunOptions = {}): Promise<TrainingResult> {
    return this.run({ kind: 'trainTable', request }, options) as Promise<TrainingResult>
  }

  evaluate(request: EvaluateRequest, options: RunOptions = {}): Promise<Evaluation> {
    return this.run({ kind: 'evaluate', request }, options) as Promise<Evaluation>
  }

  /** Builds a dataset on the disk. */
  dataset(request: DatasetRequest, options: DatasetRunOptions = {}): Promise<DatasetManifest> {
    return this.run({ kind: 'dataset', request }, options) as Promise<DatasetManifest>
  }

  close(): Promise<void> {
    return this.pool.destroy()
  }

  private async run<Progress>(
    task: TrainerTask,
    options: {
      readonly progress?: (progress: Progress) => void
      readonly interrupt?: AbortSignal
      readonly signal?: AbortSignal
    },
  ): Promise<unknown> {
    if (this.pool.queueSize >= TASKS_WAITING_MAX) {
      const message = `${TASKS_WAITING_MAX} trainings are waiting already`
      throw new LimnError('ERR_MODEL_BUSY', message, { retryable: true })
    }
    const { port1, port2 } = new MessageChannel()
    port1.on('message', (progress: Progress) => options.progress?.(progress))
    const interrupt = (): void => port1.postMessage('interrupt')
    options.interrupt?.addEventListener('abort', interrupt, { once: true })
    try {
      const outcome = await this.pool.run(
        { ...task, port: port2 },
        { transferList: [port2], signal: options.signal ?? null },
      )
      if (outcome.ok) return outcome.value
      throw new LimnError(outcome.error.code, outcome.error.message, {
        retryable: outcome.error.retryable ?? false,
      })
    } catch (error) {
      if (options.signal?.aborted !== true) throw error
      const { name, modelsDir } = task.request
      await new ModelRegistry(modelsDir).removeDrafts(name, 'own')
      throw new LimnError('ERR_MODEL_INTERRUPTED', 'training was interrupted; nothing was saved', {
        cause: error,
        retryable: true,
      })
    } finally {
      options.interrupt?.removeEventListener('abort', interrupt)
      port1.close()
    }
  }
}

const TASKS_WAITING_MAX = 16

/** Runs a task's function in the worker; what it throws becomes data. */
export async function settle<T>(run: () => Promise<T>): Promise<TaskOutcome<T>> {
  try {
    return { ok: true, value: await run() }
  } catch (error) {
    return { ok: false, error: toErrorValue(error) }
  }
}
