import { join } from 'node:path'
import { Argument } from 'commander'
import type { Command } from 'commander'
import { KEY_SCOPES, KeyRing } from '../gateway/keys.ts'
import type { KeyScope } from '../gateway/keys.ts'
import { LimnError } from '../protocol/errors.ts'
import { command, group, loadSettings, print, printJson } from './context.ts'
import type { CommonOptions } from './context.ts'

export function keysCommand(): Command {
  const keys = group('keys', 'list, create and revoke keys')
  keys.addCommand(command('list', 'all keys, without their texts', true).action(list))
  keys.addCommand(
    command('create', 'a new key; its text is printed once', true)
      .addArgument(new Argument('<scope>').choices([...KEY_SCOPES]))
      .option('--name <name>', 'what it is for', '')
      .action(create),
  )
  keys.addCommand(command('revoke', 'a key by its id', true).argument('<id>').action(revoke))
  return keys
}

function ring(options: CommonOptions): KeyRing {
  return new KeyRing(join(loadSettings(options).config.storage.dir, 'keys.json'))
}

function list(options: CommonOptions): void {
  const keys = ring(options).list()
  if (options.json === true) return printJson({ keys })
  for (const key of keys) print(`${key.id}  ${key.scope.padEnd(5)}  ${key.created}  ${key.name}`)
  if (keys.length === 0)
    print('no keys yet; `limn serve` makes one of each scope at its first start')
}

function create(scope: KeyScope, options: CommonOptions & { name: string }): void {
  const { entry, text } = ring(options).create({ scope, name: options.name })
  if (options.json === true) return printJson({ ...entry, key: text })
  print(`${entry.id}  ${entry.scope}\n${text}`)
}

function revoke(id: string, options: CommonOptions): void {
  const revoked = ring(options).revoke(id)
  if (!revoked) throw new LimnError('ERR_KEYS_UNKNOWN', `no key ${id}; limn keys list shows them`)
  if (options.json === true) return printJson({ revoked: id })
  print(`revoked ${id}`)
}
