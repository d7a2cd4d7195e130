import type { MessagePort } from 'node:worker_threads'
import { eventCodeOf } from '../src/event/vocabulary.ts'
import { ShardStore } from '../src/journal/shard-store.ts'
import { loadModelVersion } from '../src/model/loaded-model.ts'
import { ModelRegistry } from '../src/model/registry.ts'
import type { ReplaySource } from '../src/model/replay-source.ts'
import { evaluateModel, trainModel, type TrainProgress } from '../src/model/train.ts'
import {
  settle,
  type EvaluateRequest,
  type ModelRequest,
  type TaskOutcome,
  type TrainerTask,
  type TrainRequest,
} from '../src/model/trainer.ts'
import { compileDefinition } from '../src/profile/compile.ts'
import { featureNames, writeFeatures } from '../src/profile/feature-vector.ts'
import { Fold } from '../src/profile/fold.ts'
import { ProfileStore } from '../src/profile/store.ts'
import { hashOf, parseKey } from '../src/shard/key.ts'
import { Replayer } from '../src/shard/replayer.ts'

type Progress = (progress: TrainProgress) => void

/** A piscina task: trains or evaluates a model on the journal of a data directory. */
export default function run(task: TrainerTask & { port: MessagePort }): Promise<TaskOutcome<unknown>> {
  const progress = (at: TrainProgress): void => task.port.postMessage(at)
  return settle<unknown>(() =>
    task.kind === 'train' ? train(task.request, progress) : evaluate(task.request, progress),
  )
}

async function train(request: TrainRequest, progress: Progress): Promise<unknown> {
  const { name, model: definition, seed, fit, promote } = request
  const registry = new ModelRegistry(request.modelsDir)
  const options = { name, definition, seed, fit, progress }
  const result = await trainModel(journalSource(request), registry, options)
  if (promote) await registry.promote(name, result.manifest.version)
  return result
}

async function evaluate(request: EvaluateRequest, progress: Progress): Promise<unknown> {
  const source = journalSource(request)
  const registry = new ModelRegistry(request.modelsDir)
  const directory = registry.directoryOf(request.name, request.version)
  const { featureNames: names, schemaHash } = source
  const model = await loadModelVersion(directory, { featureNames: names, schemaHash })
  return evaluateModel(source, model, { definition: request.model, progress })
}

/** Journal and profiles, brought together for a replay by the serving code. */
function journalSource({ dataDir, shardCount, profile }: ModelRequest): ReplaySource {
  const compiled = compileDefinition(profile)
  return {
    shardCount,
    schemaHash: compiled.schemaHash,
    featureNames: featureNames(compiled),
    keyHash: (id) => hashOf(parseKey(id)),
    eventMatcher: (event) => {
      const code = eventCodeOf(event)
      if (code > 0) return (cursor) => cursor.eventCode === code
      return (cursor) => cursor.eventCode === 0 && cursor.name === event
    },
    open: (shard) => {
      const path = `${dataDir}/shard-${shard}`
      const options = { shard, shardCount, deadLettersMax: 0, readOnly: true }
      const store = ShardStore.open(path, options)
      const profiles = new ProfileStore(compiled)
      const fold = new Fold(compiled, profiles)
      const replayer = new Replayer(profiles, fold, (last) => store.history(last))
      return {
        shard,
        records: store.nextSequence,
        blocks: () => store.blocks(0),
        apply: (cursor, sequence) => replayer.apply(cursor, sequence),
        writeFeatures: (row, now, out, offset) => writeFeatures(profiles, row, now, out, offset),
        close: () => void store.close(),
      }
    },
  }
}
