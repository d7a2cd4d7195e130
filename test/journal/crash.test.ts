import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { beforeAll, expect, test } from 'vitest'
import { RecordCursor } from '../../src/event/record-cursor.ts'
import { verifyShard } from '../../src/journal/verify.ts'
import { openStore, withDirectory } from './records.ts'

const APPENDER = resolve(import.meta.dirname, 'appender.mjs')
const STORE = resolve(import.meta.dirname, '../../dist/src/journal/shard-store.js')

beforeAll(() => {
  if (!existsSync(STORE)) throw new Error('dist/ is missing: run "npm run build:server" first')
})

/** What was reported durable is there, whole and in order; nothing is torn. */
async function expectWhole(path: string, durable: number): Promise<void> {
  expect(verifyShard(path, 1).findings).toEqual([])
  const store = openStore(path)
  expect(store.nextSequence).toBeGreaterThan(durable)
  const decoder = new TextDecoder()
  const cursor = new RecordCursor()
  let expected = 0
  let hashes = 0
  for (const block of store.blocks(0)) {
    for (let i = 0; i < block.count; i++) {
      cursor.over(block.bytes).at(block.offsets[i])
      const id = decoder.decode(block.bytes.subarray(cursor.keyEnd, cursor.keyEnd + 40))
      if (!id.startsWith(`message-${expected}`)) throw new Error(`${id} at ${expected}`)
      expected++
    }
  }
  for (const batch of store.recentMessageHashes(0, Infinity).blocks)
    hashes += batch.hashes.length / 2
  expect(expected).toBe(store.nextSequence)
  expect(hashes).toBe(store.nextSequence)
  let walked = 0
  for (const { sequence } of store.history(store.nextSequence - 1)) {
    walked++
    expect(sequence).toBe(store.nextSequence - walked)
  }
  await store.close()
}

function startAppender(path: string, command: string[]) {
  const child = spawn(command[0], [...command.slice(1), process.execPath, APPENDER, path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  return { child, lines }
}

test('kill -9 while appending: every resolved append is there', () =>
  withDirectory(async (path) => {
    for (let round = 0; round < 4; round++) {
      const { child, lines } = startAppender(path, ['env'])
      await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(40 + round * 17)
      child.kill('SIGKILL')
      await once(child, 'close')
      await expectWhole(path, Math.max(...lines.map(Number)))
    }
  }))

test('a worker thread terminated while appending can be started again on the same store', () =>
  withDirectory(async (path) => {
    for (let round = 0; round < 4; round++) {
      const worker = new Worker(APPENDER, { workerData: path })
      let durable = -1
      let reports = 0
      worker.on('message', (line: string) => {
        durable = Math.max(durable, Number(line))
        reports++
      })
      await expect.poll(() => reports, { timeout: 20_000 }).toBeGreaterThan(30 + round * 13)
      await worker.terminate()
      await expectWhole(path, durable)
    }
  }))

test('a disk that takes no more rejects the commit with a code and keeps what was durable', () =>
  withDirectory(async (path) => {
    const limit = ['bash', '-c', 'ulimit -f 3000; exec "$0" "$@"']
    const { child, lines } = startAppender(path, limit)
    const [code] = await once(child, 'close')
    expect(code).toBe(3)
    const [error, durable] = (lines.at(-1) ?? '').split(' ')
    expect(error).toBe('ERR_STORAGE_WRITE')
    expect(Number(durable)).toBeGreaterThan(0)
    await expectWhole(path, Number(durable))
  }))
