/**
 * How many whole profiles a second can be looked up when nothing else happens?
 *
 * Load: `GET /v1/profiles/{id}` by autocannon on 64 keep-alive connections, closed loop without
 * pipelining, 2,000 profiles spread over all; after a warm-up. autocannon itself ends near 64,000
 * requests a second on one core.
 */
import autocannon from 'autocannon'
import type { Benchmark } from './benchmark.ts'
import { speed } from './benchmark.ts'
import { userId } from './load/frames.ts'
import { READ_TOKEN } from './server.ts'

const CONNECTIONS = 64
const PATHS = 2_000

export const lookups: Benchmark = {
  name: 'lookups',
  figures: [speed('lookupsPerSecond', '/s', { better: 'higher', must: 60_000, goal: 100_000 })],
  async run({ fixture, profiles, seconds }) {
    const server = await fixture.server()
    const load: autocannon.Options = {
      url: server.address,
      headers: { authorization: `Bearer ${READ_TOKEN}` },
      connections: CONNECTIONS,
      requests: Array.from({ length: PATHS }, (_, i) => ({
        path: `/v1/profiles/${userId(Math.floor((i * profiles) / PATHS))}`,
      })),
    }
    await autocannon({ ...load, duration: Math.ceil(seconds / 3) })
    const before = server.cpuNanoseconds()
    const result = await autocannon({ ...load, duration: seconds })
    const cpu = server.cpuNanoseconds() - before
    if (result.non2xx > 0) throw new Error(`${result.non2xx} look-ups failed`)
    return {
      results: { lookupsPerSecond: Math.round(result.requests.average) },
      notes: {
        lookupsPerSecond: `${Math.round(cpu / result.requests.total)} ns of server CPU and ${Math.round(result.throughput.total / result.requests.total)} B an answer`,
      },
    }
  },
}
