import { join } from 'node:path'
import type { Command } from 'commander'
import { openDeadLetters } from '../journal/dead-letters.ts'
import type { StoredDeadLetter } from '../journal/dead-letters.ts'
import type { IngestRoute } from '../protocol/shards.ts'
import { command, group, loadSettings, note, print, printJson, withEngine } from './context.ts'
import type { CommonOptions, Settings } from './context.ts'

interface Letter extends StoredDeadLetter {
  readonly shard: number
}

interface ListOptions extends CommonOptions {
  readonly limit: string
  readonly code?: string
}

export function deadLettersCommand(): Command {
  const deadLetters = group('deadletters', 'events that were rejected, with the reason')
  deadLetters.addCommand(
    command('list', 'newest first', true)
      .option('--limit <n>', 'at most this many', '50')
      .option('--code <code>', 'only with this error code')
      .action(list),
  )
  deadLetters.addCommand(
    command('replay', 'sends them through the decoder again; the accepted ones are removed', true)
      .option('--limit <n>', 'at most this many', '100000')
      .option('--code <code>', 'only with this error code')
      .action(replay),
  )
  return deadLetters
}

function list(options: ListOptions): void {
  const letters = read(loadSettings(options), options)
  if (options.json === true) return printJson({ deadLetters: letters })
  for (const letter of letters) {
    const time = new Date(letter.receivedAt).toISOString()
    print(`${time}  ${letter.shard}:${letter.id}  ${letter.code}  ${letter.reason}`)
    print(`    ${letter.original.slice(0, 200)}`)
  }
  note(`${letters.length} dead letters`)
}

async function replay(options: ListOptions): Promise<void> {
  const settings = loadSettings(options)
  const letters = read(settings, options).reverse()
  const counts = await withEngine(settings, async (engine) => {
    let accepted = 0
    for (const letter of letters) {
      const reply = await engine.shards.ingest({
        route: letter.route as IngestRoute,
        body: new Uint8Array(new TextEncoder().encode(bodyOf(letter))),
        receivedAt: letter.receivedAt,
        predict: [],
        userAgent: '',
        lane: letter.shard,
      })
      if (reply.error !== null || reply.rejected.length > 0) continue
      accepted++
      await engine.shards.removeDeadLetter(letter.shard, letter.id)
    }
    return { replayed: letters.length, accepted, rejected: letters.length - accepted }
  })
  if (options.json === true) return printJson(counts)
  print(
    `${counts.replayed} replayed: ${counts.accepted} accepted, ${counts.rejected} rejected again`,
  )
}

/** A single item of a batch is sent as a batch of one, so that its own `type` counts. */
function bodyOf(letter: Letter): string {
  const many = letter.route === 'batch' || letter.route === 'import' || letter.route === 'stream'
  return many && !letter.original.includes('"batch"')
    ? `{"batch":[${letter.original}]}`
    : letter.original
}

function read(settings: Settings, options: ListOptions): Letter[] {
  const { dir, shards } = settings.config.storage
  const letters: Letter[] = []
  for (let shard = 0; shard < shards; shard++) {
    const found = openDeadLetters(join(dir, `shard-${shard}`), { limit: Number(options.limit) })
    for (const letter of found) {
      if (options.code === undefined || letter.code === options.code)
        letters.push({ ...letter, shard })
    }
  }
  letters.sort((a, b) => b.receivedAt - a.receivedAt || b.id - a.id)
  return letters.slice(0, Number(options.limit))
}
