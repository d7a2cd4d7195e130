/**
 * How fast does one shard's store append, commit, checkpoint and replay, and how long does a durable
 * commit take?
 *
 * Load: blocks of about 64 KiB of 400-byte records with message ids, one writer, on the disk of the
 * temporary directory. Appends keep 16 commits under way; latency is measured with one at a time.
 * Not measured: folding, and replay from a cold page cache. Budget: 150 MB/s appended.
 */
import { createRecordFields } from '../src/event/record.ts'
import { RecordWriter } from '../src/event/record-writer.ts'
import { ShardStore } from '../src/journal/shard-store.ts'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { benchDirectory } from './server.ts'

const BLOCK_BYTES = 65_536
const COMMITS_UNDER_WAY = 16
const PAGES_A_STEP = 32
const APPENDED_BYTES_MAX = 512 * 1_048_576

interface Load {
  readonly bytes: Uint8Array
  readonly count: number
}

export const journal: Benchmark = {
  name: 'journal',
  figures: [
    speed('journalAppendMegabytesPerSecond', 'MB/s', { better: 'higher', must: 150 }),
    speed('journalCommitP50Ms', 'ms', { better: 'lower' }),
    speed('journalCommitP99Ms', 'ms', { better: 'lower' }),
    speed('checkpointPagesPerSecond', '/s', { better: 'higher' }),
    speed('journalReadMegabytesPerSecond', 'MB/s', { better: 'higher' }),
    speed('journalReadRecordsPerSecond', '/s', { better: 'higher' }),
    speed('dedupeHashesPerSecond', '/s', { better: 'higher' }),
  ],
  async run({ seconds }) {
    const directory = benchDirectory()
    const store = ShardStore.open(directory.path, { shard: 0, shardCount: 1, deadLettersMax: 0 })
    try {
      const load = makeBlock()
      const written = await append(store, load, seconds / 5)
      const latencies = await commitLatencies(store, load, seconds / 5)
      const pages = await checkpoint(store, seconds / 5)
      return { results: { ...written, ...latencies, ...pages, ...replay(store), ...hashes(store) } }
    } finally {
      await store.close()
      directory.remove()
    }
  },
}

function makeBlock(): Load {
  const writer = new RecordWriter(2 * BLOCK_BYTES)
  const fields = createRecordFields()
  while (writer.length < BLOCK_BYTES) {
    fields.key = `shopper-${writer.count}`
    fields.messageId = `message-${writer.count}`
    fields.message = `{"${'m'.repeat(288)}":1}`
    writer.append(fields)
  }
  const { count } = writer
  return { bytes: writer.take(), count }
}

async function append(store: ShardStore, load: Load, seconds: number) {
  const underWay: Promise<void>[] = []
  const started = performance.now()
  let bytes = 0
  while (performance.now() - started < seconds * 1_000 && bytes < APPENDED_BYTES_MAX) {
    underWay.push(store.append(load.bytes, load.count, Date.now()).committed)
    bytes += load.bytes.length
    if (underWay.length >= COMMITS_UNDER_WAY) await underWay.shift()
  }
  await Promise.all(underWay)
  return { journalAppendMegabytesPerSecond: bytes / 1e3 / (performance.now() - started) }
}

async function commitLatencies(store: ShardStore, load: Load, seconds: number) {
  const latencies: number[] = []
  const started = performance.now()
  while (performance.now() - started < seconds * 1_000) {
    const before = performance.now()
    await store.append(load.bytes, load.count, Date.now()).committed
    latencies.push(performance.now() - before)
  }
  latencies.sort((a, b) => a - b)
  const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))]
  return { journalCommitP50Ms: at(0.5), journalCommitP99Ms: at(0.99) }
}

async function checkpoint(store: ShardStore, seconds: number) {
  const page = new Uint8Array(BLOCK_BYTES).fill(7)
  const started = performance.now()
  let pages = 0
  while (performance.now() - started < seconds * 1_000) {
    const step: [number, Uint8Array][] = []
    for (let i = 0; i < PAGES_A_STEP; i++) step.push([(pages + i) % 1_024, page])
    await store.writeCheckpointPages(step, [])
    pages += PAGES_A_STEP
  }
  return { checkpointPagesPerSecond: (pages * 1_000) / (performance.now() - started) }
}

function replay(store: ShardStore) {
  const started = performance.now()
  let bytes = 0
  let records = 0
  for (const block of store.blocks(0)) {
    bytes += block.bytes.length
    records += block.count
  }
  const milliseconds = performance.now() - started
  if (records !== store.nextSequence) throw new Error('the replay missed records')
  return {
    journalReadMegabytesPerSecond: bytes / 1e3 / milliseconds,
    journalReadRecordsPerSecond: (records * 1_000) / milliseconds,
  }
}

function hashes(store: ShardStore) {
  const started = performance.now()
  let count = 0
  let mixed = 0
  for (const batch of store.recentMessageHashes(0, Infinity).blocks) {
    count += batch.hashes.length / 2
    for (const half of batch.hashes) mixed ^= half
  }
  if (count !== store.nextSequence) throw new Error(`hashes are missing (${mixed})`)
  return { dedupeHashesPerSecond: (count * 1_000) / (performance.now() - started) }
}
