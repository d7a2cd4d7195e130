import type { LiveMessage } from '../protocol/shards.ts'
import type { Cancel, Clock } from '../runtime/clock.ts'
import type { ShardClient } from './client.ts'

/** The `overview` topic: once an interval, while somebody listens, what all shards do together. */
export class Overview {
  private readonly client: ShardClient
  private readonly intervalMs: number
  private readonly publish: (message: LiveMessage) => void
  private readonly clock: Clock
  private timer: Cancel | null = null
  private last: { at: number; events: number } | null = null

  constructor(
    client: ShardClient,
    { clock, intervalMs }: { clock: Clock; intervalMs: number },
    publish: (message: LiveMessage) => void,
  ) {
    this.client = client
    this.clock = clock
    this.intervalMs = intervalMs
    this.publish = publish
  }

  start(): void {
    this.timer ??= this.clock.every(this.intervalMs, () => {
      this.tick().catch(() => undefined)
    })
  }

  stop(): void {
    this.timer?.()
    this.timer = null
    this.last = null
  }

  private async tick(): Promise<void> {
    const [stats, counts] = await Promise.all([this.client.stats(), this.client.segmentCounts()])
    const sum = (name: string): number =>
      stats.reduce((total, s) => total + (s.counters[name] ?? 0), 0)
    const now = this.clock.now()
    const events = sum('events_accepted')
    const at = this.clock.monotonic()
    const before = this.last ?? { at: at - this.intervalMs, events }
    this.last = { at, events }
    const { latency } = this.client
    const quantile = (p: number): number | null =>
      latency.totalCount === 0 ? null : latency.getValueAtPercentile(p) / 1000
    const data = {
      profiles: stats.reduce((total, s) => total + (s.gauges.profiles ?? 0), 0),
      eventsTotal: events,
      eventsPerSecond: ((events - before.events) * 1000) / Math.max(1, at - before.at),
      rejectedTotal: sum('events_rejected'),
      duplicatesTotal: sum('events_duplicate'),
      latencyMs: { p50: quantile(50), p99: quantile(99) },
      shards: stats.map(({ shard, state }) => ({ shard, state })),
      segments: Object.fromEntries(this.client.segmentNames.map((name, i) => [name, counts[i]])),
      recent: this.client.takeRecent().slice(0, 24),
    }
    latency.reset()
    this.publish({
      topic: 'overview',
      body: JSON.stringify({ topic: 'overview', time: now, data }),
    })
  }
}
