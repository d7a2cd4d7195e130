/**
 * What goes wrong in a training, while a server goes on serving: a client asks for predictions all the
 * time, and every answer must be a score.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startLimn, temporaryDirectory } from './server.ts'
import type { RunningLimn } from './server.ts'
import { importEvents, runLimn, shopEvents, writeProfile } from './shop-journal.ts'
import type { Ended } from './shop-journal.ts'
import { fillDisk, smallDisk } from './small-disk.ts'

const SHOPPERS = 150
const DAYS = 10
const ASK_EVERY_MS = 5
const SWAPPED_WITHIN_MS = 10_000

const directory = temporaryDirectory()
const disk = smallDisk(32)
const modelsDir = join(disk?.path ?? directory.path, 'models')
const env = {
  LIMN_MODELS_DIR: modelsDir,
  LIMN_PROFILE_FILE: writeProfile(join(directory.path, 'config')),
  LIMN_STORAGE_SHARDS: '2',
}
let limn: RunningLimn

beforeAll(async () => {
  limn = await startLimn(directory.path, env)
  await importEvents(limn, shopEvents(DAYS, SHOPPERS))
  expectTrained(await train('purchase', '--json'))
  await serves('purchase', 1)
}, 180_000)

afterAll(() => {
  disk?.remove()
  directory.remove()
})

afterAll(async () => {
  expect(await limn.stop()).toBe(0)
  // The log has errors where a handler or a shard failed.
  expect(limn.output()).not.toContain('"level":50')
})

const cli = (words: readonly string[], onError?: Parameters<typeof runLimn>[2]): Promise<Ended> =>
  runLimn([...words, '--data', directory.path], env, onError)
const train = (...words: string[]): Promise<Ended> => cli(['train', ...words])

function expectTrained({ code, stdout, stderr }: Ended): { version: number; learner: string } {
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as { version: number; learner: string }
}

/** One coded line at the end of standard error, after progress, and nothing else. */
function expectRefused({ code, stdout, stderr }: Ended, wanted: string): string {
  expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' })
  const lines = stderr.trimEnd().split('\n')
  expect(lines.at(-1)).toMatch(new RegExp(`^limn: ${wanted}: \\S`))
  expect(lines.filter((line) => line.startsWith('limn: '))).toHaveLength(1)
  expect(stderr).not.toMatch(/^\s+at /m)
  return lines.at(-1) ?? ''
}

const files = (model: string): string[] => {
  const path = join(modelsDir, model)
  return existsSync(path) ? readdirSync(path).sort() : []
}

function live(): number {
  const text = readFileSync(join(modelsDir, 'purchase', 'live.json'), 'utf8')
  return (JSON.parse(text) as { live: number }).live
}

const versions = (): number[] => files('purchase').map(Number).filter(Number.isInteger)

async function serves(model: string, version: number): Promise<void> {
  const until = Date.now() + SWAPPED_WITHIN_MS
  for (;;) {
    const { body } = await limn.get('/v1/models')
    const models = body.models as { model: string; version: string }[]
    if (models.some((one) => one.model === model && one.version === String(version))) return
    if (Date.now() > until) throw new Error(`not served: ${JSON.stringify(body)}`)
    await setTimeout(50)
  }
}

/** Versions that answered while the work went on, each answer a score. */
async function whileAsked(work: () => Promise<unknown>): Promise<Set<number>> {
  const seen = new Set<number>()
  let done = false
  const asking = (async () => {
    for (let i = 0; !done || i < 20; i++) {
      const id = `shopper-${i % 20}`
      const { status, body } = await limn.get(`/v1/profiles/${id}/predictions/purchase`)
      // Not every shopper was in the shop.
      if (status === 404 && JSON.stringify(body).includes('ERR_PROFILE_UNKNOWN')) continue
      expect(status, JSON.stringify(body)).toBe(200)
      expect(body.score).toBeGreaterThanOrEqual(0)
      expect(body.score).toBeLessThanOrEqual(1)
      seen.add(Number(body.version))
      await setTimeout(ASK_EVERY_MS)
    }
  })()
  const [asked, worked] = await Promise.allSettled([
    asking,
    work().finally(() => {
      done = true
    }),
  ])
  if (worked.status === 'rejected') throw worked.reason
  if (asked.status === 'rejected') throw asked.reason
  expect(seen.size).toBeGreaterThan(0)
  return seen
}

