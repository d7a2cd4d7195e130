import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Shop } from '../../src/simulator/shop.ts'
import type { ShopEvent } from '../../src/simulator/shop.ts'
import type { RunningLimn } from './server.ts'

const LIMN = resolve(import.meta.dirname, '../../dist/src/cli/limn.js')
const DAY_MS = 86_400_000
const BATCH_EVENTS = 200
/** A Monday. */
const START_TIME = Date.UTC(2025, 0, 6)

/** Models of every task over a few traits; one learns from a trait that tells the outcome. */
const PROFILE = `
traits:
  device: { part: attributes, op: last, on: '*', value: device_type, text: true }
  events: { part: behaviour, op: count, on: '*' }
  events_1h: { part: behaviour, op: count, on: '*', window: 1h }
  views_24h: { part: behaviour, op: count, on: Product Viewed, window: 24h }
  cart_adds_24h: { part: behaviour, op: count, on: Product Added, window: 24h }
  since_view: { part: behaviour, op: since, on: Product Viewed, unit: s }
  category: { part: interests, op: last, on: Product Viewed, value: category, text: true }
  price: { part: interests, op: mean, on: Product Viewed, value: price }
  spend: { part: consumption, op: sum, on: Order Completed, value: revenue }
  heat: { part: behaviour, op: last, on: '*', value: properties.heat }
  outcome: { part: behaviour, op: last, on: '*', value: properties.outcome, text: true }
models:
  purchase:
    target: { event: Order Completed, within: 24h }
    features: { exclude: [outcome] }
    learners: [logistic]
    search: { trials: 0 }
  next_category:
    target: { event: Product Viewed, label: next, value: category, within: 24h }
    features: { exclude: [outcome] }
    learners: [logistic]
    search: { trials: 0 }
  spend_24h:
    target: { event: Order Completed, label: sum, value: revenue, within: 24h }
    features: { exclude: [outcome] }
    learners: [linear]
    search: { trials: 0 }
  views_next:
    target: { event: Product Viewed, label: count, within: 24h }
    features: { exclude: [outcome] }
    learners: [linear]
    search: { trials: 0 }
  leaking:
    target: { event: Order Completed, within: 24h }
    learners: [logistic]
    search: { trials: 0 }
  never:
    target: { event: Moon Landed, within: 24h }
    features: { exclude: [outcome] }
    learners: [logistic]
  too_long:
    target: { event: Order Completed, within: 300d }
    features: { exclude: [outcome] }
    learners: [logistic]
  slow:
    target: { event: Order Completed, within: 24h }
    features: { exclude: [outcome] }
    learners: [boosted_trees]
    search: { trials: 500 }
`

/** Writes the profile file and returns its path. */
export function writeProfile(directory: string): string {
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'profile.yaml')
  writeFileSync(file, PROFILE)
  return file
}

/**
 * Days of a simulated shop, the same ones in every run, moved such that they end now; each shopper under one id, `shopper-<n>`. The property `outcome`
 * of an event tells whether an order follows within 24 h.
 */
export function shopEvents(days: number, shoppers: number): Record<string, unknown>[] {
  const endTime = START_TIME + days * DAY_MS
  const shiftMs = Date.now() - endTime
  const shop = new Shop({ seed: 1, shoppers, startTime: START_TIME })
  const events: ShopEvent[] = []
  for (let event = shop.next(); event.time < endTime; event = shop.next()) {
    const { type } = event.message
    if (type === 'track' || type === 'page') events.push(event)
  }
  const orders = new Map<number, number[]>()
  for (const { isOrder, shopper, time } of events) {
    if (isOrder) orders.set(shopper, [...(orders.get(shopper) ?? []), time])
  }
  return events.map(({ message, shopper, time }) => {
    const { anonymousId: _, ...rest } = message
    const follows = (orders.get(shopper) ?? []).some((order) => {
      return order > time && order <= time + DAY_MS
    })
    const properties = { ...(message.properties as object), outcome: follows ? 'yes' : 'no' }
    const timestamp = new Date(time + shiftMs).toISOString()
    return { ...rest, userId: `shopper-${shopper}`, properties, timestamp }
  })
}

export async function importEvents(limn: RunningLimn, events: readonly object[]): Promise<void> {
  for (let first = 0; first < events.length; first += BATCH_EVENTS) {
    const batch = events.slice(first, first + BATCH_EVENTS)
    const { status, body } = await limn.post('/v1/import', { batch })
    if (status !== 200 || body.rejected !== undefined) throw new Error(JSON.stringify(body))
  }
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command; `onError` sees standard error grow and may signal the process. */
export function runLimn(
  words: readonly string[],
  env: Record<string, string>,
  onError: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, [LIMN, ...words], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
    onError(stderr, (signal) => child.kill(signal))
  })
  return new Promise((ended) => child.once('close', (code) => ended({ code, stdout, stderr })))
}
