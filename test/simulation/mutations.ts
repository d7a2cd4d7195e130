/**
 * Does the simulation see what it is meant to see? Puts one fault after another into a copy of the
 * built product and runs seeds over it: each must be found. A fault whose place is not there any more
 * is told too, so that the list stays true.
 *
 * `npm run test:mutations [-- --seeds 1..60] [--only <name>]`
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Promised } from './promises.ts'

interface Mutation {
  readonly name: string
  /** Under `dist/`. */
  readonly file: string
  readonly edits: readonly (readonly [from: string, to: string])[]
  /** The promise that must be found broken, among those that hold without the mutation. */
  readonly breaks: Promised
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'sync removed: answers leave before the commit',
    file: 'src/shard/turn.js',
    edits: [['this.prefix.then(() => this.release(', 'Promise.resolve().then(() => this.release(']],
    breaks: 'acknowledged is durable',
  },
  {
    name: 'early confirm: a command is confirmed when it is sent',
    file: 'src/shard/commands.js',
    edits: [
      [
        'this.turn.parts.post(at.owner, command, (result) => this.answered(at, command, result));',
        'this.turn.parts.post(at.owner, command, () => undefined); this.settle(at, { outcomes: new Uint8Array(1), rejected: [], positions: [], predictions: null }); this.confirm(at);',
      ],
    ],
    breaks: 'each forward has one import',
  },
  {
    name: 'checkpoint list: what is pending is not taken up from the rows',
    file: 'src/shard/commands.js',
    edits: [['for (const row of profiles.sideRows())', 'for (const row of [])']],
    breaks: 'joins end',
  },
  {
    name: 'dedupe after identity: a repeat decides again',
    file: 'src/shard/joins.js',
    edits: [
      ['const repeated = this.wasDecided(cursor);', 'const repeated = false;'],
      [' || this.isKnown(cursor)', ''],
    ],
    breaks: 'events are where they belong',
  },
  {
    name: 'cycle check removed: an alias of two names of one person joins them',
    file: 'src/identity/decide.js',
    edits: [['if (sameKey(root, target))', 'if (sameKey(user, to))']],
    breaks: 'renames are legal',
  },
  {
    name: 'repeats are taken again',
    file: 'src/shard/turn.js',
    edits: [['|| this.parts.dedupe.add(low, high, now, now);', '|| this.parts.dedupe !== null;']],
    breaks: 'acknowledged is present once',
  },
  {
    name: 'message ids are forgotten at a restart',
    file: 'src/shard/recovery.js',
    edits: [['dedupe.addAll(hashes, writtenAt, now)', 'void hashes']],
    breaks: 'acknowledged is present once',
  },
  {
    name: 'recovery begins a record too late',
    file: 'src/shard/recovery.js',
    edits: [['from = meta.position + 1', 'from = meta.position + 2']],
    breaks: 'live = recovered',
  },
  {
    name: 'a buffer is used again before its commit',
    file: 'src/journal/shard-store.js',
    edits: [
      ['this.pending.push(block);', 'this.pending.push(block); this.buffers.giveBack(buffer);'],
    ],
    breaks: 'buffers',
  },
  {
    name: 'what is sent to be asked for has no place among what comes after it',
    file: 'src/shard/turn.js',
    edits: [
      [
        "this.passThrough(row, cursor);\n        const next = { ...place, hops: place.hops + 1, stage: 'ask', ask };",
        "const next = { ...place, hops: place.hops + 1, stage: 'ask', ask };",
      ],
    ],
    breaks: 'order of logins and what follows',
  },
  {
    name: 'an id is linked when its join arrives, not with its first event',
    file: 'src/shard/turn.js',
    edits: [
      ['this.noteOrigin(row, cursor);', ''],
      ['this.noteOrigin(applied, cursor);', ''],
    ],
    breaks: 'events are where they belong',
  },
]

const { values: given } = parseArgs({
  options: { seeds: { type: 'string', default: '1..60' }, only: { type: 'string' } },
})

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

const root = resolve(import.meta.dirname, '../../..')

/** Runs the seeds over a copy with the mutation in it; returns what is wrong, or null. */
function outcomeOf(mutation: Mutation): string | null {
  const copy = mkdtempSync(join(tmpdir(), 'limn-mutation-'))
  try {
    cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
    cpSync(join(root, 'package.json'), join(copy, 'package.json'))
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    const path = join(copy, 'dist', mutation.file)
    const text = readFileSync(path, 'utf8')
    const gone = mutation.edits.find(([from]) => !text.includes(from))
    if (gone !== undefined) return `${mutation.file} has no "${gone[0]}" any more`
    writeFileSync(
      path,
      mutation.edits.reduce((edited, [from, to]) => edited.replace(from, to), text),
    )
    const run = join(copy, 'dist/test/simulation/run.js')
    const choice = ['--seeds', given.seeds, '--only', mutation.breaks]
    const { status, stdout } = spawnSync(process.execPath, [run, ...choice], { encoding: 'utf8' })
    if (status === 1 && stdout.includes(`broken: ${mutation.breaks}`)) return null
    return `not found in seeds ${given.seeds}`
  } finally {
    rmSync(copy, { recursive: true })
  }
}

for (const mutation of MUTATIONS) {
  if (given.only !== undefined && !mutation.name.includes(given.only)) continue
  const wrong = outcomeOf(mutation)
  say(
    `${wrong === null ? 'found    ' : 'NOT FOUND'} ${mutation.name}${wrong === null ? '' : `: ${wrong}`}`,
  )
  if (wrong !== null) process.exitCode = 1
}
