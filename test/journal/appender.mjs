// Appends blocks without end and reports the last durable sequence after each commit.
// As a child process on stdout, as a worker thread by message. Runs on dist.
import { writeSync } from 'node:fs'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { RecordWriter } from '../../dist/src/event/record-writer.js'
import { createRecordFields } from '../../dist/src/event/record.js'
import { ShardStore } from '../../dist/src/journal/shard-store.js'

const path = isMainThread ? process.argv[2] : workerData
const store = ShardStore.open(path, { shard: 1, shardCount: 2, deadLettersMax: 10 })
const report = (line) => (isMainThread ? writeSync(1, `${line}\n`) : parentPort.postMessage(line))

function block(count) {
  const writer = new RecordWriter()
  for (let i = 0; i < count; i++) {
    const sequence = store.nextSequence + i
    const at = writer.append(
      Object.assign(createRecordFields(), {
        key: 'shopper',
        messageId: `message-${sequence}`,
        message: `${sequence} `.repeat(1 + (sequence % 400)),
      }),
    )
    new DataView(writer.bytes.buffer).setFloat64(at + 24, sequence - 1, true)
  }
  return writer.take()
}

for (let turn = 0; ; turn++) {
  const commits = []
  for (let i = 0; i < 1 + (turn % 3); i++) {
    const count = 1 + ((turn * 7 + i) % 50)
    const { firstSequence, committed } = store.append(block(count), count)
    const last = firstSequence + count - 1
    commits.push(
      committed.then(
        () => report(String(last)),
        (error) => {
          report(`${error.code} ${store.durableSequence}`)
          process.exit(3)
        },
      ),
    )
  }
  await Promise.all(commits)
}
