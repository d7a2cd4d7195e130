/** A server whose wall clock is set while it runs, and before it starts. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeWall, fakeTimeLibrary } from './fake-time.ts'
import { KEYS, startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'

const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const RETENTION = { LIMN_JOURNAL_RETENTION_DAYS: '30', LIMN_CHECKPOINT_INTERVAL_SECONDS: '1' }
const library = fakeTimeLibrary()
if (library === null) {
  process.stderr.write('faketime is not installed: the tests of a set clock are skipped\n')
}

interface Status {
  readonly arrival: string
  readonly driftSeconds: number
  readonly state: string
  readonly retentionHeldSeconds: number
}

describe.skipIf(library === null)('a wall clock that is wrong', () => {
  let directory: ReturnType<typeof temporaryDirectory>
  let wall: FakeWall
  let limn: RunningLimn | null = null
  /** Events that were sent. */
  let seen = 0

  beforeEach(() => {
    directory = temporaryDirectory()
    mkdirSync(join(directory.path, 'data'))
    wall = new FakeWall(library ?? '', directory.path)
    seen = 0
  })
  afterEach(async () => {
    if (limn !== null && limn.child.exitCode === null) await limn.kill()
    limn = null
    directory.remove()
  })

  async function serve(env: Record<string, string> = {}): Promise<RunningLimn> {
    limn = await startLimn(join(directory.path, 'data'), { ...wall.env, ...env })
    return limn
  }

  async function view(server: RunningLimn, userId: string, messageId: string): Promise<void> {
    const message = { userId, messageId, event: 'Product Viewed' }
    expect((await server.post('/v1/track', message)).status).toBe(200)
    seen++
  }

  /** `u1` sees things until several checkpoints, each with retention after it, have come between. */
  async function viewOverCheckpoints(server: RunningLimn): Promise<void> {
    const before = await checkpoints(server)
    while ((await checkpoints(server)) < before + 3) {
      await view(server, 'u1', `more-${seen}`)
      await new Promise((done) => setTimeout(done, 100))
    }
  }

  async function arrivals(server: RunningLimn, userId: string): Promise<number[]> {
    const { body } = await server.get(`/v1/profiles/${userId}/events?limit=500`)
    return (body.events as { receivedAt: string }[]).map((e) => Date.parse(e.receivedAt)).reverse()
  }

  async function viewsOf(server: RunningLimn, userId: string): Promise<unknown> {
    const { body } = await server.get(`/v1/profiles/${userId}/traits`)
    const traits = body.traits as Record<string, unknown>
    return [traits.events, traits.views_1h, traits.views_24h]
  }

  async function status(server: RunningLimn): Promise<Status> {
    return (await server.get('/v1/clock')).body as unknown as Status
  }

  async function command(...args: string[]): Promise<string> {
    const env = { ...process.env, LIMN_ADMIN_TOKEN: KEYS.admin }
    const data = ['--data', join(directory.path, 'data')]
    const run = promisify(execFile)(process.execPath, [LIMN, 'clock', ...args, ...data], { env })
    return run.then(
      ({ stdout }) => stdout,
      ({ stderr }: { stderr: string }) => stderr,
    )
  }

  test('30 h back for a while: a retry after a kill counts once', async () => {
    const server = await serve()
    await view(server, 'u1', 'm1')
    wall.set('-30h')
    await view(server, 'u2', 'm2')
    const [before] = await arrivals(server, 'u1')
    expect((await arrivals(server, 'u2'))[0]).toBeGreaterThanOrEqual(before)
    await server.kill()
    wall.set('+0')
    const again = await serve()
    await view(again, 'u1', 'm1')
    expect(await arrivals(again, 'u1')).toHaveLength(1)
  })

  test('two days ahead for a while: windows stay as they are', async () => {
    const server = await serve()
    await view(server, 'u1', 'm1')
    wall.set('+2d')
    await view(server, 'u1', 'm2')
    await expect.poll(() => server.output(), { timeout: 15_000 }).toContain('limn clock accept')
    expect(await viewsOf(server, 'u1')).toEqual([2, 2, 2])
    wall.set('+0')
    await view(server, 'u1', 'm3')
    expect(await viewsOf(server, 'u1')).toEqual([3, 3, 3])
    expect((await arrivals(server, 'u1')).at(-1)).toBeLessThanOrEqual(Date.now())
  })

  test('40 days ahead for a while: retention drops nothing', async () => {
    const server = await serve({ ...RETENTION, LIMN_JOURNAL_RETENTION_SETTLE_HOURS: '0' })
    for (let i = 0; i < 20; i++) await view(server, 'u1', `m${i}`)
    wall.set('+40d')
    await viewOverCheckpoints(server)
    expect(await arrivals(server, 'u1')).toHaveLength(seen)
  })

  test('40 days ahead at a start: nothing is dropped, also after another start and once it is right', async () => {
    const first = await serve(RETENTION)
    for (let i = 0; i < 20; i++) await view(first, 'u1', `m${i}`)
    await first.stop()
    wall.set('+40d')
    for (const id of ['a', 'b']) {
      const wrong = await serve(RETENTION)
      await view(wrong, 'u1', id)
      expect((await status(wrong)).retentionHeldSeconds).toBeGreaterThan(23 * 3600)
      await viewOverCheckpoints(wrong)
      expect(await arrivals(wrong, 'u1')).toHaveLength(seen)
      if (id === 'a') expect(wrong.output()).toContain('retention drops nothing')
      await wrong.stop()
    }
    wall.set('+0')
    const right = await serve({ ...RETENTION, LIMN_JOURNAL_RETENTION_SETTLE_HOURS: '0' })
    expect(right.output()).toContain('behind the last written instant')
    await view(right, 'u1', 'c')
    await viewOverCheckpoints(right)
    expect(await arrivals(right, 'u1')).toHaveLength(seen)
  })

  test('behind at a start: arrival goes on from the last written instant', async () => {
    const first = await serve()
    await view(first, 'u1', 'm1')
    await first.kill()
    const [written] = await arrivalsAfterKill()
    wall.set('-30h')
    const server = await serve()
    await view(server, 'u1', 'm1')
    await view(server, 'u1', 'm2')
    expect(server.output()).toContain('behind the last written instant')
    const all = await arrivals(server, 'u1')
    expect(all).toHaveLength(2)
    expect(all[1]).toBeGreaterThan(written)
    const now = await status(server)
    expect(now).toMatchObject({ state: 'catchingUp' })
    expect(now.driftSeconds).toBeLessThan(-29 * 3600)
    const at = encodeURIComponent(now.arrival)
    expect((await server.get(`/v1/profiles/u1?at=${at}`)).body).toMatchObject({
      behaviour: { events: 2 },
    })

    async function arrivalsAfterKill(): Promise<number[]> {
      const after = await serve()
      const found = await arrivals(after, 'u1')
      await after.kill()
      return found
    }
  })

  test('is followed by `limn clock accept`, forward at once and backward by going slower', async () => {
    expect(await command('show')).toContain('ERR_CLOCK_STOPPED')
    const server = await serve()
    expect(await command('show')).toContain('they agree')
    wall.set('+2h')
    expect(await command('show')).toContain('the wall clock has jumped')
    expect(JSON.parse(await command('accept', '--json'))).toMatchObject({ state: 'steady' })
    await view(server, 'u1', 'm1')
    const [ahead] = await arrivals(server, 'u1')
    expect(ahead).toBeGreaterThan(Date.now() + 1.9 * HOUR_MS)
    wall.set('+0')
    expect(await command('accept')).toContain('runs slower')
    await view(server, 'u1', 'm2')
    expect((await arrivals(server, 'u1'))[1]).toBeGreaterThanOrEqual(ahead)
    expect(await status(server)).toMatchObject({ state: 'catchingUp', retentionHeldSeconds: 0 })
    const refused = await command('accept', '--token', KEYS.read)
    expect(refused).toContain('ERR_AUTH_SCOPE')
  })

  test('a step of more than a day that is accepted holds retention', async () => {
    const server = await serve(RETENTION)
    await view(server, 'u1', 'm1')
    wall.set('+40d')
    await command('accept')
    await view(server, 'u1', 'm2')
    expect((await arrivals(server, 'u1'))[1]).toBeGreaterThan(Date.now() + 39 * DAY_MS)
    expect((await status(server)).retentionHeldSeconds).toBeGreaterThan(23 * 3600)
    expect(readdirSync(join(directory.path, 'data'))).toContain('retention-hold.json')
    await viewOverCheckpoints(server)
    expect(await arrivals(server, 'u1')).toHaveLength(seen)
  })
})

/** Checkpoints of the shard that has had most; an idle one makes none. */
async function checkpoints(server: RunningLimn): Promise<number> {
  const text = await (await fetch(`${server.address}/metrics`)).text()
  const counts = [...text.matchAll(/^limn_checkpoints_total\{[^}]*\} (\d+)$/gm)]
  return counts.length === 0 ? 0 : Math.max(...counts.map(([, count]) => Number(count)))
}
