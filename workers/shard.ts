import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { ShardActor } from '../src/shard/actor.ts'
import type { ShardOptions, ToShard } from '../src/shard/messages.ts'
import { toErrorValue } from '../src/protocol/errors.ts'

const port = parentPort
if (port === null) throw new Error('workers/shard is started as a worker thread')

try {
  const actor = new ShardActor(workerData as ShardOptions, {
    post: (messages, transfer) => port.postMessage(messages, transfer),
    poll: () => (receiveMessageOnPort(port)?.message as ToShard[] | undefined) ?? null,
  })
  port.on('message', (messages: ToShard[]) => actor.receive(messages))
  actor.start()
} catch (error) {
  port.postMessage([{ type: 'failed', error: toErrorValue(error) }])
}
