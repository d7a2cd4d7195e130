// Opens copies of a shard with one bit each flipped, as a start does, and reports what came of it:
// the code it was refused with, or what is in it. One process for many: a signal ends them all.
// Runs on dist. Arguments: data directory, scratch directory; flips come as JSON on standard input.
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ShardStore } from '../../dist/src/journal/shard-store.js'

const [dataDir, scratch] = process.argv.slice(2)
const { flips } = JSON.parse(readFileSync(0, 'utf8'))
const options = { shard: 0, shardCount: 1, deadLettersMax: 10 }
const sound = readFileSync(join(dataDir, 'shard-0', 'data.mdb'))

for (const [index, { byte, bit }] of flips.entries()) {
  writeSync(1, `${JSON.stringify(await outcome(join(scratch, String(index)), byte, bit))}\n`)
}

async function outcome(copy, byte, bit) {
  await cp(join(dataDir, 'limn.json'), join(copy, 'limn.json'))
  const shard = join(copy, 'shard-0')
  await cp(join(dataDir, 'shard-0'), shard, { recursive: true })
  const bytes = Buffer.from(sound)
  bytes[byte] ^= 1 << bit
  writeFileSync(join(shard, 'data.mdb'), bytes)
  try {
    const first = await contents(shard)
    const second = await contents(shard)
    return { byte, bit, first, second }
  } catch (error) {
    return { byte, bit, code: error.code ?? String(error.stack), message: error.message }
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

/** All that a start reads; writes a checkpoint's page, so that pages are taken anew. */
async function contents(path) {
  const store = ShardStore.open(path, options)
  try {
    let records = 0
    let sum = 0
    for (const block of store.blocks(0)) {
      records += block.count
      for (const byte of block.bytes) sum = (sum * 31 + byte) >>> 0
    }
    const meta = store.readCheckpoint()
    const pages = [...store.checkpointPages()].map(([page, bytes]) => [page, Buffer.from(bytes)])
    const chunks = [...store.dictionaryChunks()].length
    let chain = 0
    for (const _ of store.history(store.nextSequence - 1)) chain++
    // Read, not compared: hashes of message ids have no checksum, no event is lost with one.
    store.recentMessageHashes(0, Infinity)
    const dead = store.deadLetterCount
    if (pages.length > 0) {
      const [page, bytes] = pages[0]
      await store.writeCheckpointPages([[page, new Uint8Array(bytes)]], [])
    }
    const numbers = pages.map(([page]) => page).join()
    return JSON.stringify({ records, sum, meta, numbers, chunks, chain, dead })
  } finally {
    await store.close()
  }
}
