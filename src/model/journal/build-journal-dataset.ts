import type { MessagePort } from 'node:worker_threads'
import { buildDatasetFiles } from '../dataset-files/build-dataset.ts'
import type { DatasetManifest } from '../dataset-files/manifest.ts'
import { planModel } from '../definition.ts'
import type { DatasetRequest } from '../trainer.ts'
import { LimnError } from '../../protocol/errors.ts'
import { journalSource } from './journal-source.ts'

/**
 * Builds a dataset of a data directory's journal. Progress goes out through the port; a message that
 * comes in ends the work with ERR_MODEL_INTERRUPTED.
 */
export function buildJournalDataset(
  request: DatasetRequest,
  port: MessagePort,
): Promise<DatasetManifest> {
  const { name, model, directory, overwrite, rowsMax } = request
  const abort = new AbortController()
  port.once('message', () => {
    const message = 'building the dataset was interrupted; nothing was saved'
    abort.abort(new LimnError('ERR_MODEL_INTERRUPTED', message, { retryable: true }))
  })
  port.unref()
  return buildDatasetFiles(journalSource(request), planModel(model), {
    model: name,
    directory,
    overwrite,
    rowsMax: rowsMax ?? undefined,
    progress: (at) => port.postMessage(at),
    signal: abort.signal,
  })
}
