/**
 * How fast is a dataset built from the journal, and how much memory does it take?
 *
 *     node dist/benchmarks/dataset.bench.js [--data DIR] [--events N] [--models name,…]
 *
 * Load: a simulated shop's history of about that many events in two shards, written through a
 * server's stream; or the journal of a data directory that no server has open. Each model of the
 * profile file is built in a process of its own, one shard after the other, on one thread, with a
 * warm page cache. Memory is the most of anonymous memory (the journal is mapped and does not count)
 * above what the process had before. Not measured: reading from a cold disk, training. Budget:
 * 200,000 records a second and 1 GiB with 10 million records.
 */
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { loadProfileConfig } from '../src/config/profile-config.ts'
import { loadServerConfig } from '../src/config/server-config.ts'
import { buildDataset } from '../src/model/dataset/dataset.ts'
import { planModel } from '../src/model/definition.ts'
import { journalSource } from '../src/model/journal/journal-source.ts'
import { Shop } from '../src/simulator/shop.ts'
import { StreamClient } from '../src/simulator/stream-client.ts'
import { WRITE_KEY, benchDirectory, startServer } from './server.ts'

const DAY_MS = 86_400_000
const HISTORY_DAYS = 75
/** Of a shopper of the simulated shop, in that time. */
const EVENTS_A_SHOPPER = 178
const KIB = 1_024
const MIB = 1_048_576

interface Measured {
  readonly model: string
  readonly records: number
  readonly seconds: number
  readonly recordsPerSecond: number
  /** Of the process, its collector's threads included. */
  readonly cpuSeconds: number
  readonly rows: number
  readonly peakMebibytes: number
}

async function fill(dataDir: string, events: number): Promise<void> {
  const server = await startServer(dataDir)
  const endTime = Date.now()
  const shoppers = Math.ceil(events / EVENTS_A_SHOPPER)
  const shop = new Shop({ seed: 1, shoppers, startTime: endTime - HISTORY_DAYS * DAY_MS })
  const { address } = server
  const client = new StreamClient({
    address,
    writeKey: WRITE_KEY,
    history: true,
    eventsPerFrame: 200,
  })
  for (let event = shop.next(); event.time < endTime; event = shop.next()) {
    await client.send(event.message)
  }
  await client.drain()
  client.close()
  await server.stop()
}

async function measure(dataDir: string, model: string): Promise<Measured> {
  const config = loadServerConfig({ env: {} })
  const { definition, models } = loadProfileConfig(config.profile.file)
  const { shardCount } = JSON.parse(readFileSync(`${dataDir}/limn.json`, 'utf8')) as {
    shardCount: number
  }
  const source = journalSource({ dataDir, shardCount, profile: definition })
  const before = anonymousBytes()
  let peak = before
  const cpu = process.cpuUsage()
  const started = performance.now()
  const { records, table } = await buildDataset(source, planModel(models[model]), () => {
    peak = Math.max(peak, anonymousBytes())
  })
  const seconds = (performance.now() - started) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  peak = Math.max(peak, anonymousBytes())
  return {
    model,
    records,
    seconds: Number(seconds.toFixed(2)),
    recordsPerSecond: Math.round(records / seconds),
    cpuSeconds: Number(((user + system) / 1e6).toFixed(2)),
    rows: table.count,
    peakMebibytes: Math.round((peak - before) / MIB),
  }
}

function anonymousBytes(): number {
  const match = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return match === null ? Number.NaN : Number(match[1]) * KIB
}

function measureApart(dataDir: string, model: string): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), ['--data', dataDir, '--measure', model])
    child.once('message', (measured: Measured) => resolve(measured))
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`measuring ${model} ended with ${code}`))
    })
  })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      events: { type: 'string', default: '1000000' },
      models: { type: 'string', default: 'purchase,churn' },
      measure: { type: 'string' },
    },
  })
  const dataDir = values.data ?? benchDirectory().path
  if (values.measure !== undefined) {
    process.send?.(await measure(dataDir, values.measure))
    return
  }
  if (values.data === undefined) await fill(dataDir, Number(values.events))
  const measurements: Measured[] = []
  for (const model of values.models.split(',')) {
    measurements.push(await measureApart(dataDir, model))
  }
  console.table(measurements)
  console.log(JSON.stringify(measurements))
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main()
}
