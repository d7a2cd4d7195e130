import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { dropCheckpoint } from '../src/journal/verify.ts'
import { Shop } from '../src/simulator/shop.ts'
import { StreamClient } from '../src/simulator/stream-client.ts'
import { sendEvents } from './load/generator.ts'
import type { GeneratorCost } from './load/generator.ts'
import type { IngestOptions, IngestResult } from './load/ingest.ts'
import { LIMN, WRITE_KEY, benchDirectory, startServer } from './server.ts'
import type { BenchServer } from './server.ts'

/** Events a frame, connections and frames under way of batch loads, where nothing else is said. */
const BATCH_LOAD = { eventsPerFrame: 250, connections: 4, framesInFlight: 8 }
const HISTORY_SHOPPERS = 600
const HISTORY_DAYS = 45
const DAY_MS = 86_400_000

export interface FixtureOptions {
  readonly profiles: number
  /** Events with which it is filled; each profile gets at least one. */
  readonly fillEvents: number
  /** Trains `purchase` on a simulated shop's history and makes it live, before the profiles come. */
  readonly withModel: boolean
  readonly say: (text: string) => void
}

export type Load = Partial<Omit<IngestOptions, 'address' | 'writeKey' | 'run'>>
export type Loaded = IngestResult & GeneratorCost & { readonly serverCpuNsPerEvent: number }

/** A data directory with profiles, and its server. Starts and fills when it is first needed. */
export class Fixture {
  readonly shards = 2
  /** Accepted in all, the simulated shop's apart. */
  eventsSent = 0
  private readonly options: FixtureOptions
  private readonly directory = benchDirectory()
  private started: Promise<void> | null = null
  private running: BenchServer | null = null
  private runs = 0

  constructor(options: FixtureOptions) {
    this.options = options
  }

  /** The running server, with all profiles. */
  async server(): Promise<BenchServer> {
    this.started ??= this.start()
    await this.started
    if (this.running === null) throw new Error('the server of the fixture is stopped')
    return this.running
  }

  /** Sends events to the server and measures what they cost it. */
  async load(given: Load): Promise<Loaded> {
    const server = await this.server()
    return this.loadOn(server, given)
  }

  /** Ends the server in an orderly way, so that its checkpoint is complete, and starts it again. */
  async restart(options: { readonly dropCheckpoint: boolean }): Promise<BenchServer> {
    const server = await this.server()
    await server.stop()
    this.running = null
    if (options.dropCheckpoint) {
      for (let shard = 0; shard < this.shards; shard++)
        await dropCheckpoint(join(this.directory.path, `shard-${shard}`))
    }
    this.running = await startServer(this.directory.path)
    return this.running
  }

  /** `limn train purchase` on the data directory, beside the running server; nothing goes live. */
  trainAside(): { running(): boolean; end(): Promise<void> } {
    const words = ['train', 'purchase', '--candidate', '--data', this.directory.path]
    const child = spawn(process.execPath, [LIMN, ...words], { stdio: ['ignore', 2, 2] })
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    return {
      running: () => child.exitCode === null,
      end: () => {
        child.kill('SIGKILL')
        return ended
      },
    }
  }

  async remove(): Promise<void> {
    await this.running?.kill()
    this.directory.remove()
  }

  private async start(): Promise<void> {
    const server = await startServer(this.directory.path)
    this.running = server
    if (this.options.withModel) await this.teach(server)
    const { profiles, fillEvents, say } = this.options
    const swept = await this.loadOn(server, { events: profiles, sweep: true })
    const random = Math.max(0, fillEvents - profiles)
    if (random > 0) await this.loadOn(server, { events: random })
    say(`${profiles} profiles filled at ${Math.round(swept.eventsPerSecond)} events/s`)
  }

  private async loadOn(server: BenchServer, given: Load): Promise<Loaded> {
    const before = server.cpuNanoseconds()
    const { address } = server
    const { profiles } = this.options
    const where = { address, writeKey: WRITE_KEY, run: this.runs++, profiles }
    const result = await sendEvents({ ...BATCH_LOAD, ...where, ...given })
    const cpu = server.cpuNanoseconds() - before
    this.eventsSent += result.events
    return { ...result, serverCpuNsPerEvent: cpu / result.events }
  }

  /** History of a simulated shop over a WebSocket, then `limn train`, as a user would. */
  private async teach(server: BenchServer): Promise<void> {
    const { say } = this.options
    const startTime = Date.now() - HISTORY_DAYS * DAY_MS
    const shop = new Shop({ seed: 1, shoppers: HISTORY_SHOPPERS, startTime })
    const client = new StreamClient({
      address: server.address,
      writeKey: WRITE_KEY,
      history: true,
      eventsPerFrame: 200,
    })
    for (let event = shop.next(); event.time < Date.now(); event = shop.next()) {
      await client.send(event.message)
    }
    await client.drain()
    client.close()
    await limn('train', 'purchase', '--data', this.directory.path)
    await server.modelServes('purchase')
    say(`a purchase model is live, trained on ${client.sent} events of a simulated shop`)
  }
}

/** Runs a command of the command line; what it prints goes to standard error. */
function limn(...words: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [LIMN, ...words], { stdio: ['ignore', 2, 2] })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`limn ${words.join(' ')} ended with ${code}`))
    })
  })
}
