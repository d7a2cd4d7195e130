import type { Command } from 'commander'
import { LimnError } from '../protocol/errors.ts'
import type { Query, QueryReply } from '../protocol/shards.ts'
import { command, loadSettings, print, withEngine } from './context.ts'
import type { CommonOptions, Settings } from './context.ts'
import { runningServer } from './running-server.ts'

interface ProfileOptions extends CommonOptions {
  readonly at?: string
  readonly history?: boolean
  readonly limit: string
  readonly token?: string
}

export function profileCommand(): Command {
  return command('profile', 'the profile of a shopper (user:…, anonymous:…, or a user id)', true)
    .argument('<id>')
    .option('--at <time>', 'as of this time (ISO 8601)')
    .option('--history', 'the events, newest first, instead of the profile')
    .option('--limit <n>', 'with --history: how many events', '50')
    .option('--token <token>', 'read token, when a server has the data directory open')
    .action(show)
}

async function show(id: string, options: ProfileOptions): Promise<void> {
  const settings = loadSettings(options)
  const at = options.at === undefined ? null : Date.parse(options.at)
  if (Number.isNaN(at)) {
    throw new LimnError('ERR_CLI_TIME', `--at takes an ISO 8601 time, found "${options.at}"`)
  }
  const query: Query =
    options.history === true
      ? { kind: 'events', id, limit: Number(options.limit), before: '' }
      : { kind: 'profile', id, scope: 'all', minPosition: '', at }
  const reply = await ask(settings, query, options)
  const answer = JSON.parse(reply.body) as { error?: { code: string; message: string } }
  if (answer.error !== undefined) throw new LimnError(answer.error.code, answer.error.message)
  print(JSON.stringify(answer, null, 2))
}

async function ask(settings: Settings, query: Query, options: ProfileOptions): Promise<QueryReply> {
  const server = runningServer(settings.config, options.token)
  if (server === null) return withEngine(settings, (engine) => engine.shards.query(query))
  return server.query(query)
}
