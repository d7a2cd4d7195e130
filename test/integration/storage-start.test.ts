import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { open } from 'lmdb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'
import { fillDisk, smallDisk } from './small-disk.ts'

/** Starts on a data directory that lost a part, or that cannot be written: a code, a path, a remedy. */
const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const MEBIBYTE = 1_048_576
const USERS = 20
const ENV = { LIMN_STORAGE_SHARDS: '2', LIMN_CHECKPOINT_INTERVAL_SECONDS: '1' }

const cleanups: (() => void)[] = []
const servers: RunningLimn[] = []
let dataDir = ''

beforeEach(() => {
  const made = temporaryDirectory()
  cleanups.push(() => made.remove())
  dataDir = join(made.path, 'data')
})
afterEach(async () => {
  for (const server of servers.splice(0)) if (server.child.exitCode === null) await server.kill()
  for (const clean of cleanups.splice(0).reverse()) clean()
})

async function start(dir: string): Promise<RunningLimn> {
  const server = await startLimn(dir, ENV)
  servers.push(server)
  return server
}

/** A directory in which each of some users has one event. */
async function fill(dir: string): Promise<void> {
  const limn = await start(dir)
  const batch = Array.from({ length: USERS }, (_, i) => ({
    type: 'track',
    userId: `u${i}`,
    event: 'Product Viewed',
  }))
  expect((await limn.post('/v1/batch', { batch })).status).toBe(200)
  expect(await limn.stop()).toBe(0)
}

async function countUsers(limn: RunningLimn): Promise<number> {
  let count = 0
  for (let i = 0; i < USERS; i++) {
    if ((await limn.get(`/v1/profiles/u${i}/traits`)).status === 200) count++
  }
  return count
}

async function check(...options: string[]): Promise<{ exit: unknown; output: string }> {
  const args = [LIMN, 'check', '--data', dataDir, ...options]
  try {
    const env = { ...process.env, ...ENV }
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env })
    return { exit: 0, output: stdout + stderr }
  } catch (error) {
    const { code, signal, stdout, stderr } = error as Record<string, unknown>
    return { exit: signal ?? code, output: `${String(stdout)}${String(stderr)}` }
  }
}

/** Ends with 1 and one line, with the code; neither a signal nor a stack trace. */
async function expectRefused(dir: string, message: RegExp): Promise<void> {
  const ended = await startLimn(dir, ENV).then(
    async (limn) => {
      await limn.kill()
      return 'serves'
    },
    (error: unknown) => String(error),
  )
  expect(ended).toMatch(/ended with 1:/)
  expect(ended).toMatch(message)
  expect(ended).not.toMatch(/\n\s+at /)
}

test('a shard that is gone is refused by name, and made anew only when it is asked for', async () => {
  await fill(dataDir)
  const shard = join(dataDir, 'shard-1')
  renameSync(shard, `${shard}.away`)
  const refusal = /limn: ERR_STORAGE_MISSING: \S*shard-1 is missing.*limn check --start-empty 1/
  await expectRefused(dataDir, refusal)
  const found = await check()
  expect(found).toMatchObject({ exit: 1 })
  expect(found.output).toMatch(/DAMAGED shard 1 environment: \S*shard-1 is missing/)
  // Not made by asking either.
  expect(statSync(shard, { throwIfNoEntry: false })).toBeUndefined()
  renameSync(`${shard}.away`, shard)
  const whole = await start(dataDir)
  expect(await countUsers(whole)).toBe(USERS)
  expect((await check('--start-empty', '1')).output).toContain('ERR_STORAGE_LOCKED')
  expect(await whole.stop()).toBe(0)

  expect((await check('--start-empty', '1')).output).toContain('ERR_STORAGE_NOT_EMPTY')
  expect((await check('--start-empty', '2')).output).toContain('ERR_CLI_OPTION')
  expect((await check('--start-empty', 'all')).output).toContain('ERR_CLI_OPTION')
  renameSync(shard, `${shard}.away`)
  expect(await check('--start-empty', '1')).toMatchObject({ exit: 0 })
  const rest = await start(dataDir)
  const left = await countUsers(rest)
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThan(USERS)
})

test('a shard of another data directory is refused by name, by serve and by check', async () => {
  const other = `${dataDir}-other`
  await fill(dataDir)
  await fill(other)
  rmSync(join(dataDir, 'shard-0'), { recursive: true })
  renameSync(join(other, 'shard-0'), join(dataDir, 'shard-0'))
  await expectRefused(dataDir, /limn: ERR_STORAGE_FOREIGN: \S*shard-0 belongs to another data/)
  const { exit, output } = await check()
  expect(exit).toBe(1)
  expect(output).toMatch(/DAMAGED shard 0 identity: .*shard-0 belongs to another data directory/)
})

