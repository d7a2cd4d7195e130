/**
 * Does the server keep what it acknowledged when it is killed at any moment?
 *
 * Starts the built `limn serve`, has many clients send events, logins, renames and history to it over
 * both transports, kills it again and again, and compares what it tells afterwards with a ledger of
 * its own. A kill keeps the page cache: syncs that are left out are not seen here.
 *
 * `npm run test:crash -- --kills 60`
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Epoch } from './epoch.ts'
import { Failures } from './failures.ts'
import { makeFixture } from './fixture.ts'
import { USAGE, readOptions } from './options.ts'
import type { CampaignOptions } from './options.ts'
import { renderReport, reportOf } from './report.ts'
import { SCENARIOS } from './scenarios.ts'
import { Tallies } from './tally.ts'

const KILLS_AN_EPOCH = 15

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Epoch after epoch until the kills are done; every other one without history, which stops timers. */
async function campaign(options: CampaignOptions, directory: string) {
  const { seed, kills, transports, parallel } = options
  const tallies = new Tallies()
  const failures = new Failures(say)
  const fixture = await makeFixture(join(directory, 'shared'), seed)
  const until = performance.now() + options.minutes * 60_000
  // All lanes get the same, so that they end at the same time.
  const rounds = Math.ceil(kills / KILLS_AN_EPOCH / parallel)
  const killsEach = Math.ceil(kills / rounds / parallel)
  let left = kills
  let epochs = 0
  const live = options.scenarios.filter((scenario) => scenario !== SCENARIOS.history)
  const lane = async (): Promise<void> => {
    while (left > 0 && performance.now() < until) {
      const number = epochs++
      const share = Math.min(killsEach, left)
      left -= share
      const transport = transports[number % transports.length]
      const withHistory = Math.floor(number / transports.length) % 2 === 0 || live.length === 0
      const epoch = new Epoch({
        name: `e${number}`,
        directory: join(directory, `data-${number}`),
        transport,
        seed: seed + number,
        scenarios: withHistory ? options.scenarios : live,
        repeats: options.repeats,
        fixture,
        failures,
        tallies,
      })
      const done = await epoch.run(share, until)
      left += Math.max(0, share - done)
      const sums = `${tallies.get('kills')} kills, ${tallies.get('acknowledged')} acknowledged`
      say(
        `epoch ${number} (${transport}): ${done} kills; in all ${sums}, ${failures.total} failures`,
      )
    }
  }
  await Promise.all(Array.from({ length: parallel }, lane))
  return { tallies, failures }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (typeof options === 'string') {
    say(`${options}\n\n${USAGE}`)
    return 2
  }
  const { seed, json, scenarios } = options
  const began = performance.now()
  if (options.directory !== null) mkdirSync(options.directory, { recursive: true })
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), 'limn-crash-'))
  say(`crash campaign: ${options.kills} kills, --seed ${seed}, data in ${directory}`)
  const { tallies, failures } = await campaign(options, directory)
  const seconds = (performance.now() - began) / 1000
  const whole = options.repeats && scenarios.length === Object.keys(SCENARIOS).length
  const report = reportOf({ seed, seconds, tallies, failures, whole })
  if (json !== null) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  process.stdout.write(`${renderReport(report)}\n`)
  const kept = readdirSync(directory).filter((name) => name !== 'shared')
  if (kept.length === 0) rmSync(directory, { recursive: true, force: true })
  else say(`kept for a look: ${kept.map((name) => join(directory, name)).join(', ')}`)
  return report.ok ? 0 : 1
}

// An exit, unlike a signal, takes the servers along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
process.exitCode = await main()
