import { execFile, spawn } from 'node:child_process'
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { structureFault } from '../../src/journal/structure.ts'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

/**
 * One flipped bit in a shard's file: it is refused by name, or everything acknowledged is there. Never
 * a signal, never another answer.
 */
const FLIPPED = resolve(import.meta.dirname, 'flipped-shards.mjs')
const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const PAGE_BYTES = 4096
/** What LMDB writes of a meta page, header and all. */
const META_BYTES = 176
const LAST_PAGE = 144
const TRANSACTION = 152
const EVENTS = 300
const RANDOM_FLIPS = 300
const ENV = { LIMN_STORAGE_SHARDS: '1', LIMN_CHECKPOINT_INTERVAL_SECONDS: '3600' }

interface Flip {
  readonly byte: number
  readonly bit: number
}

interface Outcome extends Flip {
  readonly code?: string
  readonly message?: string
  readonly first?: string
  readonly second?: string
}

const made = temporaryDirectory()
const dataDir = join(made.path, 'data')
const file = join(dataDir, 'shard-0', 'data.mdb')

beforeAll(async () => {
  const post = async (limn: RunningLimn, first: number, end: number): Promise<void> => {
    for (let from = first; from < end; from += 10) {
      const batch = Array.from({ length: 10 }, (_, i) => ({
        type: 'track',
        userId: `u${(from + i) % 20}`,
        messageId: `m${from + i}`,
        event: 'Order Completed',
        properties: { order_id: `o${from + i}`, revenue: 1, note: 'x'.repeat(from % 700) },
      }))
      expect((await limn.post('/v1/batch', { batch })).status).toBe(200)
    }
  }
  // A checkpoint, and a tail of the journal behind it.
  const first = await startLimn(dataDir, ENV)
  await post(first, 0, EVENTS / 2)
  expect(await first.stop()).toBe(0)
  const second = await startLimn(dataDir, ENV)
  await post(second, EVENTS / 2, EVENTS)
  await second.kill()
})
afterAll(() => made.remove())

/** Opens a copy for each flip, in one process that a signal would end. */
async function open(flips: readonly Flip[]): Promise<Outcome[]> {
  const scratch = join(made.path, 'scratch')
  const child = spawn(process.execPath, [FLIPPED, dataDir, scratch])
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  child.stdin.end(JSON.stringify({ flips }))
  const end = await new Promise((ended) =>
    child.once('close', (code, signal) => ended(signal ?? code)),
  )
  const outcomes = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Outcome)
  const at = flips[outcomes.length]
  expect({ end, err, at }).toEqual({ end: 0, err: '', at: undefined })
  return outcomes
}

/** Neither refused with a code of ours nor the same as without the flip, at the first start or the next. */
function wrong(outcomes: readonly Outcome[], sound: Outcome): Outcome[] {
  return outcomes.filter(({ code, first, second }) => {
    if (code !== undefined) return !code.startsWith('ERR_STORAGE_')
    return first !== sound.first || second !== sound.second
  })
}

function flipped({ byte, bit }: Flip, copy: string): void {
  const bytes = readFileSync(file)
  bytes[byte] ^= 1 << bit
  writeFileSync(copy, bytes)
}

/** A bit that nothing reads: behind what LMDB writes of its first meta page. */
const UNREAD: Flip = { byte: PAGE_BYTES - 6, bit: 0 }

