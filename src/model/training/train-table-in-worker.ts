import type { MessagePort } from 'node:worker_threads'
import { ModelRegistry } from '../registry.ts'
import type { TableTrainRequest } from '../trainer.ts'
import type { TrainProgress } from './train-on-journal.ts'
import { trainOnTable, type TrainingResult } from './train-on-table.ts'

/**
 * Trains on a plain table. Progress goes out through the port; a message that comes in ends the search
 * with the best so far.
 */
export async function trainTableInWorker(
  { modelsDir, promote, ...request }: TableTrainRequest,
  port: MessagePort,
): Promise<TrainingResult> {
  const abort = new AbortController()
  port.once('message', () => abort.abort())
  port.unref()
  const registry = new ModelRegistry(modelsDir)
  const result = await trainOnTable(registry, {
    ...request,
    signal: abort.signal,
    progress: (at) => port.postMessage({ stage: 'search', ...at } satisfies TrainProgress),
  })
  if (promote) await registry.promote(request.name, result.manifest.version)
  return result
}
