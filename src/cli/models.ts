import type { Command } from 'commander'
import { ModelRegistry } from '../model/registry.ts'
import { readModelVersion } from '../model/version/model-version.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, group, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'
import { versionOf } from './model-options.ts'

export function modelsCommand(): Command {
  const models = group('models', 'list, show, promote, roll back and retire model versions')
  models.addCommand(command('list', 'all models and their versions', true).action(list))
  models.addCommand(
    command('show', 'what a version was trained on and how good it is', true)
      .argument('<model>')
      .argument('[version]', 'default: the live one')
      .action(show),
  )
  models.addCommand(
    command('promote', 'a version goes live; a running server takes it within seconds', true)
      .argument('<model>')
      .argument('<version>')
      .action(promote),
  )
  models.addCommand(
    command('rollback', 'back to the version that was live before', true)
      .argument('<model>')
      .action(rollback),
  )
  models.addCommand(
    command('retire', 'a version that is not live is not offered any more', true)
      .argument('<model>')
      .argument('<version>')
      .action(retire),
  )
  return models
}

function registry(options: CommonOptions): ModelRegistry {
  return new ModelRegistry(loadSettings(options).config.models.dir)
}

async function list(options: CommonOptions): Promise<void> {
  const models = await registry(options).list()
  if (options.json === true) return printJson({ models })
  for (const { name, live, versions } of models) {
    print(`${name}: versions ${versions.join(', ')}; live ${live ?? 'none'}`)
  }
  if (models.length === 0) print('no models yet; `limn train purchase` makes one')
}

async function show(
  name: string,
  version: string | undefined,
  options: CommonOptions,
): Promise<void> {
  const models = registry(options)
  const shown = version === undefined ? await models.liveVersion(name) : versionOf(version)
  if (shown === null) {
    throw new LimnError('ERR_MODEL_UNKNOWN', `${name} has no live version; name one`)
  }
  printJson(await models.show(name, shown))
}

async function promote(name: string, version: string, options: CommonOptions): Promise<void> {
  const models = registry(options)
  const whole = await readModelVersion(models.directoryOf(name, versionOf(version)))
  whole.dispose()
  await models.promote(name, versionOf(version))
  report(options, { model: name, live: versionOf(version) })
}

async function rollback(name: string, options: CommonOptions): Promise<void> {
  const live = await registry(options).rollback(name)
  report(options, { model: name, live })
}

async function retire(name: string, version: string, options: CommonOptions): Promise<void> {
  await registry(options).retire(name, versionOf(version))
  report(options, { model: name, retired: versionOf(version) })
}

function report(options: CommonOptions, done: Record<string, unknown>): void {
  if (options.json === true) return printJson(done)
  print(
    Object.entries(done)
      .map(([key, value]) => `${key} ${value}`)
      .join(', '),
  )
}
