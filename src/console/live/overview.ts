import { signal } from '@preact/signals'
import { getJson } from './request.ts'
import { subscribe } from './socket.ts'
import type { OverviewData, RecentShopper, SegmentInfo } from './types.ts'

/** Seconds of course the charts show: no less than the first, growing to the second. */
const COURSE_SECONDS = { min: 30, max: 180 }
const RECENT_MAX = 12

export interface Sample {
  readonly time: number
  readonly rate: number
  readonly p50: number | null
  readonly p99: number | null
}

export const overview = signal<OverviewData>({})
export const samples = signal<readonly Sample[]>([])
export const recent = signal<readonly RecentShopper[]>([])
export const segments = signal<readonly SegmentInfo[]>([])

function receive(data: OverviewData, time: number): void {
  overview.value = data
  const sample = {
    time,
    rate: data.eventsPerSecond ?? 0,
    p50: data.latencyMs?.p50 ?? null,
    p99: data.latencyMs?.p99 ?? null,
  }
  samples.value = [
    ...samples.value.filter((s) => s.time > time - COURSE_SECONDS.max * 1000),
    sample,
  ]
  const fresh = [...(data.recent ?? [])].sort((a, b) => b.time - a.time)
  const seen = new Set<string>()
  recent.value = [...fresh, ...recent.value]
    .filter(({ id }) => !seen.has(id) && seen.add(id))
    .slice(0, RECENT_MAX)
}

/** Seconds that the charts cover by now. */
export function courseSeconds(): number {
  const course = samples.value
  const covered = ((course.at(-1)?.time ?? 0) - (course[0]?.time ?? 0)) / 1000
  return Math.min(COURSE_SECONDS.max, Math.max(COURSE_SECONDS.min, covered))
}

export function startOverview(): () => void {
  getJson<{ segments?: readonly SegmentInfo[] }>('/v1/segments')
    .then((body) => {
      segments.value = body.segments ?? []
    })
    .catch(() => undefined)
  return subscribe('overview', (data, time) => receive((data ?? {}) as OverviewData, time))
}
