import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { LimnError } from '../protocol/errors.ts'
import type { QueryReply } from '../protocol/shards.ts'
import { command, group, loadSettings, note, print, printJson, withEngine } from './context.ts'
import type { CommonOptions } from './context.ts'
import { runningServer } from './running-server.ts'

/** How long an undo is waited for, and how often it is looked at. */
const UNDO_WAIT_MS = 600_000
const UNDO_LOOK_MS = 200

interface IdentityOptions extends CommonOptions {
  readonly token?: string
}

interface ShowOptions extends IdentityOptions {
  readonly limit: string
  readonly before: string
}

interface Entry {
  readonly position: string
  readonly time: string
  readonly kind: string
  readonly to?: string
  readonly from?: string
  readonly of?: string
}

interface Shown {
  readonly id: string
  readonly path: readonly string[]
  readonly joined: { readonly to: string; readonly since: string | null } | null
  readonly former: readonly { readonly id: string; readonly until: string }[]
  readonly pendingCount: number
  readonly profile: { readonly links: readonly { readonly id: string; readonly since: string }[] }
  readonly trail: readonly Entry[]
  readonly cursor: { readonly next: string | null }
}

interface Undone {
  readonly id: string
  readonly state: 'done' | 'pending'
  readonly undone?: boolean
  readonly from?: string | null
}

export function identityCommand(): Command {
  const identity = group('identity', 'who an id is joined with, and how to take that back')
  identity.addCommand(
    command('show', 'joins of an id (user:…, anonymous:…, or a user id), and their trail', true)
      .argument('<id>')
      .option('--limit <n>', 'at most this many records of the trail, newest first', '50')
      .option('--before <position>', 'older than a page before: its "next"', '')
      .option('--token <token>', 'read token, when a server has the data directory open')
      .action(show),
  )
  identity.addCommand(
    command('undo', 'undoes the newest join of exactly this id: its events go back to it', true)
      .argument('<id>')
      .option('--token <token>', 'admin token, when a server has the data directory open')
      .action(undo),
  )
  return identity
}

async function show(id: string, options: ShowOptions): Promise<void> {
  const settings = loadSettings(options)
  const { limit, before } = options
  const query = { kind: 'identity', id, limit: Number(limit), before } as const
  const server = runningServer(settings.config, options.token)
  const reply =
    server === null
      ? await withEngine(settings, (engine) => engine.shards.query(query))
      : await server.query(query)
  const shown = answerOf<Shown>(reply)
  if (options.json === true) return printJson(shown)
  tell(shown)
}

function tell({ path, joined, former, pendingCount, profile, trail, cursor }: Shown): void {
  print(path.join(' → '))
  if (joined !== null) print(`joined to ${joined.to} since ${joined.since ?? 'before the journal'}`)
  for (const link of profile.links) print(`linked  ${link.since}  ${link.id}`)
  for (const { id, until } of former) print(`former  ${until}  ${id}`)
  if (pendingCount > 0) print(`${pendingCount} joins or undos are under way`)
  for (const { position, time, kind, to, from, of } of trail) {
    const whom = [to && `to ${to}`, from && `from ${from}`, of && `of ${of}`].filter(Boolean)
    print(`${time}  ${position}  ${kind}  ${whom.join(' ')}`.trimEnd())
  }
  if (cursor.next !== null) note(`more with --before ${cursor.next}`)
}

async function undo(id: string, options: IdentityOptions): Promise<void> {
  const settings = loadSettings(options)
  const server = runningServer(settings.config, options.token, 'admin')
  const undone =
    server === null
      ? await withEngine(settings, (engine) => untilUndone(() => engine.shards.undoJoin(id)))
      : await untilUndone(() => server.undoJoin(id))
  if (options.json === true) return printJson(undone)
  if (undone.state === 'pending') return print(`${undone.id}: durable; its events are on their way`)
  if (undone.undone === false) return print(`${undone.id} was given back already`)
  print(
    `${undone.id} is not joined to ${undone.from ?? 'another'} any more; its events are with it`,
  )
}

/** Asks again while the records are on their way back; the first answer says what was undone. */
async function untilUndone(ask: () => Promise<QueryReply>): Promise<Undone> {
  const deadline = performance.now() + UNDO_WAIT_MS
  const first = answerOf<Undone>(await ask())
  let last = first
  while (last.state === 'pending' && performance.now() < deadline) {
    await delay(UNDO_LOOK_MS)
    last = answerOf<Undone>(await ask())
  }
  return last === first ? first : { ...last, undone: true }
}

function answerOf<Answer>({ body }: QueryReply): Answer {
  const answer = JSON.parse(body) as { error?: { code: string; message: string } }
  if (answer.error !== undefined) throw new LimnError(answer.error.code, answer.error.message)
  return answer as Answer
}
