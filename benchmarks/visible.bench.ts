/**
 * How long after it is sent is an event visible and durable, when the server is half loaded?
 *
 * Load: half of the rate that a closed loop reached just before, open loop, frames of 50 Segment
 * messages on 4 WebSockets, random profiles. Latency runs from the intended send time to the
 * acknowledgement, which follows fold and commit; 30 s, so that a checkpoint is in it.
 */
import type { Benchmark } from './benchmark.ts'
import { CHECKPOINT_SECONDS, speed } from './benchmark.ts'
import { lagNote } from './lag-note.ts'
import { percentilesText } from './load/latency.ts'

const OPEN_LOAD = { eventsPerFrame: 50, framesInFlight: 16 }

export const visible: Benchmark = {
  name: 'visible',
  figures: [
    speed('visibleP50Ms', 'ms', { better: 'lower', goal: 1 }),
    speed('visibleP99Ms', 'ms', { better: 'lower', must: 10, goal: 5 }),
  ],
  async run({ fixture, seconds }) {
    await fixture.load({ ...OPEN_LOAD, seconds: seconds / 2 })
    const full = await fixture.load({ ...OPEN_LOAD, seconds: seconds / 2 })
    const rate = full.eventsPerSecond / 2
    const load = await fixture.load({ ...OPEN_LOAD, seconds: CHECKPOINT_SECONDS, rate })
    return {
      results: { visibleP50Ms: load.latencyMs.p50, visibleP99Ms: load.latencyMs.p99 },
      notes: {
        visibleP99Ms: `${percentilesText(load.latencyMs)} at ${Math.round(load.eventsPerSecond)} of ${Math.round(rate)} events/s asked; ${lagNote(load.lagP99Ms)}`,
      },
    }
  },
}
