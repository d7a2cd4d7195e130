import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { lockDataDirectory, readLock } from '../../src/journal/directory.ts'
import { ShardStore } from '../../src/journal/shard-store.ts'
import { withDirectory } from './records.ts'

const HOLDER = resolve(import.meta.dirname, 'holder.mjs')
const DIRECTORY = resolve(import.meta.dirname, '../../dist/src/journal/directory.js')
const SHARDS = 2

const children: { kill(signal: 'SIGKILL'): boolean }[] = []

beforeAll(() => {
  if (!existsSync(DIRECTORY)) throw new Error('dist/ is missing: run "npm run build:server" first')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

/** A process that has taken the lock, and its pid. */
async function holder(dir: string): Promise<ReturnType<typeof spawn>> {
  const child = spawn(process.execPath, [HOLDER, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  expect(line).toBe('held')
  return child
}

/** The shards of a directory, as a start makes them. */
async function openShards(dir: string): Promise<void> {
  for (let shard = 0; shard < SHARDS; shard++) {
    const options = { shard, shardCount: SHARDS, deadLettersMax: 0 }
    await ShardStore.open(join(dir, `shard-${shard}`), options).close()
  }
}

/** A directory whose first start is over. */
async function makeDirectory(dir: string): Promise<void> {
  const lock = lockDataDirectory(dir, { shardCount: SHARDS })
  await openShards(dir)
  lock.setReady()
  lock.release()
}

function start(dir: string): () => void {
  return () => lockDataDirectory(dir, { shardCount: SHARDS }).release()
}

function manifest(dir: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dir, 'limn.json'), 'utf8')) as Record<string, unknown>
}

test('a living process is refused with its pid and address; after kill -9 the lock is free', () =>
  withDirectory(async (dir) => {
    const child = await holder(dir)
    expect(start(dir)).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_LOCKED',
        message: expect.stringMatching(
          new RegExp(`process ${child.pid} on .* has .* open and serves at http://127.0.0.1:9;`),
        ),
      }),
    )
    expect(readLock(dir)).toMatchObject({ pid: child.pid, address: 'http://127.0.0.1:9' })
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(readLock(dir)).toBeNull()
    const lock = lockDataDirectory(dir, { shardCount: SHARDS })
    lock.setAddress('http://127.0.0.1:8')
    expect(readLock(dir)).toMatchObject({ pid: process.pid, address: 'http://127.0.0.1:8' })
    lock.release()
    expect(readLock(dir)).toBeNull()
  }))

test('the kernel decides, whatever the note says', () =>
  withDirectory(async (dir) => {
    const path = join(dir, 'limn.lock')
    const inode = (): number => statSync(path).ino
    writeFileSync(path, JSON.stringify({ pid: process.pid, host: 'here', address: 'http://x' }))
    expect(readLock(dir)).toBeNull()
    start(dir)()
    const before = inode()
    const child = await holder(dir)
    for (const text of ['', '{"pid":', '{"pid":1,"startedAt":"7","address":null}']) {
      writeFileSync(path, text)
      expect(readLock(dir)).toMatchObject({ address: null })
      expect(start(dir)).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_LOCKED' }))
    }
    child.kill('SIGKILL')
    await once(child, 'close')
    start(dir)()
    // Neither removed nor replaced: a lock is on the file, not on its name.
    expect(inode()).toBe(before)
  }))

test('a child that outlives its parent does not keep the lock', () =>
  withDirectory(async (dir) => {
    const lock = lockDataDirectory(dir, { shardCount: SHARDS })
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    children.push(child)
    await once(child, 'spawn')
    lock.release()
    expect(readLock(dir)).toBeNull()
  }))

test('another shard count is refused with both counts, and the lock is given back', () =>
  withDirectory(async (dir) => {
    start(dir)()
    expect(() => lockDataDirectory(dir, { shardCount: 8 })).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_SHARD_COUNT',
        message: expect.stringMatching(/2 shards.*with 8/),
      }),
    )
    expect(readLock(dir)).toBeNull()
    writeFileSync(join(dir, 'limn.json'), 'not json')
    expect(start(dir)).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_FORMAT' }))
  }))

test.each([
  ['not JSON', 'PNG\r\n'],
  ['another document', '{"name":"shop","version":"1.0.0"}'],
  ['another format', '{"format":2,"shardCount":2}'],
  ['a state of a later version', '{"format":1,"id":"x","shardCount":2,"state":"moved"}'],
])('limn.json that is %s is refused with what was found', (_, text) =>
  withDirectory(async (dir) => {
    await makeDirectory(dir)
    writeFileSync(join(dir, 'limn.json'), text)
    expect(start(dir)).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_FORMAT',
        message: expect.stringContaining(text.slice(0, 3)),
      }),
    )
  }),
)

