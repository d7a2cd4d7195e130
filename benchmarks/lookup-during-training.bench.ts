/**
 * How much longer does the prediction of a random shopper take while a model is trained?
 *
 * Load: `GET /v1/profiles/{id}/predictions/purchase` at 2,000/s on 64 keep-alive connections, open
 * loop, from the intended send time to the whole answer: once with nothing else, then while
 * `limn train purchase --candidate` replays the same data directory and searches, as a user would run
 * it, in a process of its own whose worker has a lower priority. Another generator process.
 */
import type { Benchmark } from './benchmark.ts'
import { size, speed } from './benchmark.ts'
import { lagNote } from './lag-note.ts'
import { lookUp } from './load/generator.ts'
import { percentilesText } from './load/latency.ts'
import { READ_TOKEN } from './server.ts'

const LOOKUPS_PER_SECOND = 2_000
const CONNECTIONS = 64

export const lookupDuringTraining: Benchmark = {
  name: 'lookupDuringTraining',
  needsModel: true,
  figures: [
    speed('lookupP99MsDuringTraining', 'ms', { better: 'lower' }),
    size('lookupP99TrainingRatio', '×', { better: 'lower', must: 2 }),
  ],
  async run({ fixture, profiles, seconds }) {
    const server = await fixture.server()
    const load = {
      address: server.address,
      readToken: READ_TOKEN,
      profiles,
      suffix: '/predictions/purchase',
      connections: CONNECTIONS,
      rate: LOOKUPS_PER_SECOND,
      seconds,
    }
    const idle = await lookUp(load)
    const training = fixture.trainAside()
    const busy = await lookUp(load)
    const state = training.running() ? 'still running at the end' : 'ended before the look-ups did'
    await training.end()
    for (const { failed, answers } of [idle, busy]) {
      if (failed > 0) throw new Error(`${failed} of ${answers} look-ups failed`)
    }
    return {
      results: {
        lookupP99MsDuringTraining: busy.latencyMs.p99,
        lookupP99TrainingRatio: busy.latencyMs.p99 / idle.latencyMs.p99,
      },
      notes: {
        lookupP99MsDuringTraining: `${percentilesText(busy.latencyMs)}, ${lagNote(busy.lagP99Ms)}; idle ${percentilesText(idle.latencyMs)}, ${lagNote(idle.lagP99Ms)}; the training was ${state}`,
      },
    }
  },
}
