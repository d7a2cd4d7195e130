/**
 * How long does the prediction of a random shopper take while events arrive?
 *
 * Load: `GET /v1/profiles/{id}/predictions/purchase` at 5,000/s on 128 keep-alive connections, open
 * loop, from the intended send time to the whole answer, while 50,000 events/s arrive in frames of 50,
 * open loop too; 30 s, so that a checkpoint is in it. Two generator processes. A model that was
 * trained on a simulated shop is live.
 */
import type { Benchmark } from './benchmark.ts'
import { CHECKPOINT_SECONDS, speed } from './benchmark.ts'
import { lagNote } from './lag-note.ts'
import { lookUp } from './load/generator.ts'
import { percentilesText } from './load/latency.ts'
import { READ_TOKEN } from './server.ts'
import type { BenchServer } from './server.ts'

const LOOKUPS_PER_SECOND = 5_000
const EVENTS_PER_SECOND = 50_000
const CONNECTIONS = 128
/** Events begin before the look-ups and end after them. */
const MARGIN_SECONDS = 2

export const lookupDuringIngest: Benchmark = {
  name: 'lookupDuringIngest',
  needsModel: true,
  figures: [
    speed('lookupP50MsDuringIngest', 'ms', { better: 'lower', goal: 0.3 }),
    speed('lookupP99MsDuringIngest', 'ms', { better: 'lower', must: 10, goal: 3 }),
  ],
  async run({ fixture, profiles }) {
    const server = await fixture.server()
    const [events, found] = await Promise.all([
      fixture.load({
        eventsPerFrame: 50,
        framesInFlight: 16,
        rate: EVENTS_PER_SECOND,
        seconds: CHECKPOINT_SECONDS + 2 * MARGIN_SECONDS,
      }),
      lookUpLater(server, profiles),
    ])
    if (found.failed > 0) throw new Error(`${found.failed} of ${found.answers} look-ups failed`)
    return {
      results: {
        lookupP50MsDuringIngest: found.latencyMs.p50,
        lookupP99MsDuringIngest: found.latencyMs.p99,
      },
      notes: {
        lookupP99MsDuringIngest: `${percentilesText(found.latencyMs)} at ${Math.round(found.perSecond)}/s; ${lagNote(found.lagP99Ms)}; ${Math.round(events.eventsPerSecond)} events/s arrived, acknowledged in ${percentilesText(events.latencyMs)}, ${lagNote(events.lagP99Ms)}`,
      },
    }
  },
}

async function lookUpLater(server: BenchServer, profiles: number): ReturnType<typeof lookUp> {
  await new Promise((resolve) => setTimeout(resolve, MARGIN_SECONDS * 1000))
  return lookUp({
    address: server.address,
    readToken: READ_TOKEN,
    profiles,
    suffix: '/predictions/purchase',
    connections: CONNECTIONS,
    rate: LOOKUPS_PER_SECOND,
    seconds: CHECKPOINT_SECONDS,
  })
}
