import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { loadServedModel } from '../src/model/version/served-model.ts'
import { toErrorValue } from '../src/protocol/errors.ts'
import type { ToShard } from '../src/protocol/shard-messages.ts'
import { SystemClock } from '../src/runtime/clock.ts'
import { ShardActor } from '../src/shard/actor.ts'
import { openShardStore } from '../src/shard/open-store.ts'
import type { ShardOptions } from '../src/shard/options.ts'

const port = parentPort
if (port === null) throw new Error('workers/shard is started as a worker thread')

try {
  const options = workerData as ShardOptions
  const actor = new ShardActor(
    options,
    {
      post: (messages, transfer) => port.postMessage(messages, transfer),
      poll: () => (receiveMessageOnPort(port)?.message as ToShard[] | undefined) ?? null,
    },
    {
      clock: new SystemClock(options.clock),
      openStore: openShardStore,
      loadVersion: loadServedModel,
    },
  )
  port.on('message', (messages: ToShard[]) => actor.receive(messages))
  actor.start()
} catch (error) {
  port.postMessage([{ type: 'failed', error: toErrorValue(error) }])
}
