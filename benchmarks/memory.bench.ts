/**
 * How many bytes does a profile take?
 *
 * Load: the fixture's profiles, each with one event and as many again at random. `bytesPerProfile` is
 * what the server says of its columns, index and side data; the resident set has the heaps, the
 * remembered message ids and pages of the store in it too, so it is an upper bound.
 */
import type { Benchmark } from './benchmark.ts'
import { size } from './benchmark.ts'

export const memory: Benchmark = {
  name: 'memory',
  figures: [
    size('bytesPerProfile', 'B', { better: 'lower', must: 512, goal: 330 }),
    size('residentBytesPerProfile', 'B', { better: 'lower' }),
  ],
  async run({ fixture, profiles }) {
    const server = await fixture.server()
    const ofShards = await server.metric('limn_profile_bytes')
    return {
      results: {
        bytesPerProfile: Math.round(ofShards.reduce((sum, one) => sum + one, 0) / ofShards.length),
        residentBytesPerProfile: Math.round(server.residentBytes() / profiles),
      },
    }
  },
}
