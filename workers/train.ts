import type { MessagePort } from 'node:worker_threads'
import { loadModelVersion } from '../src/model/loaded-model.ts'
import { ModelRegistry } from '../src/model/registry.ts'
import { evaluateModel, trainModel } from '../src/model/train.ts'
import type { TrainProgress } from '../src/model/train.ts'
import { settle } from '../src/model/trainer.ts'
import type { EvaluateRequest, TaskOutcome } from '../src/model/trainer.ts'
import type { TrainRequest, TrainerTask } from '../src/model/trainer.ts'
import { buildJournalDataset } from '../src/shard/build-journal-dataset.ts'
import { journalSource } from '../src/shard/journal-source.ts'

type Progress = (at: TrainProgress) => void
/** A piscina task: trains or evaluates a model on the journal of a data directory. */
export default function run(
  task: TrainerTask & { port: MessagePort },
): Promise<TaskOutcome<unknown>> {
  const progress: Progress = (at) => task.port.postMessage(at)
  return settle<unknown>(() => {
    if (task.kind === 'dataset') return buildJournalDataset(task.request, task.port)
    return task.kind === 'train' ? train(task.request, progress) : evaluate(task.request, progress)
  })
}

async function train(request: TrainRequest, progress: Progress): Promise<unknown> {
  const { name, model: definition, seed, fit, promote } = request
  const registry = new ModelRegistry(request.modelsDir)
  const source = journalSource(request)
  const result = await trainModel(source, registry, { name, definition, seed, fit, progress })
  if (promote) await registry.promote(name, result.manifest.version)
  return result
}
async function evaluate(request: EvaluateRequest, progress: Progress): Promise<unknown> {
  const source = journalSource(request)
  const directory = new ModelRegistry(request.modelsDir).directoryOf(request.name, request.version)
  const model = await loadModelVersion(directory, source)
  return evaluateModel(source, model, { definition: request.model, progress })
}
