import { build } from 'hdr-histogram-js'

const MICROSECONDS_MAX = 120_000_000

export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Durations in an HdrHistogram of µs; given and read in ms. */
export class Latency {
  private readonly histogram = build({ highestTrackableValue: MICROSECONDS_MAX })

  record(ms: number): void {
    this.histogram.recordValue(Math.min(MICROSECONDS_MAX, Math.max(1, Math.round(ms * 1000))))
  }

  percentiles(): Percentiles {
    const at = (percent: number): number => this.histogram.getValueAtPercentile(percent) / 1000
    return { p50: at(50), p99: at(99), p999: at(99.9), max: this.histogram.maxValue / 1000 }
  }
}

export function percentilesText({ p50, p99, p999, max }: Percentiles): string {
  const ms = (value: number): string => value.toPrecision(3)
  return `p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, max ${ms(max)} ms`
}
