/**
 * How fast does one shard's store append, commit, checkpoint and replay, and how long does a durable
 * commit take?
 *
 * Load: blocks of about 64 KiB of 400-byte records with message ids, one writer, on the disk of the
 * temporary directory. Appends keep 16 commits under way; latency is measured with one at a time.
 * Not measured: folding, and replay from a cold page cache. Budget: 150 MB/s appended.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { RecordWriter, createRecordFields } from '../src/event/record.ts'
import { ShardStore } from '../src/journal/shard-store.ts'

const BLOCK_BYTES = 65_536
const COMMITS_UNDER_WAY = 16
const PAGES_A_STEP = 32
const APPENDED_BYTES_MAX = 512 * 1_048_576

export interface JournalResult {
  readonly appendMegabytesPerSecond: number
  readonly commitMillisecondsP50: number
  readonly commitMillisecondsP99: number
  readonly checkpointPagesPerSecond: number
  readonly replayMegabytesPerSecond: number
  readonly replayRecordsPerSecond: number
  readonly dedupeHashesPerSecond: number
}

interface Load {
  readonly bytes: Uint8Array
  readonly count: number
}

/** @param options.seconds time for each of the three writing measurements */
export async function run(options: { readonly seconds: number }): Promise<JournalResult> {
  const path = mkdtempSync(join(tmpdir(), 'limn-bench-'))
  const store = ShardStore.open(path, { shard: 0, shardCount: 1, deadLettersMax: 0 })
  try {
    const load = makeBlock()
    const written = await append(store, load, options.seconds)
    const latencies = await commitLatencies(store, load, options.seconds)
    const pages = await checkpoint(store, options.seconds)
    return { ...written, ...latencies, ...pages, ...replay(store), ...hashes(store) }
  } finally {
    await store.close()
    rmSync(path, { recursive: true, force: true })
  }
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
    underWay.push(store.append(load.bytes, load.count).committed)
    bytes += load.bytes.length
    if (underWay.length >= COMMITS_UNDER_WAY) await underWay.shift()
  }
  await Promise.all(underWay)
  return { appendMegabytesPerSecond: bytes / 1e3 / (performance.now() - started) }
}

async function commitLatencies(store: ShardStore, load: Load, seconds: number) {
  const latencies: number[] = []
  const started = performance.now()
  while (performance.now() - started < seconds * 1_000) {
    const before = performance.now()
    await store.append(load.bytes, load.count).committed
    latencies.push(performance.now() - before)
  }
  latencies.sort((a, b) => a - b)
  const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))]
  return { commitMillisecondsP50: at(0.5), commitMillisecondsP99: at(0.99) }
}

async function checkpoint(store: ShardStore, seconds: number) {
  const page = new Uint8Array(BLOCK_BYTES).fill(7)
  const started = performance.now()
  let pages = 0
  while (performance.now() - started < seconds * 1_000) {
    const step: [number, Uint8Array][] = []
    for (let i = 0; i < PAGES_A_STEP; i++) step.push([(pages + i) % 1_024, page])
    await store.writeCheckpointPages(step, null)
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
    replayMegabytesPerSecond: bytes / 1e3 / milliseconds,
    replayRecordsPerSecond: (records * 1_000) / milliseconds,
  }
}

function hashes(store: ShardStore) {
  const started = performance.now()
  let count = 0
  let mixed = 0
  for (const batch of store.recentMessageHashes(0)) {
    count += batch.hashes.length / 2
    for (const half of batch.hashes) mixed ^= half
  }
  if (count !== store.nextSequence) throw new Error(`hashes are missing (${mixed})`)
  return { dedupeHashesPerSecond: (count * 1_000) / (performance.now() - started) }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const result = await run({ seconds: 3 })
  const rows = Object.entries(result).map(([name, value]) => [name, Number(value.toPrecision(3))])
  console.table(Object.fromEntries(rows))
}
