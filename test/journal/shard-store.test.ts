import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShardStore } from '../../src/journal/shard-store.ts'
import { Model, OPTIONS, events, openStore, withDirectory } from './records.ts'
import type { TestEvent } from './records.ts'

const event: fc.Arbitrary<TestEvent> = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  messageId: fc.string({ maxLength: 12 }),
  message: fc.oneof(fc.string({ maxLength: 40 }), fc.constant('x'.repeat(9_000))),
})
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ append: fc.array(event, { minLength: 1, maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.constant('settle' as const) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
)

function expectEqual(store: ShardStore, model: Model): void {
  expect(store.nextSequence).toBe(model.records.length)
  for (const [sequence, record] of model.records.entries()) {
    const read = store.readRecord(sequence)
    const bytes = read?.bytes.subarray(read.offset, read.offset + record.length)
    expect(Buffer.compare(bytes ?? Buffer.alloc(0), record)).toBe(0)
  }
  expect(store.readRecord(model.records.length)).toBeNull()
  for (const last of model.lastOf.values()) {
    expect([...store.history(last)].map(({ sequence }) => sequence)).toEqual(model.history(last))
  }
}

test('random appends, reopens and reads equal a plain array', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), (steps) =>
      withDirectory(async (path) => {
        const model = new Model()
        let store = openStore(path)
        let commits: Promise<void>[] = []
        for (const next of steps) {
          if (next === 'settle' || next === 'reopen') {
            await Promise.all(commits)
            commits = []
          }
          if (next === 'reopen') {
            await store.close()
            store = openStore(path)
          } else if (next !== 'settle') {
            const firstSequence = model.records.length
            const bytes = model.encode(next.append)
            const appended = store.append(bytes, next.append.length, Date.now())
            bytes.fill(0xee) // the store must have its own copy
            expect(appended.firstSequence).toBe(firstSequence)
            commits.push(appended.committed)
          }
          expectEqual(store, model)
        }
        await Promise.all(commits)
        expect(store.durableSequence).toBe(model.records.length - 1)
        for (const from of [0, model.records.length >> 1]) {
          const read: Buffer[] = []
          for (const block of store.blocks(from)) {
            for (let i = 0; i < block.count; i++) {
              const end = block.offsets[i + 1] ?? block.bytes.length
              if (block.firstSequence + i < from) continue
              read.push(Buffer.from(block.bytes.slice(block.offsets[i], end)))
            }
          }
          expect(Buffer.concat(read).equals(Buffer.concat(model.records.slice(from)))).toBe(true)
        }
        await store.close()
      }),
    ),
    { numRuns: 40 },
  )
})

test('message hashes come back per block, oldest first, and are pruned by age', () =>
  withDirectory(async (path) => {
    const model = new Model()
    const store = openStore(path)
    for (let i = 0; i < 3; i++)
      await store.append(model.encode(events(4 + i)), 4 + i, Date.now()).committed
    const batches = store.recentMessageHashes(0, Infinity).blocks
    expect(batches.map(({ hashes }) => hashes.length / 2)).toEqual([4, 5, 6])
    const view = new DataView(model.records[5].buffer, model.records[5].byteOffset)
    expect(Array.from(batches[1].hashes.subarray(2, 4))).toEqual([
      view.getUint32(40, true),
      view.getUint32(44, true),
    ])
    const some = store.recentMessageHashes(0, 6)
    expect(some.blocks).toEqual(batches.slice(2))
    expect(some.leftOutUntil).toBe(batches[1].writtenAt)
    expect(store.recentMessageHashes(0, 15).leftOutUntil).toBe(Number.NEGATIVE_INFINITY)
    await store.pruneDedupe(Date.now() + 1)
    expect(store.recentMessageHashes(0, Infinity).blocks).toEqual([])
    await store.close()
  }))

test('blocks before the checkpoint can be dropped, and the journal goes on', () =>
  withDirectory(async (path) => {
    const model = new Model()
    let store = openStore(path)
    for (let i = 0; i < 6; i++) await store.append(model.encode(events(5)), 5, Date.now()).committed
    expect(await store.dropBlocksWrittenBefore(Infinity)).toBe(0) // no checkpoint: all is needed
    const meta = { profiles: 0, schemaHash: 'h', dictionaryEntries: 0, pendingForwards: [] }
    await store.finishCheckpoint({ ...meta, position: 21 })
    expect(await store.dropBlocksWrittenBefore(Infinity)).toBe(4)
    expect(store.readRecord(19)).toBeNull()
    expect(store.readRecord(20)).not.toBeNull()
    expect([...store.history(29)].map(({ sequence }) => sequence)).toEqual([29, 24])
    await store.finishCheckpoint({ ...meta, position: 29 })
    expect(await store.dropBlocksWrittenBefore(Infinity)).toBe(1)
    await store.close()
    store = openStore(path)
    expect(store.nextSequence).toBe(30)
    await store.close()
  }))

test('checkpoint pages and dictionary come back; clearing leaves none', () =>
  withDirectory(async (path) => {
    let store = openStore(path)
    const page = (fill: number): Uint8Array => new Uint8Array(65_536).fill(fill)
    await store.writeCheckpointPages(
      [
        [0, page(1)],
        [7, page(2)],
      ],
      [{ index: 0, bytes: page(3) }],
    )
    await store.writeCheckpointPages([[7, page(4)]], [])
    const meta = {
      position: 5,
      profiles: 2,
      schemaHash: 'h',
      dictionaryEntries: 1,
      pendingForwards: [['user:a', 3]] as const,
    }
    await store.finishCheckpoint(meta)
    await store.close()
    store = openStore(path)
    expect(store.readCheckpoint()).toEqual(meta)
    expect(
      Array.from(store.checkpointPages(), ([n, bytes]) => [n, bytes.length, bytes[9]]),
    ).toEqual([
      [0, 65_536, 1],
      [7, 65_536, 4],
    ])
    expect([...store.dictionaryChunks()].map((bytes) => bytes[0])).toEqual([3])
    await store.clearCheckpoint()
    expect(store.readCheckpoint()).toBeNull()
    expect([...store.checkpointPages()]).toEqual([])
    await store.close()
  }))

test('another shard count is refused by name', () =>
  withDirectory(async (path) => {
    await openStore(path).close()
    expect(() => ShardStore.open(path, { ...OPTIONS, shardCount: 4 })).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_SHARD_COUNT',
        message: expect.stringMatching(/of 2.*of 4/),
      }),
    )
  }))
