import { workerEntry } from '../engine.ts'
import type { TrainProgress } from '../model/train.ts'
import { Trainer } from '../model/trainer.ts'
import type { ModelRequest } from '../model/trainer.ts'
import { LimnError } from '../protocol/errors.ts'
import type { Settings } from './context.ts'
import { Progress } from './progress.ts'

/** The request for a model that the profile file declares. */
export function modelRequest(settings: Settings, name: string): ModelRequest {
  const { config, profile } = settings
  const model = profile.models[name]
  if (model === undefined) {
    const known = Object.keys(profile.models).join(', ')
    const message = `no model "${name}" in ${config.profile.file}; there are: ${known}`
    throw new LimnError('ERR_MODEL_UNKNOWN', message)
  }
  return {
    dataDir: config.storage.dir,
    shardCount: config.storage.shards,
    modelsDir: config.models.dir,
    profile: profile.definition,
    name,
    model,
  }
}

/** Runs work with a trainer, which is closed afterwards; Ctrl-C interrupts it. */
export async function withTrainer<T>(
  work: (
    trainer: Trainer,
    options: { progress: (at: TrainProgress) => void; signal: AbortSignal },
  ) => Promise<T>,
): Promise<T> {
  const trainer = new Trainer({ filename: workerEntry('train') })
  const abort = new AbortController()
  const interrupt = (): void => abort.abort()
  process.once('SIGINT', interrupt)
  try {
    return await work(trainer, { progress: showProgress(), signal: abort.signal })
  } finally {
    process.removeListener('SIGINT', interrupt)
    await trainer.close()
  }
}

function showProgress(): (at: TrainProgress) => void {
  const bars = new Map<string, Progress>()
  return (at) => {
    if (at.stage === 'save') return
    const unit = at.stage === 'replay' ? 'records' : 'epochs'
    const bar = bars.get(at.stage) ?? new Progress(at.stage, unit)
    bars.set(at.stage, bar)
    if (at.stage === 'replay') bar.update(at.records, at.recordsTotal, `${at.rows} rows`)
    else
      bar.update(
        at.epoch,
        at.epochsMax,
        `${at.learner}, validation log loss ${at.validationLogLoss.toFixed(4)}`,
      )
  }
}
