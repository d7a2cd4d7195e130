import { CATEGORIES, CATEGORY_NAMES } from './failures.ts'
import type { Failures } from './failures.ts'
import { TALLIES, TALLY_NAMES } from './tally.ts'
import type { Tallies, Tally } from './tally.ts'

/** What a campaign of this many kills reaches, whatever the seed; all but these may be zero. */
const KILLS_TO_REACH_ALL = 50
const MAY_BE_ZERO: readonly Tally[] = [
  'busy',
  'refusals',
  'trainings',
  'checkpoints',
  'timersFired',
]

export interface CampaignReport {
  readonly seed: number
  readonly seconds: number
  readonly ok: boolean
  readonly tallies: Readonly<Record<string, number>>
  readonly failures: Readonly<Record<string, number>>
  /** What a campaign of this length should have done and did not. */
  readonly notReached: readonly string[]
  readonly details: Failures['details']
}

export interface CampaignResult {
  readonly seed: number
  readonly seconds: number
  readonly tallies: Tallies
  readonly failures: Failures
  /** All scenarios ran. */
  readonly whole: boolean
}

export function reportOf({
  seed,
  seconds,
  tallies,
  failures,
  whole,
}: CampaignResult): CampaignReport {
  const long = whole && tallies.get('kills') >= KILLS_TO_REACH_ALL
  const notReached = TALLY_NAMES.filter((name) => {
    return long && tallies.get(name) === 0 && !MAY_BE_ZERO.includes(name)
  })
  return {
    seed,
    seconds: Math.round(seconds),
    ok: failures.total === 0 && notReached.length === 0,
    tallies: Object.fromEntries(TALLY_NAMES.map((name) => [name, tallies.get(name)])),
    failures: Object.fromEntries(CATEGORY_NAMES.map((name) => [name, failures.count(name)])),
    notReached,
    details: failures.details,
  }
}

export function renderReport({
  seed,
  seconds,
  ok,
  tallies,
  failures,
  notReached,
}: CampaignReport): string {
  const lines = [
    ...TALLY_NAMES.map((name) => line(tallies[name], name, TALLIES[name])),
    '',
    ...CATEGORY_NAMES.map((name) => line(failures[name], name, CATEGORIES[name])),
    '',
    ...notReached.map((name) => `never reached: ${name}`),
    `${ok ? 'ok' : 'FAILED'} after ${seconds} s; --seed ${seed} repeats the traffic`,
  ]
  return lines.join('\n')
}

function line(count: number, name: string, description: string): string {
  return `${String(count).padStart(9)}  ${name.padEnd(14)} ${description}`
}
