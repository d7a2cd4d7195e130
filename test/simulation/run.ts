/**
 * Runs the simulation over many seeds and says what it found and what it reached.
 *
 * `npm run test:simulation -- --seeds 1..1000 [--operations 2000] [--jobs 2]`
 * `npm run test:simulation -- --seed 7 [--trace]`
 * `--only <promise,…>` checks some promises, `--without <operation,…>` leaves operations out,
 * `--all` goes on after a seed that fails.
 */
import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Coverage, OPERATIONS } from './coverage.ts'
import { PROMISES } from './promises.ts'
import { shrink } from './shrink.ts'
import { simulate } from './simulation.ts'
import type { SimulationOptions, SimulationResult } from './simulation.ts'

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1..100' },
    seed: { type: 'string' },
    operations: { type: 'string', default: '2000' },
    jobs: { type: 'string', default: '1' },
    only: { type: 'string' },
    without: { type: 'string' },
    trace: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    worker: { type: 'boolean', default: false },
  },
})

type Choice = Omit<SimulationOptions, 'seed' | 'trace'>

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function fail(text: string): never {
  process.stderr.write(`simulation: ${text}\n`)
  process.exit(2)
}

function whole(name: string, text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0) fail(`--${name} ${text} is not a whole number`)
  return number
}

function chosen<T extends string>(
  name: string,
  list: string | undefined,
  known: readonly T[],
): T[] {
  const names = list === undefined ? [] : list.split(',')
  return names.map((text) => {
    const found = known.find((one) => one === text)
    if (found === undefined) fail(`--${name} ${text} is none of: ${known.join(', ')}`)
    return found
  })
}

function seeds(): [first: number, last: number] {
  if (given.seed !== undefined) return [whole('seed', given.seed), whole('seed', given.seed)]
  const [first, last = first] = given.seeds.split('..')
  return [whole('seeds', first), whole('seeds', last)]
}

const choice: Choice = {
  operations: whole('operations', given.operations),
  without: chosen('without', given.without, OPERATIONS),
  ...(given.only === undefined ? {} : { only: chosen('only', given.only, PROMISES) }),
}

/** The line that repeats a seed. */
function repeats(seed: number, operations: number): string {
  const parts = [`npm run test:simulation -- --seed ${seed} --operations ${operations}`]
  if (given.only !== undefined) parts.push(`--only '${given.only}'`)
  if (given.without !== undefined) parts.push(`--without '${given.without}'`)
  return parts.join(' ')
}

/** Every `step`-th seed from `first` on. */
async function* each(first: number, last: number, step: number): AsyncGenerator<SimulationResult> {
  const trace = given.trace ? { trace: (line: string) => say(line) } : {}
  for (let seed = first; seed <= last; seed += step) {
    yield await simulate({ ...choice, ...trace, seed })
  }
}

/** The same in other processes, as they come. */
async function* fromJobs(
  first: number,
  last: number,
  jobs: number,
): AsyncGenerator<SimulationResult> {
  const results: SimulationResult[] = []
  let wake: () => void = () => undefined
  let running = jobs
  const children = Array.from({ length: jobs }, (_, job) => {
    const seedsOf = `${first + job}..${last}`
    const child = fork(import.meta.filename, [
      ...process.argv.slice(2),
      '--worker',
      '--seeds',
      seedsOf,
    ])
    child.on('message', (result: SimulationResult) => {
      results.push(result)
      wake()
    })
    child.on('exit', (code) => {
      if (code !== 0) fail(`a job ended with ${code}`)
      running--
      wake()
    })
    return child
  })
  try {
    while (running > 0 || results.length > 0) {
      const next = results.shift()
      if (next !== undefined) yield next
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    for (const child of children) child.removeAllListeners('exit').kill()
  }
}

async function work(): Promise<void> {
  const [first, last] = seeds()
  for await (const result of each(first, last, whole('jobs', given.jobs))) process.send?.(result)
  process.disconnect()
}

async function main(): Promise<void> {
  const [first, last] = seeds()
  const jobs = Math.max(1, Math.min(whole('jobs', given.jobs), last - first + 1))
  const coverage = new Coverage()
  const failed = new Map<string, number[]>()
  const started = performance.now()
  let done = 0
  let steps = 0
  let toldAt = started
  let bad = 0
  for await (const result of jobs > 1 ? fromJobs(first, last, jobs) : each(first, last, 1)) {
    done++
    steps += result.steps
    coverage.merge(result.coverage)
    if (result.broken.length > 0) {
      bad++
      for (const promise of new Set(result.broken.map((b) => b.promise))) {
        failed.set(promise, [...(failed.get(promise) ?? []), result.seed])
      }
      if (!given.all || given.seed !== undefined) {
        await tell(result)
        break
      }
      const [{ promise, what }] = result.broken
      say(`seed ${result.seed} breaks after ${result.operations}: ${promise}: ${what}`)
    }
    if (performance.now() - toldAt > 5_000) {
      toldAt = performance.now()
      const rate = (done / (toldAt - started)) * 1000
      say(`${done} of ${last - first + 1} seeds, ${rate.toFixed(1)} seeds/s, ${bad} failed`)
    }
  }
  const seconds = (performance.now() - started) / 1000
  say(`\nReached:\n${coverage.report()}`)
  const cpu = process.cpuUsage()
  const cpuMs =
    jobs > 1 ? '' : `, ${((cpu.user + cpu.system) / 1000 / done).toFixed(0)} ms of processor a seed`
  say(
    `\n${done} seeds of ${choice.operations} operations, ${steps} events in ${seconds.toFixed(1)} s: ${(done / seconds).toFixed(1)} seeds/s${cpuMs}`,
  )
  for (const [promise, found] of failed) {
    say(
      `broken: ${promise}: ${found.length} seeds (${found.slice(0, 8).join(' ')}${found.length > 8 ? ' …' : ''})`,
    )
  }
  const missing = given.without === undefined && done > 99 ? coverage.missing() : []
  for (const name of missing) say(`never reached: ${name}`)
  process.exitCode = bad > 0 || missing.length > 0 ? 1 : 0
}

async function tell(result: SimulationResult): Promise<void> {
  say(`\nseed ${result.seed} breaks, found after ${result.operations} operations:`)
  for (const { promise, what } of result.broken) say(`  ${promise}: ${what}`)
  say(`repeat it: ${repeats(result.seed, result.operations)}`)
  if (given.seed !== undefined) return
  const fewer = await shrink({ ...choice, seed: result.seed }, result)
  if (fewer < result.operations) say(`and shorter: ${repeats(result.seed, fewer)}`)
}

await (given.worker ? work() : main())
