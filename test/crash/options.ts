import { parseArgs } from 'node:util'
import { SCENARIOS } from './scenarios.ts'
import type { Scenario } from './scenarios.ts'

export interface CampaignOptions {
  readonly kills: number
  readonly seed: number
  readonly transports: readonly ('uws' | 'node')[]
  /** No kill begins after this many minutes. */
  readonly minutes: number
  readonly parallel: number
  readonly scenarios: readonly Scenario[]
  /** Messages that are acknowledged already are sent once more. */
  readonly repeats: boolean
  readonly json: string | null
  readonly directory: string | null
}

const TRANSPORTS = { uws: ['uws'], node: ['node'], both: ['uws', 'node'] } as const
const PARALLEL_MAX = 16
const MINUTES_DEFAULT = '600'

const WORDS = {
  kills: { type: 'string' },
  seed: { type: 'string' },
  transport: { type: 'string', default: 'both' },
  minutes: { type: 'string', default: MINUTES_DEFAULT },
  parallel: { type: 'string', default: '2' },
  only: { type: 'string' },
  without: { type: 'string' },
  'no-repeats': { type: 'boolean', default: false },
  json: { type: 'string' },
  dir: { type: 'string' },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof WORDS }>>['values']

export const USAGE = `npm run test:crash -- --kills <n> [options]

  --kills <n>         kill -9 this often, in all
  --seed <n>          repeats what is sent, not the instants of the kills (default: drawn)
  --transport <name>  uws, node or both (both)
  --minutes <n>       no further kill after this time
  --parallel <n>      servers at once, each with its own data (2)
  --only <names>      scenarios, separated by commas: ${Object.keys(SCENARIOS).join(', ')}
  --without <names>   all scenarios but these
  --no-repeats        do not send acknowledged messages again
  --json <file>       writes the report there too
  --dir <directory>   where the data goes (a temporary directory)`

/** The options, or what is wrong with them. */
export function readOptions(words: readonly string[]): CampaignOptions | string {
  try {
    return checked(parseArgs({ args: [...words], options: WORDS }).values)
  } catch (error) {
    if (error instanceof TypeError) return error.message
    throw error
  }
}

function checked(values: Values): CampaignOptions | string {
  const kills = positive(values.kills, Number.MAX_SAFE_INTEGER)
  if (kills === null) return `--kills: found ${values.kills}, allowed: a whole number above 0`
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : positive(values.seed, 2 ** 31)
  if (seed === null) return `--seed: found ${values.seed}, allowed: a whole number above 0`
  const parallel = positive(values.parallel, PARALLEL_MAX)
  if (parallel === null)
    return `--parallel: found ${values.parallel}, allowed: 1 to ${PARALLEL_MAX}`
  const minutes = Number(values.minutes)
  if (!(minutes > 0)) return `--minutes: found ${values.minutes}, allowed: a number above 0`
  const { transport, json = null, dir: directory = null } = values
  if (!isTransport(transport)) return `--transport: found ${transport}, allowed: uws, node, both`
  const scenarios = chosen(values.only, values.without)
  if (typeof scenarios === 'string') return scenarios
  const transports = TRANSPORTS[transport]
  const repeats = !values['no-repeats']
  return { kills, seed, transports, minutes, parallel, scenarios, repeats, json, directory }
}

function positive(text: string | undefined, max: number): number | null {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 && number <= max ? number : null
}

function isTransport(text: string): text is keyof typeof TRANSPORTS {
  return Object.hasOwn(TRANSPORTS, text)
}

function chosen(
  only: string | undefined,
  without: string | undefined,
): readonly Scenario[] | string {
  const left = only === undefined ? Object.keys(SCENARIOS) : only.split(',')
  const out = without?.split(',') ?? []
  const unknown = [...left, ...out].filter((name) => !Object.hasOwn(SCENARIOS, name))
  if (unknown.length > 0) {
    return `no scenario ${unknown.join(', ')}; there are: ${Object.keys(SCENARIOS).join(', ')}`
  }
  const names = left.filter((name) => !out.includes(name))
  return names.length === 0 ? 'no scenario is left' : names.map((name) => SCENARIOS[name])
}
