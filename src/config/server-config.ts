import { existsSync, readFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BootstrapKeys, Environment } from './environment.ts'
import { readEnvironment } from './environment.ts'
import type { DeepReadonly } from './freeze.ts'
import { deepFreeze } from './freeze.ts'
import type { ServerSettings } from './server-schema.ts'
import { serverSchema } from './server-schema.ts'
import type { Fault, SchemaNode } from './validation.ts'
import { findFaults, withDefaults } from './validation.ts'
import { YamlFile, refuseFaults } from './yaml-file.ts'

type Settings = DeepReadonly<ServerSettings>

export interface ServerConfig extends Settings {
  /** `models.dir` is absolute: the given one, or `models` in the data directory. */
  readonly models: Settings['models'] & { readonly dir: string }
  /** `storage.dir` is absolute. */
  readonly storage: Settings['storage']
  /** `profile.file` is absolute: the given one, or the shipped definition. */
  readonly profile: { readonly file: string }
  readonly bootstrap: BootstrapKeys
}

type Section = keyof ServerSettings

export interface ServerConfigSources {
  /** The server file; without it, defaults. */
  readonly file?: string | undefined
  readonly env: Environment
  /** Options of the command line; undefined values are left out. */
  readonly overrides?: { readonly [S in Section]?: Partial<ServerSettings[S]> } | undefined
}

type Sections = Record<string, Record<string, unknown>>

/**
 * Reads the configuration: defaults, then the file, then the environment, then overrides. The
 * result is frozen. Throws `ERR_CONFIG_UNREADABLE` or `ERR_CONFIG_INVALID`, the latter with a
 * line for each fault that names where it is, what was found and what is allowed.
 */
export function loadServerConfig(sources: ServerConfigSources): ServerConfig {
  const file = sources.file === undefined ? null : new YamlFile(resolve(sources.file))
  const given = file?.value ?? {}
  file?.refuse(findFaults(serverSchema, withDefaults(serverSchema, given)))
  const { settings, bootstrap } = readEnvironment(sources.env, serverSchema)
  const layers: Sections[] = [given as Sections, settings, overrideLayer(sources.overrides ?? {})]
  const merged = withDefaults(serverSchema, mergeSections(layers)) as ServerSettings
  const base = file === null ? process.cwd() : dirname(resolve(sources.file ?? ''))
  const dir = resolve(merged.storage.dir)
  return deepFreeze({
    ...merged,
    storage: { ...merged.storage, dir },
    models: { ...merged.models, dir: resolve(merged.models.dir ?? join(dir, 'models')) },
    profile: { file: profileFile(merged.profile.file, base) },
    bootstrap,
  })
}

/** The package's own directory, from sources and from the build alike. */
export function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const file = join(dir, 'package.json')
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'limn') return dir
    const parent = dirname(dir)
    if (parent === dir) throw new Error('package.json of limn not found above its own code')
    dir = parent
  }
}

function profileFile(given: string | undefined, base: string): string {
  if (given === undefined) return join(packageRoot(), 'config', 'profile.yaml')
  return isAbsolute(given) ? given : join(base, given)
}

function overrideLayer(overrides: NonNullable<ServerConfigSources['overrides']>): Sections {
  const layer: Sections = {}
  for (const [section, values] of Object.entries(overrides)) {
    const kept = Object.entries(values).filter(([, value]) => value !== undefined)
    layer[section] = Object.fromEntries(kept)
  }
  const faults = findFaults(serverSchema as SchemaNode, layer).filter(isNotMissing)
  refuseFaults(faults.map(({ path, message }) => `option ${path.join('.')}: ${message}`))
  return layer
}

function isNotMissing(fault: Fault): boolean {
  return !fault.message.startsWith('missing')
}

function mergeSections(layers: readonly Sections[]): Sections {
  const merged: Sections = {}
  for (const layer of layers) {
    for (const [section, values] of Object.entries(layer)) {
      merged[section] = { ...merged[section], ...values }
    }
  }
  return merged
}
