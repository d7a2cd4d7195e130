/**
 * How many JSON events a second become durable, and what does one cost the server?
 *
 * Load: frames of 250 Segment messages of about 280 bytes, 4 WebSockets, closed loop with 8 frames on
 * each, random profiles out of all; after a warm-up. Acknowledged means durable. The generator
 * shares the cores, so CPU an event is published beside the rate.
 */
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { percentilesText } from './load/latency.ts'

export const ingestJson: Benchmark = {
  name: 'ingestJson',
  figures: [
    speed('ingestJsonEventsPerSecond', '/s', { better: 'higher', must: 250_000, goal: 500_000 }),
    speed('serverCpuNsPerEventJson', 'ns', { better: 'lower' }),
  ],
  async run({ fixture, seconds }) {
    await fixture.load({ seconds: seconds / 3 })
    const load = await fixture.load({ seconds })
    return {
      results: {
        ingestJsonEventsPerSecond: Math.round(load.eventsPerSecond),
        serverCpuNsPerEventJson: Math.round(load.serverCpuNsPerEvent),
      },
      notes: {
        ingestJsonEventsPerSecond: `acknowledged in ${percentilesText(load.latencyMs)}; rejected ${load.rejected}, frames refused ${load.refusedFrames}`,
        serverCpuNsPerEventJson: `the generator took ${Math.round(load.generatorCpuNanoseconds / load.events)} ns an event`,
      },
    }
  },
}
