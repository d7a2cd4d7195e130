/**
 * How fast and how large is Limn on this machine, with the load generator beside it? Runs the
 * benchmarks one after the other against one server with all profiles and reports figures and budgets.
 *
 *     npm run bench -- [--quick] [--full] [--json] [--profiles N] [--only name,…]
 *                     [--repeat N] [--compare]
 *
 * `--only` takes benchmarks or figures; `--repeat` reports medians. `--compare` fails where a figure is
 * worse than in `benchmarks/baseline.json` by more than the tolerance.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../src/config/server-config.ts'
import { compare } from './baseline.ts'
import type { Benchmark, BenchmarkContext, Outcome } from './benchmark.ts'
import { datasetFiles } from './dataset-files.bench.ts'
import { Fixture } from './fixture.ts'
import { growth } from './growth.bench.ts'
import { identity } from './identity.bench.ts'
import { ingestJson } from './ingest-json.bench.ts'
import { ingestSingle } from './ingest-single.bench.ts'
import { journal } from './journal.bench.ts'
import { keyIndex } from './key-index.bench.ts'
import { lookupDuringIngest } from './lookup-during-ingest.bench.ts'
import { lookupDuringTraining } from './lookup-during-training.bench.ts'
import { lookups } from './lookups.bench.ts'
import { median } from './median.ts'
import { memory } from './memory.bench.ts'
import { recovery } from './recovery.bench.ts'
import { redis } from './redis.bench.ts'
import { referenceMilliseconds } from './reference-loop.ts'
import { describeMachine, table } from './report.ts'
import type { Report } from './report.ts'
import { scoring } from './scoring.bench.ts'
import { sequence } from './sequence.bench.ts'
import { start } from './start.bench.ts'
import { trees } from './trees.bench.ts'
import { visible } from './visible.bench.ts'

/** In the order of the run: what changes the fixture's server least comes first. */
const BENCHMARKS: readonly Benchmark[] = [
  start,
  scoring,
  trees,
  sequence,
  keyIndex,
  journal,
  datasetFiles,
  memory,
  recovery,
  lookups,
  ingestJson,
  ingestSingle,
  visible,
  lookupDuringIngest,
  lookupDuringTraining,
  identity,
  growth,
  redis,
]
/** Figures without a benchmark yet. */
const NOT_THERE = ['ingestBinaryEventsPerSecond', 'serverCpuNsPerEventBinary']

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    profiles: { type: 'string' },
    only: { type: 'string' },
    repeat: { type: 'string', default: '1' },
  },
})

// An orderly exit ends the servers and removes their directories.
process.once('SIGINT', () => process.exit(1))
process.once('SIGTERM', () => process.exit(1))

const root = packageRoot()
const selected = select(options.only)
const report = await run(selected)
if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
else process.stdout.write(table(selected, report))
if (options.compare) compareWithBaseline(report)

function select(only: string | undefined): readonly Benchmark[] {
  if (only === undefined) return BENCHMARKS
  const asked = only.split(',')
  const answers = ({ name, figures }: Benchmark, word: string): boolean =>
    name === word || figures.some(({ key }) => key === word)
  const unknown = asked.filter((word) => !BENCHMARKS.some((one) => answers(one, word)))
  if (unknown.length > 0) {
    const names = BENCHMARKS.map(({ name }) => name).join(', ')
    throw new Error(`no benchmark or figure "${unknown.join(', ')}"; benchmarks: ${names}`)
  }
  return BENCHMARKS.filter((one) => asked.some((word) => answers(one, word)))
}

async function run(benchmarks: readonly Benchmark[]): Promise<Report> {
  const profiles = Number(options.profiles ?? (options.quick ? 100_000 : 1_000_000))
  const seconds = options.quick ? 5 : 15
  const withModel = benchmarks.some(({ needsModel }) => needsModel === true)
  const fixture = new Fixture({ profiles, fillEvents: 2 * profiles, withModel, say })
  const results: Record<string, number | null> = {}
  const notes: Record<string, string> = {}
  const reference: Record<string, number> = {}
  const { full } = options
  const context: BenchmarkContext = { profiles, seconds, full, fixture, measured: results, say }
  try {
    for (const benchmark of benchmarks) {
      say(`${benchmark.name} …`)
      const before = referenceMilliseconds()
      const outcome = await repeated(benchmark, context)
      reference[benchmark.name] = rounded(Math.min(before, referenceMilliseconds()))
      Object.assign(results, outcome.results)
      Object.assign(notes, outcome.notes)
    }
  } finally {
    await fixture.remove()
  }
  if (options.only === undefined) noteWhatIsNotThere(results, notes)
  return { machine: describeMachine(root, profiles), results, notes, reference }
}

/** Each figure's median; the notes are of the last time. */
async function repeated(benchmark: Benchmark, context: BenchmarkContext): Promise<Outcome> {
  const outcomes: Outcome[] = []
  while (outcomes.length < Number(options.repeat)) outcomes.push(await benchmark.run(context))
  const results: Record<string, number | null> = {}
  for (const { key } of benchmark.figures) {
    const values = outcomes.map((outcome) => outcome.results[key]).filter((one) => one !== null)
    results[key] = values.length === 0 ? null : rounded(median(values))
  }
  return { results, notes: outcomes.at(-1)?.notes ?? {} }
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

function noteWhatIsNotThere(
  results: Record<string, number | null>,
  notes: Record<string, string>,
): void {
  for (const key of NOT_THERE) {
    results[key] = null
    notes[key] = 'not run: there is no binary frame format yet'
  }
}

function compareWithBaseline(now: Report): void {
  const file = join(root, 'benchmarks', 'baseline.json')
  const baseline = JSON.parse(readFileSync(file, 'utf8')) as Report
  const { lines, failures } = compare(selected, now, baseline)
  for (const line of lines) say(line)
  if (failures > 0) process.exitCode = 1
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