/** The work neither saves nor changes anything, and the live version goes on answering. */
async function untouched(work: () => Promise<unknown>): Promise<void> {
  const before = [files('purchase'), live()]
  const seen = await whileAsked(work)
  expect([files('purchase'), live()]).toEqual(before)
  expect([...seen]).toEqual([live()])
}

describe('a training that is refused', () => {
  test('names the trait that holds the label', async () => {
    await untouched(async () => {
      const line = expectRefused(await train('leaking', '--json'), 'ERR_DATASET_LEAK')
      expect(line).toContain('"outcome"')
      expect(line).not.toContain('"views_24h"')
    })
    expect(files('leaking')).toEqual([])
  })

  test.each([
    ['a target that never happens', ['never'], 'ERR_DATASET_ONE_CLASS'],
    ['a horizon beyond the journal', ['too_long'], 'ERR_DATASET_EMPTY'],
    ['a model that is not declared', ['nobody'], 'ERR_MODEL_UNKNOWN'],
    ['a name every object has', ['constructor'], 'ERR_MODEL_UNKNOWN'],
    ['a learner that there is not', ['purchase', '--learner', 'magic'], 'ERR_LEARNER_UNKNOWN'],
    ['a learner of other tasks', ['purchase', '--learner', 'linear'], 'ERR_LEARNER_TASK'],
    ['a sequence that there is not', ['purchase', '--learner', 'gru'], 'ERR_LEARNER_INPUT'],
    ['a seed that is no number', ['purchase', '--seed', 'abc'], 'ERR_CLI_OPTION'],
    ['a seed below zero', ['purchase', '--seed', '-1'], 'ERR_CLI_OPTION'],
    ['an option for tables', ['purchase', '--folds', '3'], 'ERR_CLI_OPTION'],
  ])('%s', async (_title, words, code) => {
    await untouched(async () => expectRefused(await train(...words, '--json'), code))
    if (words[0] !== 'purchase') expect(files(words[0])).toEqual([])
  })
})

describe('an interrupt', () => {
  test('once: the best so far is kept', async () => {
    await whileAsked(async () => {
      let signalled = false
      const ended = await cli(['train', 'slow', '--json'], (stderr, kill) => {
        if (signalled || !stderr.includes('search')) return
        signalled = true
        kill('SIGINT')
      })
      expect(expectTrained(ended)).toMatchObject({ version: 1, learner: 'boosted_trees' })
      expect(ended.stderr).toContain('interrupted')
    })
    expect(files('slow')).toEqual(['1', 'live.json'])
  }, 120_000)

  test('twice: it ends at once and nothing is saved', async () => {
    const before = files('slow')
    await untouched(async () => {
      let signals = 0
      const ended = await cli(['train', 'slow', '--json'], (stderr, kill) => {
        if (signals === 0 && stderr.includes('replay')) signals++
        else if (signals === 1 && stderr.includes('interrupted')) signals++
        else return
        kill('SIGINT')
      })
      expectRefused(ended, 'ERR_MODEL_INTERRUPTED')
    })
    expect(files('slow')).toEqual(before)
  })
})

test('two trainings at once both end, with two versions of which one is live', async () => {
  const before = versions()
  await whileAsked(async () => {
    const both = await Promise.all(
      ['1', '2'].map((seed) => train('purchase', '--seed', seed, '--json')),
    )
    const made = both.map((ended) => expectTrained(ended).version).sort((a, b) => a - b)
    const last = Math.max(...before)
    expect(made).toEqual([last + 1, last + 2])
    expect(made).toContain(live())
    await serves('purchase', live())
  })
  expect(files('purchase')).toEqual([...versions().map(String).sort(), 'live.json'])
}, 120_000)

