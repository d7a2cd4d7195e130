import { Command, Option } from 'commander'
import { loadProfileConfig } from '../config/profile-config.ts'
import type { ProfileConfig } from '../config/profile-config.ts'
import { loadServerConfig } from '../config/server-config.ts'
import type { ServerConfig, ServerConfigSources } from '../config/server-config.ts'
import { startEngine } from '../engine.ts'
import type { Engine } from '../engine.ts'
import { createLogger } from '../observe/log.ts'
import { toErrorValue } from '../protocol/errors.ts'
import type { ErrorValue } from '../protocol/shards.ts'

/** Options that every command has. */
export interface CommonOptions {
  readonly config?: string
  readonly data?: string
  readonly json?: boolean
}

export interface Settings {
  readonly config: ServerConfig
  readonly profile: ProfileConfig
}

/** A command that only has others below it, which take the options. */
export function group(name: string, description: string): Command {
  return new Command(name).description(description)
}

/** A command with `--config`, `--data` and, where it reports, `--json`. */
export function command(name: string, description: string, reports: boolean): Command {
  const made = new Command(name)
    .description(description)
    .addOption(new Option('-c, --config <file>', 'server configuration (YAML)'))
    .addOption(
      new Option('-d, --data <dir>', 'data directory (default: storage.dir of the config)'),
    )
  if (reports) made.addOption(new Option('--json', 'print one JSON document on standard output'))
  return made
}

/** Configuration from defaults, file, environment and the command line, in this order. */
export function loadSettings(
  options: CommonOptions,
  overrides: NonNullable<ServerConfigSources['overrides']> = {},
): Settings {
  const config = loadServerConfig({
    file: options.config,
    env: process.env,
    overrides: { ...overrides, storage: { ...overrides.storage, dir: options.data } },
  })
  const profile = loadProfileConfig(config.profile.file)
  for (const warning of profile.warnings) note(`warning: ${warning}`)
  return { config, profile }
}

/** Runs work on the shards of a data directory that no server has open. */
export async function withEngine<T>(
  settings: Settings,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const log = createLogger({ level: 'error' })
  const engine = await startEngine({ ...settings, log, timers: false, onFatal: endProcess })
  try {
    return await work(engine)
  } finally {
    await engine.stop()
  }
}

/** A fault that the process cannot go on with. */
export function endProcess(error: ErrorValue): never {
  process.stderr.write(`limn: ${error.code}: ${error.message}\n`)
  process.exit(1)
}

/** Something for a person, on standard error, so that standard output stays parseable. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}

/** Ends a command that failed: exit 1 and the coded reason. */
export function reportFailure(error: unknown): void {
  const { code, message } = toErrorValue(error)
  process.stderr.write(`limn: ${code}: ${message}\n`)
  if (code === 'ERR_INTERNAL' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
}
