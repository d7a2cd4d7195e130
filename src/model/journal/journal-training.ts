import type { MessagePort } from 'node:worker_threads'
import type { Evaluation } from '../evaluation/evaluate.ts'
import { ModelRegistry } from '../registry.ts'
import type { EvaluateRequest, TrainRequest } from '../trainer.ts'
import { evaluateOnJournal, trainOnJournal } from '../training/train-on-journal.ts'
import type { JournalTrainingResult } from '../training/train-on-journal.ts'
import { readModelVersion } from '../version/model-version.ts'
import { journalSource } from './journal-source.ts'

/**
 * Trains on a data directory's journal. Progress goes out through the port; a message that comes in
 * ends the search with the best so far.
 */
export async function trainOnShards(
  request: TrainRequest,
  port: MessagePort,
): Promise<JournalTrainingResult> {
  const { name, model: definition, seed, learners, modelsDir, promote } = request
  const abort = new AbortController()
  port.once('message', () => abort.abort())
  port.unref()
  const registry = new ModelRegistry(modelsDir)
  const result = await trainOnJournal(journalSource(request), registry, {
    name,
    definition,
    seed,
    learners,
    signal: abort.signal,
    progress: (at) => port.postMessage(at),
  })
  if (promote) await registry.promote(name, result.manifest.version)
  return result
}

/** Evaluates a version on what the journal holds since its holdout began. */
export async function evaluateOnShards(
  request: EvaluateRequest,
  port: MessagePort,
): Promise<Evaluation> {
  const { name, version, model: definition, seed, modelsDir } = request
  const directory = new ModelRegistry(modelsDir).directoryOf(name, version)
  const source = journalSource(request)
  const progress = (at: unknown): void => port.postMessage(at)
  const loaded = await readModelVersion(directory)
  return (await evaluateOnJournal(source, loaded, { definition, seed, progress })).evaluation
}