describe('a full disk', () => {
  test('while saving and while promoting: coded, nothing is left, and later it goes on', async (context) => {
    if (disk === null) return context.skip('mounting a tmpfs needs root')
    const ballast = fillDisk(disk.path)
    await untouched(async () => {
      const line = expectRefused(await train('purchase', '--json'), 'ERR_MODEL_SAVE')
      expect(line).toMatch(/purchase.*ENOSPC|no space/)
      const other = versions().find((version) => version !== live())
      expectRefused(await cli(['models', 'promote', 'purchase', String(other)]), 'ERR_MODEL_SAVE')
    })
    rmSync(ballast)
    const { version } = expectTrained(await train('purchase', '--json'))
    await serves('purchase', version)
  }, 120_000)
})

describe('a damaged version', () => {
  test('is not promoted, and a registry that points at it or is damaged changes nothing', async () => {
    const good = live()
    const path = join(modelsDir, 'purchase')
    cpSync(join(path, String(good)), join(path, '90'), { recursive: true })
    const weights = readFileSync(join(path, '90', 'weights.bin'))
    weights[weights.length >> 1] ^= 1
    writeFileSync(join(path, '90', 'weights.bin'), weights)
    cpSync(join(path, String(good)), join(path, '91'), { recursive: true })
    const manifest = JSON.parse(readFileSync(join(path, '91', 'manifest.json'), 'utf8')) as object
    writeFileSync(join(path, '91', 'manifest.json'), JSON.stringify({ ...manifest, members: null }))
    await untouched(async () => {
      for (const version of ['90', '91', '92', 'x']) {
        const code = version > '91' ? 'ERR_MODEL_UNKNOWN' : 'ERR_MODEL_CORRUPT'
        expectRefused(await cli(['models', 'promote', 'purchase', version]), code)
      }
    })
    const seen = await whileAsked(async () => {
      for (const damaged of [
        '{"live":90,"previous":[]}',
        '{"live":91,"previous":[]}',
        '{"live":',
      ]) {
        writeFileSync(join(path, 'live.json'), damaged)
        await setTimeout(2_500)
      }
    })
    expect([...seen]).toEqual([good])
    expect(limn.output()).toContain('model is not served')
    expectRefused(await cli(['models', 'rollback', 'purchase']), 'ERR_MODEL_CORRUPT')
    for (const version of ['90', '91']) rmSync(join(path, version), { recursive: true })
    const { version } = expectTrained(await train('purchase', '--json'))
    await serves('purchase', version)
  }, 120_000)
})

test('a server starts with a registry that is damaged, and serves once a version is promoted', async () => {
  const other = temporaryDirectory()
  const path = join(other.path, 'models', 'purchase')
  cpSync(join(modelsDir, 'purchase', String(live())), join(path, '1'), { recursive: true })
  writeFileSync(join(path, 'live.json'), 'no JSON')
  const damaged = { ...env, LIMN_MODELS_DIR: join(other.path, 'models') }
  const started = await startLimn(other.path, damaged)
  expect((await started.get('/v1/models')).body).toEqual({ models: [] })
  expect(started.output()).toContain('ERR_MODEL_CORRUPT')
  const words = ['models', 'promote', 'purchase', '1', '--data', other.path]
  const { code, stderr } = await runLimn(words, damaged)
  expect(code, stderr).toBe(0)
  const until = Date.now() + SWAPPED_WITHIN_MS
  let served: unknown[] = []
  while (served.length === 0 && Date.now() < until) {
    served = (await started.get('/v1/models')).body.models as unknown[]
    await setTimeout(50)
  }
  expect(served).toHaveLength(1)
  expect(await started.stop()).toBe(0)
  other.remove()
})