test('each bit of both meta pages', async () => {
  const copy = join(made.path, 'flipped.mdb')
  const pristine = readFileSync(file)
  writeFileSync(copy, pristine)
  const descriptor = openSync(copy, 'r+')
  const passed: Flip[] = []
  let refused = 0
  for (const page of [0, PAGE_BYTES]) {
    for (let i = 0; i < META_BYTES * 8; i++) {
      const flip = { byte: page + (i >> 3), bit: i & 7 }
      writeSync(descriptor, Uint8Array.of(pristine[flip.byte] ^ (1 << flip.bit)), 0, 1, flip.byte)
      if (structureFault(copy, { overflow: false }) === null) passed.push(flip)
      else refused++
      writeSync(descriptor, pristine, flip.byte, 1, flip.byte)
    }
  }
  closeSync(descriptor)
  // Headers, magic, version, page size, flags and transactions of both; trees and bounds of the newer.
  expect(refused).toBeGreaterThan(1000)
  const passedOf = (field: number): Flip[] =>
    passed.filter(({ byte }) => byte % PAGE_BYTES >= field && byte % PAGE_BYTES < field + 8)
  expect(passedOf(TRANSACTION)).toEqual([])
  // LMDB reads one of the pages; in that one every bit counts.
  expect(new Set(passedOf(LAST_PAGE).map(({ byte }) => byte >= PAGE_BYTES)).size).toBe(1)
  // The rest is read by nobody or of the older page: one bit of each byte is opened.
  const some = passed.filter(({ byte, bit }) => bit === byte % 8)
  const [sound, ...outcomes] = await open([UNREAD, ...some])
  expect(JSON.parse(sound.first ?? '')).toMatchObject({ records: EVENTS })
  expect(wrong(outcomes, sound)).toEqual([])
})

test('bits anywhere in the file', async () => {
  const size = statSync(file).size
  let state = 77
  const random = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const flips = Array.from({ length: RANDOM_FLIPS }, () => ({ byte: random(size), bit: random(8) }))
  const [sound, ...outcomes] = await open([UNREAD, ...flips])
  expect(wrong(outcomes, sound)).toEqual([])
  const codes = new Set(outcomes.map(({ code }) => code))
  expect(codes).toContain('ERR_STORAGE_CORRUPT')
})

test('bits of what describes shard and checkpoint', async () => {
  const bytes = readFileSync(file)
  const flips: Flip[] = []
  for (const text of ['{"position":', '{"format":1,"shard":', 'crc32:']) {
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      for (let i = 0; i < 20; i++) flips.push({ byte: at + i, bit: i % 8 })
    }
  }
  const [sound, ...outcomes] = await open([UNREAD, ...flips])
  expect(wrong(outcomes, sound)).toEqual([])
  const named = outcomes.filter(({ code }) => code === 'ERR_STORAGE_CORRUPT')
  expect(named.map(({ message }) => message).join()).toMatch(
    /shard 0, checkpoint metadata: checksum does not match; run "limn check --repair"/,
  )
  expect(named.map(({ message }) => message).join()).toMatch(/shard 0, its description of itself: /)
})

test.each<[string, Flip]>([
  ['the last page, beyond any file', { byte: LAST_PAGE + 6, bit: 6 }],
  ['the last page, within the map', { byte: LAST_PAGE + 2, bit: 4 }],
  ['the transaction', { byte: TRANSACTION, bit: 1 }],
])('limn check and limn serve refuse a flip in %s of a meta page', async (_, flip) => {
  let refused = 0
  for (const page of [0, PAGE_BYTES]) {
    const copy = join(made.path, `cli-${flip.byte + page}-${flip.bit}`)
    mkdirSync(copy)
    cpSync(dataDir, copy, { recursive: true })
    const at = { ...flip, byte: flip.byte + page }
    flipped(at, join(copy, 'shard-0', 'data.mdb'))
    const checked = await check(copy)
    if (checked.exit === 0) {
      // The older page: LMDB does not read it.
      const limn = await startLimn(copy, ENV)
      const { body } = await limn.get('/v1/profiles/u1/traits')
      expect(body.traits).toMatchObject({ orders: EVENTS / 20 })
      expect(await limn.stop()).toBe(0)
      continue
    }
    refused++
    expect(checked.exit).toBe(1)
    expect(checked.output).toMatch(/DAMAGED shard 0 environment: ERR_STORAGE_OPEN: .*data\.mdb is /)
    await expect(startLimn(copy, ENV)).rejects.toThrow(
      /ended with 1:.*limn: ERR_STORAGE_OPEN: .*shard-0\/data\.mdb is /s,
    )
  }
  expect(refused).toBeGreaterThan(0)
})

async function check(dir: string): Promise<{ exit: unknown; output: string }> {
  try {
    const args = [LIMN, 'check', '--data', dir]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...ENV },
    })
    return { exit: 0, output: stdout }
  } catch (error) {
    const { code, signal, stdout } = error as { code: number; signal: unknown; stdout: string }
    return { exit: signal ?? code, output: stdout }
  }
}
