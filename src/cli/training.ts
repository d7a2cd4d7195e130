import { workerEntry } from '../engine.ts'
import { Trainer } from '../model/trainer.ts'
import type { ModelRequest, RunOptions } from '../model/trainer.ts'
import type { SearchProgress } from '../model/training/search.ts'
import type { TrainProgress } from '../model/training/train-on-journal.ts'
import { LimnError } from '../protocol/errors.ts'
import { note } from './context.ts'
import type { Settings } from './context.ts'
import { Progress } from './progress.ts'

/** The request for a model that the profile file declares. */
export function modelRequest(settings: Settings, name: string, seed: number): ModelRequest {
  const { config, profile } = settings
  const model = Object.hasOwn(profile.models, name) ? profile.models[name] : undefined
  if (model === undefined) {
    const known = Object.keys(profile.models).join(', ') || 'none'
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
    seed,
  }
}

/** Runs work with a trainer, which is closed afterwards; Ctrl-C interrupts it. */
export async function withTrainer<T>(
  work: (trainer: Trainer, options: RunOptions) => Promise<T>,
): Promise<T> {
  const trainer = new Trainer({ filename: workerEntry('train') })
  try {
    return await interruptible((interrupt, signal) =>
      work(trainer, { progress: showProgress(), interrupt, signal }),
    )
  } finally {
    await trainer.close()
  }
}

/** The first Ctrl-C asks for the best so far, the second ends at once. */
async function interruptible<T>(
  work: (interrupt: AbortSignal, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [soft, hard] = [new AbortController(), new AbortController()]
  const interrupt = (): void => {
    if (soft.signal.aborted) return hard.abort()
    note('interrupted: the best so far is kept; once more to stop at once')
    soft.abort()
  }
  process.on('SIGINT', interrupt)
  try {
    return await work(soft.signal, hard.signal)
  } finally {
    process.removeListener('SIGINT', interrupt)
  }
}

/** Shows how a search goes on. */
function searchProgress(): (at: SearchProgress) => void {
  const bar = new Progress('search', 'fits')
  return ({ done, total, learner, best, secondsLeft }) => {
    const loss = best === null ? '' : `, best loss ${best.toFixed(4)}`
    bar.estimate(secondsLeft)
    bar.update(done, total, `${learner}${loss}`)
  }
}

function showProgress(): (at: TrainProgress) => void {
  const replay = new Progress('replay', 'records')
  const search = searchProgress()
  return (at) => {
    if (at.stage === 'replay') {
      replay.update(at.records, at.recordsTotal, `${at.rows} rows`)
    } else if (at.stage === 'search') search(at)
  }
}
