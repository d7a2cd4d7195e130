import { execFile } from 'node:child_process'
import { cpSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { open } from 'lmdb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { holdDataDirectory } from '../../src/journal/directory.ts'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

/** Files that were damaged while nobody had them open: a coded error with shard and remedy, never a signal. */

const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const PAGE_BYTES = 4096
const EVENTS = 3000
const USERS = 50
const ENV = { LIMN_STORAGE_SHARDS: '1', LIMN_CHECKPOINT_INTERVAL_SECONDS: '1' }

const pristine = temporaryDirectory()
const copies: { path: string; remove(): void }[] = []
const servers: RunningLimn[] = []

beforeAll(async () => {
  const limn = await startLimn(join(pristine.path, 'data'), ENV)
  // Many small blocks, so that the trees have levels.
  const post = async (from: number): Promise<void> => {
    for (let i = from; i < EVENTS; i += 10) {
      const event = {
        type: 'track',
        userId: `u${i % USERS}`,
        messageId: `m${i}`,
        event: 'Order Completed',
        properties: { order_id: `o${i}`, revenue: 1, note: 'x'.repeat(i % 700) },
      }
      const { status } = await limn.post('/v1/track', event)
      if (status !== 200) throw new Error(`answered ${status}`)
    }
  }
  await Promise.all(Array.from({ length: 10 }, (_, i) => post(i)))
  expect(await limn.stop()).toBe(0)
})

afterEach(async () => {
  for (const server of servers.splice(0)) if (server.child.exitCode === null) await server.kill()
  for (const copy of copies.splice(0)) copy.remove()
})
afterAll(() => pristine.remove())

/** A copy of the data, and its data file. */
function copyOfData(): { dataDir: string; file: string } {
  const copy = temporaryDirectory()
  copies.push(copy)
  cpSync(join(pristine.path, 'data'), copy.path, { recursive: true })
  return { dataDir: copy.path, file: join(copy.path, 'shard-0', 'data.mdb') }
}

async function start(dataDir: string): Promise<RunningLimn> {
  const server = await startLimn(dataDir, ENV)
  servers.push(server)
  return server
}

interface Outcome {
  /** A number; a signal's name would be one that killed the process. */
  readonly exit: unknown
  readonly output: string
}

async function check(dataDir: string, ...options: string[]): Promise<Outcome> {
  const args = [LIMN, 'check', '--data', dataDir, ...options]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...ENV },
    })
    return { exit: 0, output: stdout }
  } catch (error) {
    const { code, signal, stdout } = error as { code: number; signal: unknown; stdout: string }
    return { exit: signal ?? code, output: stdout }
  }
}

/** Numbers of the branch and leaf pages in the file, the meta pages left out. */
function treePages(file: string): number[] {
  const bytes = readFileSync(file)
  const found: number[] = []
  for (let page = 2; page * PAGE_BYTES < bytes.length; page++) {
    const at = page * PAGE_BYTES
    const kind = bytes.readUInt16LE(at + 18)
    if (bytes.readUInt32LE(at) === page && (kind === 1 || kind === 2)) found.push(page)
  }
  return found
}

