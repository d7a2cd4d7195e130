import autocannon from 'autocannon'
import type { LoadResult } from './generator.ts'
import { READ_TOKEN } from './server.ts'

const PATHS = 2_000
const INGEST_RATE = 50_000
const LOOKUP_RATE = 5_000

function requests(profiles: number, suffix: string): autocannon.Request[] {
  return Array.from({ length: PATHS }, (_, i) => {
    const user = Math.floor((i * profiles) / PATHS)
    return { method: 'GET' as const, path: `/v1/profiles/u${user}${suffix}` }
  })
}

function fire(address: string, given: Partial<autocannon.Options>): Promise<autocannon.Result> {
  return new Promise((resolve, reject) => {
    autocannon(
      { url: address, headers: { authorization: `Bearer ${READ_TOKEN}` }, ...given },
      (error: unknown, result: autocannon.Result) =>
        error ? reject(error as Error) : resolve(result),
    )
  })
}

/** Whole profiles, closed loop, without pipelining. */
export async function lookups(
  address: string,
  profiles: number,
  seconds: number,
): Promise<{ perSecond: number }> {
  const result = await fire(address, {
    connections: 64,
    duration: seconds,
    requests: requests(profiles, ''),
  })
  if (result.non2xx > 0) throw new Error(`${result.non2xx} look-ups failed`)
  return { perSecond: result.requests.average }
}

/** Predictions (or traits where no model serves) at a fixed rate while events arrive. */
export async function lookupDuringIngest(
  address: string,
  profiles: number,
  seconds: number,
  ingest: (rate: number) => Promise<LoadResult>,
): Promise<{ p50Ms: number; p99Ms: number; eventsPerSecond: number; errors: number }> {
  const loading = ingest(INGEST_RATE)
  const result = await fire(address, {
    connections: 16,
    overallRate: LOOKUP_RATE,
    duration: seconds,
    requests: requests(profiles, '/predictions'),
  })
  const load = await loading
  return {
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    eventsPerSecond: load.eventsPerSecond,
    errors: result.non2xx,
  }
}