test('damaged checkpoint metadata is refused and reported; check --repair drops the checkpoint', async () => {
  await fill(dataDir)
  await changeMeta('checkpoint', (text) => text.replace(/"position":(\d)/, '"position":1$1'))
  await expectRefused(
    dataDir,
    /limn: ERR_STORAGE_CORRUPT: shard 0, checkpoint metadata: checksum does not match; run "limn check --repair"/,
  )
  const found = await check('--repair')
  expect(found).toMatchObject({ exit: 1 })
  expect(found.output).toMatch(/DAMAGED shard 0 checkpoint: shard 0, checkpoint metadata: /)
  expect(await check()).toMatchObject({ exit: 0 })
  expect(await countUsers(await start(dataDir))).toBe(USERS)
})

test('a directory of before there were ids and checksums is taken, with its checkpoint', async () => {
  await fill(dataDir)
  for (const shard of [0, 1]) {
    await changeMeta('checkpoint', (text) => text.slice(text.indexOf('{')), shard)
    await changeMeta('shard', () => `{"format":1,"shard":${shard},"shardCount":2}`, shard)
  }
  writeFileSync(join(dataDir, 'limn.json'), '{"format":1,"shardCount":2}')
  writeFileSync(join(dataDir, 'limn.lock'), '{"pid":1,"startedAt":"1","address":null}')
  expect(await check()).toMatchObject({ exit: 0 })
  const limn = await start(dataDir)
  expect(await countUsers(limn)).toBe(USERS)
  expect(await limn.stop()).toBe(0)
  await changeMeta('checkpoint', (text) => text.slice(text.indexOf('{')))
  await expectRefused(
    dataDir,
    /ERR_STORAGE_CORRUPT: shard 0, checkpoint metadata: it has no checksum/,
  )
})

async function changeMeta(key: string, change: (text: string) => string, shard = 0): Promise<void> {
  const path = join(dataDir, `shard-${shard}`)
  const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
  const meta = root.openDB<string, string>({ name: 'meta', encoding: 'string' })
  const text = meta.get(key) ?? ''
  expect(change(text)).not.toBe(text)
  await meta.put(key, change(text))
  await root.close()
}

test('a data directory that is a file, or in one', async () => {
  writeFileSync(dataDir, 'text')
  await expectRefused(dataDir, /limn: ERR_STORAGE_WRITE: \S*data cannot be made: .*\(EEXIST\)/)
  await expectRefused(
    join(dataDir, 'in'),
    /limn: ERR_STORAGE_WRITE: \S*in cannot be made: .*\(ENOTDIR\)/,
  )
})

test('a read-only mount is called that, and check reads it', async (context) => {
  const disk = smallDisk(32)
  if (disk === null) return context.skip('mounting a tmpfs needs root')
  cleanups.push(() => disk.remove())
  dataDir = join(disk.path, 'data')
  await fill(dataDir)
  execFileSync('mount', ['-o', 'remount,ro', disk.path])
  await expectRefused(
    dataDir,
    /limn: ERR_STORAGE_WRITE: \S*limn\.lock .*mounted read-only.*\(EROFS\)/,
  )
  expect(await check()).toMatchObject({ exit: 0 })
  await expectRefused(
    join(disk.path, 'new'),
    /limn: ERR_STORAGE_WRITE: \S*new cannot be made: .*read-only/,
  )
})

test('a disk that is full at any point of a start ends it with a code; with room it starts', async (context) => {
  const disk = smallDisk(24)
  if (disk === null) return context.skip('mounting a tmpfs needs root')
  cleanups.push(() => disk.remove())
  dataDir = join(disk.path, 'data')
  mkdirSync(dataDir)
  const ballast = fillDisk(disk.path)
  const ends = new Set<string>()
  const full = statSync(ballast).size
  const room = [0, 65_536, MEBIBYTE, 2 * MEBIBYTE + 65_536]
  // A new directory, then one with data: the same end at each.
  for (const dir of [join(dataDir, 'new'), join(dataDir, 'old')]) {
    if (dir.endsWith('old')) {
      truncateSync(ballast, full - 16 * MEBIBYTE)
      await fill(dir)
    }
    for (const bytes of room) {
      truncateSync(fillDisk(disk.path), 0)
      fillDisk(disk.path)
      truncateSync(ballast, statSync(ballast).size - bytes)
      const end = await startLimn(dir, ENV).then(
        async (limn) => {
          await limn.stop()
          return 'serves'
        },
        (error: unknown) => String(error),
      )
      ends.add(/ended with 1:\s+(limn: ERR_[A-Z_]+: )/.exec(end)?.[1] ?? end)
    }
  }
  expect([...ends].filter((end) => end !== 'serves')).toEqual(['limn: ERR_STORAGE_WRITE: '])
  truncateSync(ballast, 0)
  expect(await countUsers(await start(join(dataDir, 'old')))).toBe(USERS)
}, 120_000)
