/**
 * A shard's thread as `workers/shard` makes it, whose models are named by their directory: one that is
 * named `half` loads in all shards but the last.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'

const { ShardActor } = await import(workerData.actor)
const { openShardStore } = await import(new URL('open-store.js', workerData.actor))
const { SystemClock } = await import(new URL('../runtime/clock.js', workerData.actor))
const { shard, shardCount } = workerData

async function load(version) {
  if (version === 'half' && shard === shardCount - 1) throw new Error('no room for it')
  return {
    outputs: 1,
    manifest: { model: 'named', version, task: 'regression', schema: { label: null } },
    score: (_rows, count, out) => out.fill(1, 0, count),
    dispose: () => undefined,
  }
}

const actor = new ShardActor(
  workerData,
  {
    post: (messages, transfer) => parentPort.postMessage(messages, transfer),
    poll: () => receiveMessageOnPort(parentPort)?.message ?? null,
  },
  { clock: new SystemClock(), openStore: openShardStore, loadVersion: load },
)
parentPort.on('message', (messages) => actor.receive(messages))
actor.start()
