/**
 * How many events a second become durable when each is a WebSocket message of its own?
 *
 * Load: bare Segment messages of about 280 bytes, 32 WebSockets, closed loop with 16 messages on each;
 * after a warm-up. The generator writes messages that leave at the same moment in one piece.
 */
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { percentilesText } from './load/latency.ts'

const SINGLE_LOAD = { eventsPerFrame: 1, connections: 32, framesInFlight: 16 }

export const ingestSingle: Benchmark = {
  name: 'ingestSingle',
  figures: [
    speed('singleMessageEventsPerSecond', '/s', { better: 'higher', must: 60_000, goal: 120_000 }),
  ],
  async run({ fixture, seconds }) {
    await fixture.load({ ...SINGLE_LOAD, seconds: seconds / 3 })
    const load = await fixture.load({ ...SINGLE_LOAD, seconds })
    return {
      results: { singleMessageEventsPerSecond: Math.round(load.eventsPerSecond) },
      notes: {
        singleMessageEventsPerSecond: `acknowledged in ${percentilesText(load.latencyMs)}; ${Math.round(load.serverCpuNsPerEvent)} ns of server CPU an event, ${Math.round(load.generatorCpuNanoseconds / load.events)} ns of the generator's`,
      },
    }
  },
}
