/**
 * A shard's thread as `workers/shard` makes it, but its models keep the feature vectors that they are
 * given to score: a score is the number of its vector. They are posted when the model is taken away.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'

const { ShardActor } = await import(workerData.actor)
const { openShardStore } = await import(new URL('open-store.js', workerData.actor))
const { SystemClock } = await import(new URL('../runtime/clock.js', workerData.actor))
const { shard, vectors } = workerData

function recorder(_directory, { features }) {
  const kept = []
  const width = features.length
  const featureNames = features.map(({ name }) => name)
  return Promise.resolve({
    outputs: 1,
    manifest: { model: 'recorder', version: 1, task: 'regression', schema: { label: null } },
    score(rows, count, out) {
      for (let row = 0; row < count; row++) {
        out[row] = kept.length
        kept.push(rows.slice(row * width, (row + 1) * width))
      }
    },
    dispose: () => vectors.postMessage({ shard, featureNames, kept }),
  })
}

const actor = new ShardActor(
  workerData,
  {
    post: (messages, transfer) => parentPort.postMessage(messages, transfer),
    poll: () => receiveMessageOnPort(parentPort)?.message ?? null,
  },
  { clock: new SystemClock(), openStore: openShardStore, loadVersion: recorder },
)
parentPort.on('message', (messages) => actor.receive(messages))
actor.start()
