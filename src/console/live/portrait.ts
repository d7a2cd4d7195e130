import { signal } from '@preact/signals'
import { getJson } from './request.ts'
import { subscribe } from './socket.ts'
import type { LiveProfileData, Predictions, Profile, StoredEvent } from './types.ts'

const COURSE_MAX = 240
const EVENTS_REFRESH_MS = 700
/** A user's profile may come into being a moment after the login that leads to it was told. */
const FOLLOW_RETRY_MS = 1000

export interface ScorePoint {
  readonly time: number
  readonly score: number
}
export interface Transition {
  readonly time: number
  readonly machine: string
  readonly from: string
  readonly to: string
}

export const selected = signal('')
/** Under which id the shopper was opened, where a login has led to another one since; or ''. */
export const openedAs = signal('')
export const profile = signal<Profile | null>(null)
export const predictions = signal<Predictions>({})
export const course = signal<readonly ScorePoint[]>([])
export const transitions = signal<readonly Transition[]>([])
export const events = signal<readonly StoredEvent[]>([])
export const problem = signal('')

let stop: () => void = () => undefined
let eventsTimer = 0

const pathOf = (id: string): string => `/v1/profiles/${encodeURIComponent(id)}`
const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** Opens a shopper's portrait and follows it; `id` as in the API: `user:x`, `anonymous:x` or `x`. */
export function open(id: string): void {
  stop()
  clearTimeout(eventsTimer)
  eventsTimer = 0
  const full = /^(user|anonymous):/.test(id) ? id : `user:${id}`
  openedAs.value = ''
  profile.value = null
  predictions.value = {}
  course.value = []
  transitions.value = []
  events.value = []
  problem.value = ''
  watch(full)
  load(full).catch((error: unknown) => {
    if (selected.value === full) problem.value = messageOf(error)
  })
}

function watch(id: string): void {
  stop()
  selected.value = id
  stop = subscribe(`profile:${id}`, (data, time) => {
    if (selected.value === id) receive((data ?? {}) as LiveProfileData, time)
  })
}

/** Goes on with the profile that the watched one was joined to; what is shown stays until it is there. */
function follow(id: string): void {
  if (openedAs.value === '') openedAs.value = selected.value
  watch(id)
  load(id).catch(() => {
    setTimeout(() => {
      if (selected.value === id) load(id).catch(() => undefined)
    }, FOLLOW_RETRY_MS)
  })
}

/** Reads the whole portrait; also called after a reconnect, when changes may have been missed. */
export async function load(id: string): Promise<void> {
  const [found, scored] = await Promise.all([
    getJson<Profile>(pathOf(id)),
    getJson<{ predictions?: Predictions }>(`${pathOf(id)}/predictions`).catch(() => ({
      predictions: {},
    })),
  ])
  if (selected.value !== id) return
  if (found.id !== undefined && found.id !== id) return follow(found.id)
  problem.value = ''
  apply({ profile: found, predictions: scored.predictions ?? {} }, Date.now())
  await loadEvents(id)
}

async function loadEvents(id: string): Promise<void> {
  const body = await getJson<{ events?: readonly StoredEvent[] }>(`${pathOf(id)}/events?limit=20`)
  if (selected.value === id) events.value = body.events ?? []
}

function receive(data: LiveProfileData, time: number): void {
  if (data.forwardedTo !== undefined) return follow(data.forwardedTo)
  problem.value = ''
  apply(data, time)
  if (eventsTimer !== 0) return
  eventsTimer = window.setTimeout(() => {
    eventsTimer = 0
    loadEvents(selected.value).catch(() => undefined)
  }, EVENTS_REFRESH_MS)
}

function apply(data: LiveProfileData, time: number): void {
  if (data.profile !== undefined) {
    noteTransitions(data.profile, time)
    profile.value = data.profile
  }
  if (data.predictions === undefined || data.predictions === null) return
  predictions.value = { ...predictions.value, ...data.predictions }
  const score = data.predictions['purchase']?.score
  if (score !== undefined) course.value = [...course.value, { time, score }].slice(-COURSE_MAX)
}

function noteTransitions(next: Profile, time: number): void {
  const before = profile.value?.machines
  if (before === undefined) return
  const found = Object.entries(next.machines ?? {}).flatMap(([machine, to]) => {
    const from = before[machine]
    return from === undefined || from === to ? [] : [{ time, machine, from, to }]
  })
  if (found.length > 0) transitions.value = [...found, ...transitions.value].slice(0, 12)
}
