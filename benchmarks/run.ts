/**
 * How fast and how large is Limn on this machine, with the load generator beside it?
 *
 * Load model: Segment track messages of about 250 bytes over one WebSocket (batch frames, closed loop
 * unless a rate is given), against a server in its own process on an embedded store in a temporary
 * directory; look-ups by autocannon from this process. Budgets: docs/performance.md.
 *
 * `npm run bench -- [--quick] [--json] [--profiles N]`
 */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { runLoad } from './generator.ts'
import type { LoadResult } from './generator.ts'
import { lookupDuringIngest, lookups } from './lookup.ts'
import { run as scoring } from './scoring.bench.ts'
import { WRITE_KEY, benchDirectory, startServer } from './server.ts'
import type { BenchServer } from './server.ts'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, profiles: { type: 'string' } },
})
const quick = options.quick === true
const profiles = Number(options.profiles ?? (quick ? 100_000 : 1_000_000))
const seconds = quick ? 5 : 15
const results: Record<string, number | null> = {}
const notes: Record<string, string> = {}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function load(
  server: BenchServer,
  given: Partial<Parameters<typeof runLoad>[0]>,
): Promise<LoadResult> {
  return runLoad({
    address: server.address,
    writeKey: WRITE_KEY,
    eventsPerFrame: 250,
    connections: 4,
    framesInFlight: 8,
    profiles,
    ...given,
  })
}

let nextMessage = 0

/** Runs a load and returns it with the server's CPU time an event, ns. */
async function measured(
  server: BenchServer,
  given: Partial<Parameters<typeof runLoad>[0]>,
): Promise<LoadResult & { cpuNs: number }> {
  const before = server.cpuNanoseconds()
  const result = await load(server, { firstMessage: nextMessage, ...given })
  nextMessage += 100_000_000
  return { ...result, cpuNs: (server.cpuNanoseconds() - before) / result.events }
}

const directory = benchDirectory()
try {
  let server = await startServer(directory.path)
  results.startSecondsEmpty = server.startSeconds
  say(`ready on an empty directory in ${server.startSeconds.toFixed(2)} s`)

  const fill = await measured(server, { events: profiles, sweep: true, firstMessage: 1e12 })
  say(`${profiles} profiles filled at ${Math.round(fill.eventsPerSecond)} events/s`)
  results.residentBytesPerProfile = server.residentBytes() / profiles
  results.bytesPerProfile = (await server.metric('limn_profile_bytes')) / 2

  const json = await measured(server, { seconds })
  results.ingestJsonEventsPerSecond = Math.round(json.eventsPerSecond)
  results.serverCpuNsPerEventJson = Math.round(json.cpuNs)
  say(
    `JSON batches, durable: ${Math.round(json.eventsPerSecond)} events/s, ${Math.round(json.cpuNs)} ns of server CPU an event, ack p99 ${json.latencyMs.p99.toFixed(1)} ms`,
  )

  const single = await measured(server, {
    seconds,
    eventsPerFrame: 1,
    framesInFlight: 16,
    connections: 32,
  })
  results.singleMessageEventsPerSecond = Math.round(single.eventsPerSecond)
  say(`one event a message: ${Math.round(single.eventsPerSecond)} events/s`)

  const half = await measured(server, {
    seconds,
    rate: json.eventsPerSecond / 2,
    framesInFlight: 16,
  })
  results.visibleP99Ms = half.latencyMs.p99
  results.visibleP50Ms = half.latencyMs.p50
  notes.visibleP99Ms = `acknowledged after durability, open loop at half load, generator lag p99 ${half.generatorLagP99Ms.toFixed(2)} ms`
  say(
    `at half load: acknowledged p50 ${half.latencyMs.p50.toFixed(1)} ms, p99 ${half.latencyMs.p99.toFixed(1)} ms`,
  )

  const read = await lookups(server.address, profiles, seconds)
  results.lookupsPerSecond = Math.round(read.perSecond)
  say(`profile look-ups alone: ${Math.round(read.perSecond)}/s`)

  const during = await lookupDuringIngest(server.address, profiles, seconds, (rate) =>
    load(server, {
      seconds: seconds + 2,
      rate,
      firstMessage: (nextMessage += 100_000_000),
      eventsPerFrame: 50,
      framesInFlight: 16,
    }),
  )
  results.lookupP99MsDuringIngest = during.p99Ms
  notes.lookupP99MsDuringIngest = `predictions at 5,000/s while ${Math.round(during.eventsPerSecond)} events/s arrived; p50 ${during.p50Ms} ms; status not 2xx: ${during.errors}`
  say(
    `look-ups at 5 K/s during ${Math.round(during.eventsPerSecond)} events/s: p50 ${during.p50Ms} ms, p99 ${during.p99Ms} ms`,
  )

  await new Promise((resolve) => setTimeout(resolve, 32_000))
  await server.kill()
  server = await startServer(directory.path)
  const recovery = await server.metric('limn_recovery_seconds')
  results.recoverySecondsPerMillionProfiles = (recovery / 2 / profiles) * 1e6
  results.restartSeconds = server.startSeconds
  notes.recoverySecondsPerMillionProfiles = `after kill -9: mean of two shards in parallel, checkpoint and tail of ${await server.metric('limn_recovery_replayed_records')} records; process ready again after ${server.startSeconds.toFixed(2)} s`
  say(`recovery: ${notes.recoverySecondsPerMillionProfiles}`)
  await server.kill()

  const scored = await scoring({ seconds: quick ? 0.3 : 1 })
  results.scoreRowsPerSecond = Math.round(scored.scoreRowsPerSecond)
} finally {
  directory.remove()
}

for (const name of [
  'ingestBinaryEventsPerSecond',
  'serverCpuNsPerEventBinary',
  'replayEventsPerSecond',
  'growthRatio',
  'redisEventsPerSecond',
  'ratioToRedis',
]) {
  results[name] = null
}
notes.ingestBinaryEventsPerSecond = 'there is no binary frame format yet'
notes.growthRatio = 'not run; run with --profiles to compare sizes'
notes.redisEventsPerSecond = 'not run'
notes.replayEventsPerSecond = 'not run'

const machine = {
  cpu: cpus()[0].model,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  profiles,
  version: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
}
if (options.json === true)
  process.stdout.write(`${JSON.stringify({ machine, results, notes }, null, 2)}\n`)
else console.table(results)
