import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { KeyRing } from '../gateway/keys.ts'
import { lockDataDirectory, readDataDirectory } from '../journal/directory.ts'
import { dropCheckpoint, verifyShard } from '../journal/verify.ts'
import type { Finding } from '../journal/verify.ts'
import { ModelRegistry } from '../model/registry.ts'
import { toErrorValue } from '../protocol/errors.ts'
import { command, loadSettings, note, print, printJson } from './context.ts'
import type { CommonOptions, Settings } from './context.ts'

interface Report {
  readonly shards: { shard: number; blocks: number; records: number; checkpointPages: number }[]
  readonly findings: Finding[]
}

export function checkCommand(): Command {
  return command('check', 'configuration, data directory and checksums', true)
    .option('--repair', 'drop damaged checkpoints; the next start folds the journal again')
    .action(check)
}

async function check(options: CommonOptions & { repair?: boolean }): Promise<void> {
  const settings = loadSettings(options)
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
  const { dir, shards } = settings.config.storage
  const lock = lockDataDirectory(dir, { shardCount: shards })
  try {
    for (const shard of damaged) {
      await dropCheckpoint(join(dir, `shard-${shard}`))
      note(`shard ${shard}: checkpoint dropped; the next start rebuilds it from the journal`)
    }
  } finally {
    lock.release()
  }
}

async function inspect(settings: Settings): Promise<Report> {
  const { dir } = settings.config.storage
  const report: Report = { shards: [], findings: [] }
  if (!existsSync(dir)) return report
  const found = readDataDirectory(dir)
  const count = found?.shardCount ?? settings.config.storage.shards
  if (count !== settings.config.storage.shards) {
    const message = `the data has ${count} shards, the configuration ${settings.config.storage.shards}`
    const remedy = `set storage.shards to ${count}`
    report.findings.push({ shard: -1, kind: 'directory', message, remedy })
  }
  for (let shard = 0; shard < count; shard++) {
    const path = join(dir, `shard-${shard}`)
    if (!existsSync(path)) continue
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
  await checkRest(settings, report)
  return report
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
