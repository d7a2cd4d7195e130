/**
 * Do neighbours notice when a user of 100,000 events is joined, asked about and un-merged?
 *
 * Load: `GET /v1/profiles/{id}` of random shoppers at 2,000/s on 64 keep-alive connections, open loop,
 * from the intended send time to the whole answer, on a server with a single shard, so that all are
 * neighbours: in turns with nothing else and while a user of 100,000 events is renamed to another (a new
 * one each time), asked with `?at=` and given back, over and over; medians. For comparison the same look-ups
 * beside a process that only computes: what another thread that works costs them on this machine. The server is started anew before, so that its
 * longest turn is one of these.
 */
import { spawn } from 'node:child_process'
import type { Benchmark } from './benchmark.ts'
import { size, speed } from './benchmark.ts'
import { lagNote } from './lag-note.ts'
import { lookUp, sendEvents } from './load/generator.ts'
import type { LookupResult } from './load/lookups.ts'
import { percentilesText } from './load/latency.ts'
import { median } from './median.ts'
import { ADMIN_TOKEN, READ_TOKEN, WRITE_KEY, benchDirectory, startServer } from './server.ts'
import type { BenchServer } from './server.ts'

const EVENTS = 100_000
const EVENTS_BESIDE = 500
const EVENTS_A_BODY = 500
const NEIGHBOURS = 20_000
const LOOKUPS_PER_SECOND = 2_000
const CONNECTIONS = 64
const TURNS = 3
/** Least length of a measurement, so that joins, questions and undos are all in it. */
const SECONDS_MIN = 10
const POLL_MS = 20
const ONE_SHARD = { LIMN_STORAGE_SHARDS: '1' }

const LONG = 'user:history-of-its-own'

export const identity: Benchmark = {
  name: 'identity',
  figures: [
    size('lookupP99IdentityRatio', '×', { better: 'lower', must: 2 }),
    size('lookupP99IdentityToLoopRatio', '×', { better: 'lower' }),
    speed('lookupP99MsDuringIdentity', 'ms', { better: 'lower' }),
    speed('identityTurnMaxMs', 'ms', { better: 'lower', goal: 20 }),
    speed('identityJoinSeconds', 's', { better: 'lower' }),
    speed('identityUndoSeconds', 's', { better: 'lower' }),
  ],
  async run({ seconds, say }) {
    const directory = benchDirectory()
    const filled = await startServer(directory.path, ONE_SHARD)
    await fill(filled)
    await filled.stop()
    say(`a user of ${EVENTS} events among ${NEIGHBOURS} shoppers`)
    const server = await startServer(directory.path, ONE_SHARD)
    try {
      const load = {
        address: server.address,
        readToken: READ_TOKEN,
        profiles: NEIGHBOURS,
        suffix: '',
        connections: CONNECTIONS,
        rate: LOOKUPS_PER_SECOND,
        seconds: Math.max(SECONDS_MIN, seconds),
      }
      await lookUp({ ...load, seconds: 2 })
      const work = new JoinsAndUndos(server)
      const idle: LookupResult[] = []
      const beside: LookupResult[] = []
      const busy: LookupResult[] = []
      for (let turn = 0; turn < TURNS; turn++) {
        idle.push(await lookUp(load))
        const loop = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
        beside.push(await lookUp(load))
        loop.kill('SIGKILL')
        const working = work.run()
        busy.push(await lookUp(load))
        await work.end(working)
      }
      const [turnMax] = await server.metric('limn_turn_max_seconds')
      for (const { failed, answers } of [...idle, ...beside, ...busy]) {
        if (failed > 0) throw new Error(`${failed} of ${answers} look-ups failed`)
      }
      const { joins, asks, undos } = work
      return {
        results: {
          lookupP99IdentityRatio: p99Of(busy) / p99Of(idle),
          lookupP99IdentityToLoopRatio: p99Of(busy) / p99Of(beside),
          lookupP99MsDuringIdentity: p99Of(busy),
          identityTurnMaxMs: turnMax * 1000,
          identityJoinSeconds: median(joins),
          identityUndoSeconds: median(undos),
        },
        notes: {
          lookupP99IdentityRatio: `idle ${textOf(idle)}; beside a loop ${textOf(beside)}; during ${textOf(busy)}`,
          identityUndoSeconds: `${undos.length} undos; ?at= took ${median(asks).toFixed(2)} s`,
        },
      }
    } finally {
      await server.kill()
      directory.remove()
    }
  },
}

