/** Prometheus text: process, gateway and shards under one prefix. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { ShardStats } from '../protocol/shards.ts'
import { RouteDurations } from './route-durations.ts'

const PREFIX = 'limn_'

export interface GatewayGauges {
  readonly inFlightRequests: () => number
  readonly inFlightBytes: () => number
  readonly refusedTotal: () => number
  readonly arrivingBodies: () => number
  readonly keylessBytes: () => number
  readonly clockDriftSeconds: () => number
}

/** One for a gateway. Labels are route templates, codes and shard numbers, never ids. */
export class GatewayMetrics {
  readonly durations = new RouteDurations(`${PREFIX}http_request_duration_seconds`)
  readonly webSockets: Gauge<'route'>
  readonly frames: Counter<'kind'>
  readonly liveMessages: Counter<'outcome'>
  readonly #registry = new Registry()

  constructor(gauges: GatewayGauges) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry, prefix: PREFIX })
    this.webSockets = new Gauge({
      name: `${PREFIX}websocket_connections`,
      help: 'Open WebSockets by route',
      labelNames: ['route'],
      registers,
    })
    this.frames = new Counter({
      name: `${PREFIX}stream_frames_total`,
      help: 'Frames on /v1/stream by what became of them',
      labelNames: ['kind'],
      registers,
    })
    this.liveMessages = new Counter({
      name: `${PREFIX}live_messages_total`,
      help: 'Messages for live subscribers, sent or dropped',
      labelNames: ['outcome'],
      registers,
    })
    this.#watch(
      'ingest_in_flight_requests',
      'Bodies and frames not yet durable',
      gauges.inFlightRequests,
    )
    this.#watch(
      'ingest_in_flight_bytes',
      'Bytes of bodies and frames not yet durable',
      gauges.inFlightBytes,
    )
    this.#watch('ingest_arriving_bodies', 'Bodies that are not whole yet', gauges.arrivingBodies)
    this.#watch(
      'ingest_keyless_bytes',
      'Bytes held of bodies whose key can only be in them',
      gauges.keylessBytes,
    )
    this.#watch(
      'clock_drift_seconds',
      'How far the wall clock is ahead of arrival time; negative where it is behind',
      gauges.clockDriftSeconds,
    )
    const { refusedTotal } = gauges
    new Counter({
      name: `${PREFIX}ingest_refused_total`,
      help: 'Bodies and frames refused because too much was in flight',
      registers,
      collect() {
        this.reset()
        this.inc(refusedTotal())
      },
    })
  }

  async render(stats: readonly ShardStats[]): Promise<string> {
    return (await this.#registry.metrics()) + this.durations.render() + renderShards(stats)
  }

  #watch(name: string, help: string, read: () => number): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}

interface Series {
  readonly type: 'counter' | 'gauge'
  readonly lines: string[]
}

function renderShards(stats: readonly ShardStats[]): string {
  const series = new Map<string, Series>()
  const add = (name: string, type: Series['type'], labels: string, value: number): void => {
    const known = series.get(name) ?? { type, lines: [] }
    known.lines.push(`${name}{${labels}} ${value}`)
    series.set(name, known)
  }
  for (const { shard, state, counters, gauges, rejected, texts = [] } of stats) {
    const label = `shard="${shard}"`
    add(`${PREFIX}shard_state`, 'gauge', `${label},state="${state}"`, 1)
    for (const [name, value] of Object.entries(counters))
      add(counterName(name), 'counter', label, value)
    for (const [name, value] of Object.entries(gauges))
      add(PREFIX + snake(name), 'gauge', label, value)
    for (const [code, value] of Object.entries(rejected)) {
      add(`${PREFIX}events_rejected_total`, 'counter', `${label},code="${code}"`, value)
    }
    for (const { field, texts: held, textsMax, refused } of texts) {
      const labels = `${label},field="${field}"`
      add(`${PREFIX}texts`, 'gauge', labels, held)
      add(`${PREFIX}texts_max`, 'gauge', labels, textsMax)
      add(`${PREFIX}texts_refused_total`, 'counter', labels, refused)
    }
  }
  let text = ''
  for (const [name, { type, lines }] of series)
    text += `# TYPE ${name} ${type}\n${lines.join('\n')}\n`
  return text
}

function counterName(name: string): string {
  const base = PREFIX + snake(name)
  return base.endsWith('_total') ? base : `${base}_total`
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