/** Every third tree page, the free ones among them included, gets other bytes. */
function spoilPages(file: string, fill: (page: Buffer) => void): void {
  const bytes = readFileSync(file)
  for (const page of treePages(file).filter((_, i) => i % 3 === 1)) {
    fill(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
  }
  writeFileSync(file, bytes)
}

function garbage(page: Buffer): void {
  let state = 12_345
  for (let i = 0; i < page.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    page[i] = state >>> 16
  }
}

test('the data is whole before it is damaged', async () => {
  const { dataDir, file } = copyOfData()
  expect(treePages(file).length).toBeGreaterThan(100)
  expect(await check(dataDir)).toMatchObject({ exit: 0 })
})

describe.each<[string, (file: string) => void]>([
  ['zeroed pages', (file) => spoilPages(file, (page) => page.fill(0))],
  ['pages of garbage', (file) => spoilPages(file, garbage)],
  [
    'garbage behind whole page headers',
    (file) => spoilPages(file, (page) => garbage(page.subarray(24))),
  ],
  ['a cut off end', (file) => truncateSync(file, Math.floor(statSync(file).size * 0.6))],
])('data.mdb with %s', (_, spoil) => {
  test('limn check finds it and limn serve refuses it, with shard and remedy', async () => {
    const { dataDir, file } = copyOfData()
    spoil(file)
    const { exit, output } = await check(dataDir)
    expect(exit).toBe(1)
    expect(output).toMatch(/DAMAGED shard 0 environment: ERR_STORAGE_OPEN: .*shard-0\/data\.mdb is/)
    expect(output).toMatch(/what can be done: restore this shard from a backup/)
    await expect(startLimn(dataDir, ENV)).rejects.toThrow(
      /ended with 1:.*limn: ERR_STORAGE_OPEN: .*shard-0\/data\.mdb is .*restore this one from a backup/s,
    )
  })
})

/** Flips a bit in the middle of a stored value, the tree around it stays whole. */
async function spoilValue(dataDir: string, table: string): Promise<void> {
  const path = join(dataDir, 'shard-0')
  const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
  const database = root.openDB<Uint8Array, number>({ name: table, encoding: 'binary' })
  const [key] = [...database.getKeys({ limit: 1 })]
  const value = Uint8Array.from(database.get(key) ?? [])
  value[value.length >> 1] ^= 0x10
  await database.put(key, value)
  await root.close()
}

test('a damaged checkpoint: serve names it and the remedy, check --repair mends it', async () => {
  const { dataDir } = copyOfData()
  await spoilValue(dataDir, 'pages')
  await expect(startLimn(dataDir, ENV)).rejects.toThrow(
    /ended with 1:.*limn: ERR_STORAGE_CORRUPT: shard 0, checkpoint page 0: checksum does not match; run "limn check --repair"/s,
  )
  expect(await check(dataDir)).toMatchObject({ exit: 1 })
  expect((await check(dataDir, '--repair')).output).toContain('shard 0 checkpoint: page 0')
  expect(await check(dataDir)).toMatchObject({ exit: 0 })
  const limn = await start(dataDir)
  let orders = 0
  for (let user = 0; user < USERS; user++) {
    const { body } = await limn.get(`/v1/profiles/u${user}/traits`)
    orders += (body.traits as { orders: number }).orders
  }
  expect(orders).toBe(EVENTS)
})

test('a damaged block: serve names shard, block and remedy when it must fold it', async () => {
  const { dataDir } = copyOfData()
  await spoilValue(dataDir, 'journal')
  const { exit, output } = await check(dataDir, '--repair')
  expect(exit).toBe(1)
  expect(output).toMatch(/DAMAGED shard 0 journal: block 0: .*\n.*restore the shard from a backup/)
  // What the checkpoint covers is not folded at a start; without it the block is.
  const path = join(dataDir, 'shard-0')
  const root = open({ path, maxDbs: 8, encoding: 'binary', overlappingSync: false })
  await root.openDB<string, string>({ name: 'meta', encoding: 'string' }).remove('checkpoint')
  await root.close()
  await expect(startLimn(dataDir, ENV)).rejects.toThrow(
    /ended with 1:.*limn: ERR_STORAGE_CORRUPT: shard 0, journal block 0: checksum does not match; run "limn check"/s,
  )
})

test('a look-up that meets a damaged block is answered with the code, and others go on', async () => {
  const { dataDir } = copyOfData()
  await spoilValue(dataDir, 'journal')
  const limn = await start(dataDir)
  const answers = new Map<number, unknown>()
  for (let user = 0; user < USERS; user++) {
    const { status, body } = await limn.get(`/v1/profiles/u${user}/events?limit=1000`)
    answers.set(status, body)
  }
  expect(new Set(answers.keys())).toEqual(new Set([200, 500]))
  expect(answers.get(500)).toMatchObject({
    error: {
      code: 'ERR_STORAGE_CORRUPT',
      message: expect.stringContaining('shard 0, journal block 0: checksum'),
    },
  })
  expect((await limn.post('/v1/track', { userId: 'u0', event: 'Product Viewed' })).status).toBe(200)
})

test('check --repair leaves the data of a running server alone', async () => {
  const { dataDir } = copyOfData()
  const limn = await start(dataDir)
  expect(await check(dataDir)).toMatchObject({ exit: 0 })
  await limn.stop()
  await spoilValue(dataDir, 'pages')
  rmSync(join(dataDir, 'shard-0', 'lock.mdb'), { force: true })
  const lock = holdDataDirectory(dataDir)
  expect(await check(dataDir, '--repair')).toMatchObject({ exit: 1 })
  lock.release()
  expect((await check(dataDir)).output).toContain('shard 0 checkpoint: page 0')
})
