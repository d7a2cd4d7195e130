import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join, resolve } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'

/** Real processes on one data directory: one serves. */
const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const OWN_PIDS = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
const STARTS = 4
const ENV = {
  ...process.env,
  LIMN_LOG_LEVEL: 'warn',
  LIMN_STORAGE_SHARDS: '1',
  LIMN_BOOTSTRAP_WRITE_KEY: KEYS.write,
  LIMN_BOOTSTRAP_READ_TOKEN: KEYS.read,
}

const made = temporaryDirectory()
const dataDir = join(made.path, 'data')
const started: Started[] = []

afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
})

interface Started {
  readonly child: ChildProcess
  readonly output: () => string
  readonly ended: Promise<number | null>
  /** The address it serves at, or null when it ended. */
  readonly serving: Promise<string | null>
}

/** Starts `limn serve` on a free port, perhaps in namespaces of its own. */
function serve(dir: string, prefix: readonly string[] = []): Started {
  const [command, ...args] = [...prefix, process.execPath, LIMN, 'serve']
  const child = spawn(command, [...args, '--data', dir, '--port', '0'], { env: ENV })
  let output = ''
  const ended = new Promise<number | null>((found) => child.once('close', found))
  const serving = new Promise<string | null>((found) => {
    const onData = (chunk: Buffer): void => {
      output += chunk.toString()
      const address = /Limn serves at (http:\/\/\S+)/.exec(output)?.[1]
      if (address !== undefined) found(address)
    }
    child.stdout.on('data', onData)
    child.stderr.on('data', onData)
    void ended.then(() => found(null))
  })
  const one = { child, output: () => output, ended, serving }
  started.push(one)
  return one
}

function mayUnshare(): boolean {
  try {
    execFileSync(OWN_PIDS[0], [...OWN_PIDS.slice(1), 'true'], { stdio: 'ignore' })
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  }
}

async function countOf(address: string): Promise<unknown> {
  const response = await fetch(`${address}/v1/profiles/u1/traits`, {
    headers: { authorization: `Bearer ${KEYS.read}` },
  })
  return ((await response.json()) as { traits?: { events?: number } }).traits?.events
}

test('of four starts at one instant over a server that was killed, one serves', async () => {
  const first = await startLimn(dataDir, { LIMN_STORAGE_SHARDS: '1' })
  const event = { type: 'track', userId: 'u1', event: 'Product Viewed' }
  expect((await first.post('/v1/track', event)).status).toBe(200)
  await first.kill()
  const all = Array.from({ length: STARTS }, () => serve(dataDir))
  const addresses = await Promise.all(all.map((one) => one.serving))
  const serving = addresses.filter((address) => address !== null)
  expect(serving).toHaveLength(1)
  expect(await countOf(serving[0])).toBe(1)
  for (const [index, one] of all.entries()) {
    if (addresses[index] !== null) continue
    expect(await one.ended).toBe(1)
    expect(one.output()).toMatch(/limn: ERR_STORAGE_LOCKED: process \d+ on \S+ has .* open/)
  }
  // Now that it serves, whoever comes is told where.
  const late = serve(dataDir)
  expect(await late.serving).toBeNull()
  expect(late.output()).toContain(`and serves at ${serving[0]}; stop it first`)
})

test('two PID namespaces on one directory: one serves, and commands of either find it', async (context) => {
  if (!mayUnshare()) return context.skip('unshare --pid is not permitted to this user')
  const inside = serve(dataDir, OWN_PIDS)
  const address = await inside.serving
  expect(address).not.toBeNull()
  // The shell between makes the second server another number than the first, which is 1.
  const other = serve(dataDir, [...OWN_PIDS, 'sh', '-c', '"$@"; exit $?', 'sh'])
  expect(await other.serving).toBeNull()
  expect(other.output()).toMatch(/limn: ERR_STORAGE_LOCKED: process 1 on /)
  expect(other.output()).toContain(String(address))
  const out = execFileSync(
    process.execPath,
    [LIMN, 'profile', 'u1', '--data', dataDir, '--token', KEYS.read, '--json'],
    { env: ENV, encoding: 'utf8' },
  )
  expect(JSON.parse(out)).toMatchObject({ id: 'user:u1' })
  inside.child.kill('SIGKILL')
  await inside.ended
  const next = serve(dataDir)
  expect(await next.serving).not.toBeNull()
})
