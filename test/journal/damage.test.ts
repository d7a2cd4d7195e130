import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import { expect, test } from 'vitest'
import { dropCheckpoint, verifyShard } from '../../src/journal/verify.ts'
import { Model, events, openStore, withDirectory } from './records.ts'

/** Three blocks of four records and one checkpoint page. */
async function fill(path: string): Promise<void> {
  const model = new Model()
  const store = openStore(path)
  for (let i = 0; i < 3; i++) await store.append(model.encode(events(4)), 4, Date.now()).committed
  await store.writeCheckpointPages([[3, new Uint8Array(100)]], [])
  await store.finishCheckpoint({
    position: 11,
    profiles: 0,
    schemaHash: 'h',
    dictionaryEntries: 0,
    pendingForwards: [],
  })
  await store.close()
}

async function damage(path: string, table: string, key: number): Promise<void> {
  const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
  const database = root.openDB<Uint8Array, number>({ name: table, encoding: 'binary' })
  const value = Uint8Array.from(database.get(key) ?? [])
  value[value.length >> 1] ^= 0x10
  await database.put(key, value)
  await root.close()
}

test('a whole shard has no findings', () =>
  withDirectory(async (path) => {
    await fill(path)
    const whole = { blocks: 3, records: 12, checkpointPages: 1, findings: [] }
    expect(verifyShard(path, 1)).toEqual(whole)
  }))

test('a damaged block is named with shard, block and remedy', () =>
  withDirectory(async (path) => {
    await fill(path)
    await damage(path, 'journal', 4)
    const { findings, records } = verifyShard(path, 1)
    expect(records).toBe(8)
    expect(findings).toHaveLength(1)
    expect(findings[0]).toMatchObject({ shard: 1, kind: 'journal' })
    expect(findings[0].message).toContain('block 4')
    const store = openStore(path)
    const corrupt = expect.objectContaining({
      code: 'ERR_STORAGE_CORRUPT',
      message: expect.stringContaining('shard 1, journal block 4'),
    })
    expect(() => store.readRecord(5)).toThrow(corrupt)
    expect(() => [...store.blocks(0)]).toThrow(corrupt)
    expect(store.readRecord(3)).not.toBeNull()
    await store.close()
  }))

test('a damaged checkpoint page is named, and dropping the checkpoint mends it', () =>
  withDirectory(async (path) => {
    await fill(path)
    await damage(path, 'pages', 3)
    expect(verifyShard(path, 1).findings).toMatchObject([{ kind: 'checkpoint' }])
    await dropCheckpoint(path)
    expect(verifyShard(path, 1).findings).toEqual([])
  }))

test.each([
  ['three bytes', (file: string) => writeFileSync(file, 'abc')],
  ['another file', (file: string) => writeFileSync(file, Buffer.alloc(100_000, 'garbage '))],
  ['one meta page', (file: string) => truncateSync(file, 4_096)],
  ['no tree', (file: string) => truncateSync(file, 8_192)],
  [
    'a lost meta page',
    (file: string) => writeFileSync(file, readFileSync(file).fill(0, 4_096, 8_192)),
  ],
])('data.mdb with %s is refused, not mapped', (_, spoil) =>
  withDirectory(async (path) => {
    await fill(path)
    spoil(join(path, 'data.mdb'))
    const refused = expect.objectContaining({ code: 'ERR_STORAGE_OPEN' })
    expect(() => openStore(path)).toThrow(refused)
    expect(() => verifyShard(path, 1)).toThrow(refused)
  }),
)