function p99Of(results: readonly LookupResult[]): number {
  return median(results.map(({ latencyMs }) => latencyMs.p99))
}

/** Of each turn. */
function textOf(results: readonly LookupResult[]): string {
  return results
    .map(({ latencyMs, lagP99Ms }) => `${percentilesText(latencyMs)}, ${lagNote(lagP99Ms)}`)
    .join(' | ')
}

/** Joins the long user to others, looks both up in the past, and takes it back, until it is ended. */
class JoinsAndUndos {
  readonly joins: number[] = []
  readonly asks: number[] = []
  readonly undos: number[] = []
  private readonly server: BenchServer
  private ends = false
  private turn = 0

  constructor(server: BenchServer) {
    this.server = server
  }

  async run(): Promise<void> {
    this.ends = false
    while (!this.ends) {
      const other = `user:another-${this.turn++}`
      await history(this.server, other, EVENTS_BESIDE)
      this.joins.push(await timed(() => this.join(other)))
      this.asks.push(await timed(() => this.ask(other)))
      this.undos.push(await timed(() => this.undo()))
      await this.ask(LONG)
    }
  }

  async end(running: Promise<void>): Promise<void> {
    this.ends = true
    await running
  }

  private async join(other: string): Promise<void> {
    const [previousId, userId] = [LONG, other].map((id) => id.slice(5))
    await post(this.server, '/v1/alias', { previousId, userId, messageId: `join-${userId}` })
  }

  /** Time travel to now: all of a profile's events are folded for it. */
  private async ask(id: string): Promise<void> {
    const url = `${this.server.address}/v1/profiles/${id}/traits?at=${Date.now()}`
    const headers = { authorization: `Bearer ${READ_TOKEN}` }
    const answer = await fetch(url, { headers })
    const { traits } = (await answer.json()) as { traits: { events: number } }
    if (traits.events < EVENTS) throw new Error(`${id} has ${traits.events} events at present`)
  }

  private async undo(): Promise<void> {
    const url = `${this.server.address}/v1/profiles/${LONG}/identity/undo`
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    for (;;) {
      const answer = await fetch(url, { method: 'POST', headers })
      if (answer.status === 200) return
      if (answer.status !== 202) throw new Error(`undo: ${answer.status} ${await answer.text()}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}

async function fill(server: BenchServer): Promise<void> {
  const where = { address: server.address, writeKey: WRITE_KEY, profiles: NEIGHBOURS }
  const batch = { eventsPerFrame: 250, connections: 4, framesInFlight: 8 }
  await sendEvents({ ...where, ...batch, run: 0, events: NEIGHBOURS, sweep: true })
  await history(server, LONG, EVENTS)
}

/** Events a minute apart, the last of them now. */
async function history(server: BenchServer, id: string, events: number): Promise<void> {
  const userId = id.slice(5)
  for (let first = 0; first < events; first += EVENTS_A_BODY) {
    const count = Math.min(EVENTS_A_BODY, events - first)
    const batch = Array.from({ length: count }, (_, i) => {
      const timestamp = new Date(Date.now() - (events - first - i) * 60_000).toISOString()
      const messageId = `${userId}-${first + i}`
      const properties = { product_id: `p${i % 50}`, price: i % 90, category: 'shoes' }
      return { type: 'track', userId, event: 'Product Viewed', messageId, timestamp, properties }
    })
    await post(server, '/v1/import', { batch })
  }
}

async function post(server: BenchServer, path: string, body: unknown): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${WRITE_KEY}:`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/json' }
  const answer = await fetch(server.address + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok || text.includes('"rejected":[{')) throw new Error(`${answer.status} ${text}`)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}
