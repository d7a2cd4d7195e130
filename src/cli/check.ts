import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { KeyRing } from '../gateway/keys.ts'
import { adoptManifest, holdDataDirectory } from '../journal/directory.ts'
import { missingOf, readManifest, restoreRemedy, shardPath } from '../journal/manifest.ts'
import type { FoundManifest } from '../journal/manifest.ts'
import { startShardEmpty } from '../journal/shard-meta.ts'
import { dropCheckpoint, verifyShard } from '../journal/verify.ts'
import type { Finding } from '../journal/verify.ts'
import { ModelRegistry } from '../model/registry.ts'
import { LimnError, toErrorValue } from '../protocol/errors.ts'
import { command, loadSettings, note, print, printJson } from './context.ts'
import type { CommonOptions, Settings } from './context.ts'

interface Report {
  readonly shards: { shard: number; blocks: number; records: number; checkpointPages: number }[]
  readonly findings: Finding[]
}

export function checkCommand(): Command {
  return command('check', 'configuration, data directory and checksums', true)
    .option('--repair', 'drop damaged checkpoints; the next start folds the journal again')
    .option(
      '--start-empty <shard>',
      'make this shard, whose directory was moved away, anew and without its events',
    )
    .action(check)
}

interface CheckOptions extends CommonOptions {
  readonly repair?: boolean
  readonly startEmpty?: string
}

async function check(options: CheckOptions): Promise<void> {
  const settings = loadSettings(options)
  if (options.startEmpty !== undefined) await startEmpty(settings, options.startEmpty)
  const report = await inspect(settings)
  if (options.repair === true) await repair(settings, report)
  if (report.findings.length > 0) process.exitCode = 1
  if (options.json === true) return printJson({ ok: report.findings.length === 0, ...report })
  const { definition } = settings.profile
  print(
    `configuration: ok (${Object.keys(definition.traits).length} traits, ${Object.keys(definition.segments).length} segments, ${Object.keys(definition.machines).length} machines)`,
  )
  for (const s of report.shards) {
    print(
      `shard ${s.shard}: ${s.blocks} blocks, ${s.records} records, ${s.checkpointPages} checkpoint pages`,
    )
  }
  for (const finding of report.findings) {
    print(
      `DAMAGED shard ${finding.shard} ${finding.kind}: ${finding.message}\n  what can be done: ${finding.remedy}`,
    )
  }
  print(
    report.findings.length === 0 ? 'all checksums are right' : `${report.findings.length} findings`,
  )
}

/**
 * Checkpoints can always be made again from the journal; nothing else is touched. Throws
 * `ERR_STORAGE_LOCKED` while a server has the data open.
 */
async function repair(settings: Settings, report: Report): Promise<void> {
  const damaged = new Set(
    report.findings.filter((f) => f.kind === 'checkpoint').map((f) => f.shard),
  )
  if (damaged.size === 0) return
  const { dir } = settings.config.storage
  const lock = holdDataDirectory(dir)
  try {
    for (const shard of damaged) {
      await dropCheckpoint(shardPath(dir, shard))
      note(`shard ${shard}: checkpoint dropped; the next start rebuilds it from the journal`)
    }
  } finally {
    lock.release()
  }
}

/**
 * The operator gives up the events of a shard whose directory is away. Throws `ERR_CLI_OPTION` for a
 * shard that the data does not have, `ERR_STORAGE_LOCKED` while a server has the data open,
 * `ERR_STORAGE_NOT_EMPTY` where the shard is still there.
 */
async function startEmpty(settings: Settings, text: string): Promise<void> {
  const { dir } = settings.config.storage
  const found = readManifest(dir)
  if (found === null) {
    throw new LimnError('ERR_CLI_OPTION', `${dir} is no data directory: it has no limn.json`)
  }
  const { shardCount } = found
  const shard = /^\d{1,4}$/.test(text) ? Number(text) : shardCount
  if (shard >= shardCount) {
    const message = `--start-empty ${text}: ${dir} has the shards 0 to ${shardCount - 1}`
    throw new LimnError('ERR_CLI_OPTION', message)
  }
  const lock = holdDataDirectory(dir)
  try {
    const id = found.id ?? adoptManifest(dir, shardCount).id
    await startShardEmpty({ path: shardPath(dir, shard), shard, shardCount }, id)
    note(`shard ${shard}: made anew, empty; the next start goes on without its former events`)
  } finally {
    lock.release()
  }
}

async function inspect(settings: Settings): Promise<Report> {
  const { dir, shards } = settings.config.storage
  const report: Report = { shards: [], findings: [] }
  if (!existsSync(dir)) return report
  const found = inspectManifest(settings, report)
  const count = found?.shardCount ?? shards
  for (let shard = 0; shard < count; shard++) inspectShard(dir, shard, report, found)
  await checkRest(settings, report)
  return report
}

function inspectManifest(settings: Settings, report: Report): FoundManifest | null {
  const { dir, shards } = settings.config.storage
  const find = (message: string, remedy: string): number =>
    report.findings.push({ shard: -1, kind: 'directory', message, remedy })
  try {
    const found = readManifest(dir)
    const count = found?.shardCount ?? shards
    if (count !== shards) {
      const message = `the data has ${count} shards, the configuration ${shards}`
      find(message, `set storage.shards to ${count}`)
    }
    return found
  } catch (error) {
    const { code, message } = toErrorValue(error)
    find(`${code}: ${message}`, 'restore limn.json from a backup')
    return null
  }
}

function inspectShard(
  dir: string,
  shard: number,
  report: Report,
  manifest: FoundManifest | null,
): void {
  const path = shardPath(dir, shard)
  const missing = missingOf(path)
  if (missing !== null) {
    if (manifest === null || manifest.state === 'creating') return
    const message = `${missing}: acknowledged events are gone`
    const remedy = restoreRemedy(shard)
    report.findings.push({ shard, kind: 'environment', message, remedy })
    return
  }
  try {
    const { findings, ...counts } = verifyShard(path, shard)
    report.shards.push({ shard, ...counts })
    report.findings.push(...findings)
  } catch (error) {
    const { code, message } = toErrorValue(error)
    const remedy = 'restore this shard from a backup'
    report.findings.push({ shard, kind: 'environment', message: `${code}: ${message}`, remedy })
  }
}

/** Keys and models: what cannot be read is a finding. */
async function checkRest(settings: Settings, report: Report): Promise<void> {
  const find = (kind: string, error: unknown, remedy: string): void => {
    const { code, message } = toErrorValue(error)
    report.findings.push({ shard: -1, kind, message: `${code}: ${message}`, remedy })
  }
  try {
    new KeyRing(join(settings.config.storage.dir, 'keys.json')).list()
  } catch (error) {
    find('keys', error, 'repair keys.json, or remove it and start the server to make new keys')
  }
  const registry = new ModelRegistry(settings.config.models.dir)
  for (const { name, versions } of await registry.list()) {
    for (const version of versions) {
      await registry.show(name, version).catch((error: unknown) => {
        find('model', error, `retire version ${version} of ${name} or train it again`)
      })
    }
  }
}
