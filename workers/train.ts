import type { MessagePort } from 'node:worker_threads'
import { settle } from '../src/model/trainer.ts'
import { trainTableInWorker } from '../src/model/training/train-table-in-worker.ts'
import type { TaskOutcome, TrainerTask } from '../src/model/trainer.ts'
import { buildJournalDataset } from '../src/model/journal/build-journal-dataset.ts'
import { evaluateOnShards, trainOnShards } from '../src/model/journal/journal-training.ts'

/** A piscina task: trains, evaluates or builds a dataset from the journal of a data directory. */
export default function run({
  port,
  ...task
}: TrainerTask & { port: MessagePort }): Promise<TaskOutcome<unknown>> {
  return settle<unknown>(() => {
    if (task.kind === 'dataset') return buildJournalDataset(task.request, port)
    if (task.kind === 'train') return trainOnShards(task.request, port)
    if (task.kind === 'trainTable') return trainTableInWorker(task.request, port)
    return evaluateOnShards(task.request, port)
  })
}