test('a first start that was cut short goes on, wherever it was cut', () =>
  withDirectory(async (dir) => {
    start(dir)()
    const { id } = manifest(dir)
    expect(manifest(dir)).toMatchObject({ state: 'creating', shardCount: SHARDS })
    const options = { shard: 0, shardCount: SHARDS, deadLettersMax: 0 }
    await ShardStore.open(join(dir, 'shard-0'), options).close()
    await makeDirectory(dir)
    expect(manifest(dir)).toMatchObject({ state: 'ready', id })
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([])
    start(dir)()
  }))

test.each<[string, (dir: string) => void, RegExp]>([
  ['missing', (dir) => rmSync(dir, { recursive: true }), /shard-1 is missing/],
  ['without its data file', (dir) => rmSync(join(dir, 'data.mdb')), /data\.mdb is missing/],
  ['with an empty data file', (dir) => writeFileSync(join(dir, 'data.mdb'), ''), /is empty/],
])('a shard %s is refused by name, never made anew', (_, spoil, message) =>
  withDirectory(async (dir) => {
    await makeDirectory(dir)
    spoil(join(dir, 'shard-1'))
    const missing = expect.objectContaining({
      code: 'ERR_STORAGE_MISSING',
      message: expect.stringMatching(message),
    })
    expect(start(dir)).toThrow(missing)
    expect(start(dir)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('--start-empty 1') }),
    )
    // A shard's thread that is started again looks too.
    const options = { shard: 1, shardCount: SHARDS, deadLettersMax: 0 }
    expect(() => ShardStore.open(join(dir, 'shard-1'), options)).toThrow(missing)
  }),
)

test('a shard of another data directory, and a database that is no shard, are refused', () =>
  withDirectory(async (dir) => {
    const mine = join(dir, 'mine')
    const other = join(dir, 'other')
    await makeDirectory(mine)
    await makeDirectory(other)
    rmSync(join(mine, 'shard-1'), { recursive: true })
    renameSync(join(other, 'shard-1'), join(mine, 'shard-1'))
    const options = { shard: 1, shardCount: SHARDS, deadLettersMax: 0 }
    const open = (): unknown => ShardStore.open(join(mine, 'shard-1'), options)
    expect(open).toThrow(
      expect.objectContaining({
        code: 'ERR_STORAGE_FOREIGN',
        message: expect.stringContaining(String(manifest(other).id)),
      }),
    )
    // An environment that LMDB made, and nobody marked.
    rmSync(join(mine, 'shard-1'), { recursive: true })
    await makeEmptyEnvironment(join(mine, 'shard-1'))
    expect(open).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_FOREIGN' }))
  }))

test('a directory of before there were ids gets one once, and a shard that lacks is still refused', () =>
  withDirectory(async (dir) => {
    await makeDirectory(dir)
    await makeOld(dir)
    const gone = join(dir, 'shard-0')
    renameSync(gone, `${gone}.away`)
    expect(start(dir)).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_MISSING' }))
    renameSync(`${gone}.away`, gone)
    await makeDirectory(dir)
    const { id, state } = manifest(dir)
    expect(state).toBe('ready')
    for (const shard of [0, 1]) {
      expect(await shardNote(join(dir, `shard-${shard}`))).toMatch(
        new RegExp(`^crc32:[0-9a-f]{8} .*"id":"${String(id)}"`),
      )
    }
    // Without checksum and id it is now no shard of this directory any more.
    await makeOld(dir, false)
    const options = { shard: 0, shardCount: SHARDS, deadLettersMax: 0 }
    expect(() => ShardStore.open(gone, options)).toThrow(
      expect.objectContaining({ code: 'ERR_STORAGE_CORRUPT' }),
    )
  }))

test('limn.json that is lost is made again from what all shards say, or refused', () =>
  withDirectory(async (dir) => {
    await makeDirectory(dir)
    const before = manifest(dir)
    rmSync(join(dir, 'limn.json'))
    start(dir)()
    expect(manifest(dir)).toEqual(before)
    rmSync(join(dir, 'limn.json'))
    rmSync(join(dir, 'shard-0'), { recursive: true })
    expect(start(dir)).toThrow(expect.objectContaining({ code: 'ERR_STORAGE_MISSING' }))
  }))

async function makeEmptyEnvironment(path: string): Promise<void> {
  const { open } = await import('lmdb')
  const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
  for (const name of ['journal', 'meta']) root.openDB({ name, encoding: 'binary' })
  await root.close()
}

/** As the version before ids and checksums wrote it. */
async function makeOld(dir: string, document = true): Promise<void> {
  const { open } = await import('lmdb')
  for (let shard = 0; shard < SHARDS; shard++) {
    const path = join(dir, `shard-${shard}`)
    const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
    const meta = root.openDB<string, string>({ name: 'meta', encoding: 'string' })
    await meta.put('shard', JSON.stringify({ format: 1, shard, shardCount: SHARDS }))
    await root.close()
  }
  if (document) writeFileSync(join(dir, 'limn.json'), `{"format":1,"shardCount":${SHARDS}}`)
}

async function shardNote(path: string): Promise<string> {
  const { open } = await import('lmdb')
  const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
  const text = root.openDB<string, string>({ name: 'meta', encoding: 'string' }).get('shard')
  await root.close()
  return text ?? ''
}
