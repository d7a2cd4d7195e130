import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ModelRegistry } from '../../src/model/registry.ts'
import { saveMade } from './version/made-version.ts'

let directory: string
let registry: ModelRegistry

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'limn-registry-'))
  registry = new ModelRegistry(directory)
})

afterEach(() => rm(directory, { recursive: true }))

test('numbers versions, promotes, rolls back and retires', async () => {
  for (const seed of [1, 2, 3]) await saveMade(registry, { seed })
  expect(await registry.list()).toEqual([{ name: 'purchase', live: null, versions: [1, 2, 3] }])
  await registry.promote('purchase', 1)
  await registry.promote('purchase', 3)
  expect(await registry.liveVersion('purchase')).toBe(3)
  await expect(registry.retire('purchase', 3)).rejects.toMatchObject({ code: 'ERR_MODEL_LIVE' })
  expect(await registry.rollback('purchase')).toBe(1)
  const again = registry.rollback('purchase')
  await expect(again).rejects.toMatchObject({ code: 'ERR_MODEL_NO_PREVIOUS' })
  await registry.retire('purchase', 3)
  expect(await registry.versions('purchase')).toEqual([1, 2])
})

test('a damaged version is refused, and what is live stays live', async () => {
  for (const seed of [1, 2]) await saveMade(registry, { seed })
  await registry.promote('purchase', 1)
  const path = join(registry.directoryOf('purchase', 2), 'weights.bin')
  const bytes = await readFile(path)
  bytes[40] ^= 1
  await writeFile(path, bytes)
  await expect(registry.promote('purchase', 2)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
  await writeFile(path, bytes.subarray(0, 100))
  await expect(registry.promote('purchase', 2)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
  await writeFile(join(registry.directoryOf('purchase', 2), 'manifest.json'), '{"format":1')
  await expect(registry.show('purchase', 2)).rejects.toMatchObject({ code: 'ERR_MODEL_CORRUPT' })
  expect(await registry.liveVersion('purchase')).toBe(1)
})

test('a save that fails leaves no trace', async () => {
  await saveMade(registry)
  await registry.promote('purchase', 1)
  const broken = { manifest: { threshold: 1n as unknown as number } }
  await expect(saveMade(registry, broken)).rejects.toMatchObject({ code: 'ERR_MODEL_SAVE' })
  expect((await readdir(join(directory, 'purchase'))).sort()).toEqual(['1', 'live.json'])
  expect(await registry.liveVersion('purchase')).toBe(1)
})

test('a damaged live.json is replaced by a promotion', async () => {
  for (const seed of [1, 2]) await saveMade(registry, { seed })
  await registry.promote('purchase', 1)
  await writeFile(join(directory, 'purchase', 'live.json'), '{"live":')
  const corrupt = { code: 'ERR_MODEL_CORRUPT' }
  await expect(registry.liveVersion('purchase')).rejects.toMatchObject(corrupt)
  await expect(registry.rollback('purchase')).rejects.toMatchObject(corrupt)
  await registry.promote('purchase', 2)
  expect(await registry.liveVersion('purchase')).toBe(2)
})

test('drafts that a killed process left go with a later save, those of others stay', async () => {
  const path = join(directory, 'purchase')
  await saveMade(registry)
  for (const name of ['.draft-1-old', '.draft-1-new', `.draft-${process.pid}-own`]) {
    await mkdir(join(path, name))
    await writeFile(join(path, name, 'weights.bin'), 'half')
  }
  const longAgo = new Date(Date.now() - 2 * 3_600_000)
  await utimes(join(path, '.draft-1-old'), longAgo, longAgo)
  await saveMade(registry, { seed: 2 })
  const drafts = async () => (await readdir(path)).filter((name) => name.startsWith('.')).sort()
  expect(await drafts()).toEqual(['.draft-1-new', `.draft-${process.pid}-own`].sort())
  await registry.removeDrafts('purchase', 'own')
  expect(await drafts()).toEqual(['.draft-1-new'])
})

test('promotions at once leave one of the versions live', async () => {
  for (const seed of [1, 2, 3]) await saveMade(registry, { seed })
  await Promise.all([1, 2, 3].map((version) => registry.promote('purchase', version)))
  expect([1, 2, 3]).toContain(await registry.liveVersion('purchase'))
  expect((await readdir(join(directory, 'purchase'))).sort()).toEqual(['1', '2', '3', 'live.json'])
})

test('two saves at once get two versions', async () => {
  const saves = await Promise.all([1, 2, 3].map((seed) => saveMade(registry, { seed })))
  const versions = saves.map(({ manifest }) => manifest.version)
  expect(versions.sort((a, b) => a - b)).toEqual([1, 2, 3])
})

test('refuses unknown versions and bad names', async () => {
  await saveMade(registry)
  await expect(registry.show('purchase', 9)).rejects.toMatchObject({ code: 'ERR_MODEL_UNKNOWN' })
  await expect(registry.versions('../x')).rejects.toMatchObject({ code: 'ERR_MODEL_NAME' })
})
